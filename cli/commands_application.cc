// troth bench smallbank|tpcc: load, kills on request, then the databases' own conditions.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/latency_histogram.h"
#include "bench/bench_application.h"
#include "bench/bench_cluster.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "os/interrupts.h"
#include "os/table_printer.h"

namespace troth::cli {

using nlohmann::ordered_json;
using SteadyClock = std::chrono::steady_clock;

namespace {

/// The outcomes of one kind of transaction in the measured window.
struct KindResult {
  LatencyHistogram latency;  // of those that ended as they were meant to, with all their attempts
  std::uint64_t committed = 0, rolled_back = 0, lost = 0, unknown = 0;
};

struct ClientResult {
  std::vector<KindResult> kinds;
  std::uint64_t retries = 0;
  std::map<std::string, std::uint64_t> reasons;
  std::vector<std::string> surprises;
};

struct ApplicationReport {
  std::vector<KindResult> kinds;
  double seconds = 0;
  std::uint64_t retries = 0;
  int kills = 0;
  std::map<std::string, std::uint64_t> reasons;
  std::vector<std::string> surprises, violations;
  bool consistent() const { return violations.empty() && surprises.empty(); }
};

class ApplicationLoad {
 public:
  ApplicationLoad(const BenchOptions& options, Application& application, const BenchNodes& nodes)
      : options_(options), application_(application), endpoint_(nodes[0].address) {
    for (std::size_t i = 1; i < nodes.size(); ++i)
      participants_.push_back(*NodeName::parse(nodes[i].name));
    results_.resize(static_cast<std::size_t>(options.clients));
    for (int i = 0; i < options.clients; ++i)
      threads_.emplace_back([this, i](const std::stop_token& stop) { client(i, stop); });
  }
  void measure(bool on) { measuring_ = on; }
  Teller teller() const { return {{endpoint_}, participants_}; }

  /// Waits for the running transactions and adds up the results. Called once.
  void stop(ApplicationReport& report) {
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();
    report.kinds.resize(application_.kinds().size());
    for (const auto& result : results_) {
      for (std::size_t i = 0; i < result.kinds.size(); ++i) {
        report.kinds[i].latency.add(result.kinds[i].latency);
        report.kinds[i].committed += result.kinds[i].committed;
        report.kinds[i].rolled_back += result.kinds[i].rolled_back;
        report.kinds[i].lost += result.kinds[i].lost;
        report.kinds[i].unknown += result.kinds[i].unknown;
      }
      report.retries += result.retries;
      for (const auto& [reason, times] : result.reasons) report.reasons[reason] += times;
      report.surprises.insert(report.surprises.end(), result.surprises.begin(),
                              result.surprises.end());
    }
  }

 private:
  std::size_t choose(BenchRandom& random) const {
    auto dice = random.between(1, 100);
    const auto& kinds = application_.kinds();
    std::size_t kind = 0;
    while (kind + 1 < kinds.size() && dice > kinds[kind].percent) dice -= kinds[kind++].percent;
    return kind;
  }

  void client(int number, const std::stop_token& stop) {
    auto& result = results_[static_cast<std::size_t>(number)];
    result.kinds.resize(application_.kinds().size());
    auto teller = this->teller();
    teller.go_on = [&stop] { return !stop.stop_requested(); };
    BenchRandom random(options_.seed * 1'000'003 + static_cast<std::uint64_t>(number));
    while (!stop.stop_requested()) {
      const auto kind = choose(random);
      const auto began = SteadyClock::now();
      const auto ended = application_.run(kind, teller, random, number);
      if (!measuring_) continue;
      auto& counted = result.kinds[kind];
      ++(ended == Ended::kCommitted    ? counted.committed
         : ended == Ended::kRolledBack ? counted.rolled_back
         : ended == Ended::kUnknown    ? counted.unknown
                                       : counted.lost);
      if (ended == Ended::kCommitted || ended == Ended::kRolledBack)
        counted.latency.record(static_cast<std::uint64_t>(
            std::chrono::nanoseconds(SteadyClock::now() - began).count()));
    }
    result.retries = teller.retries;
    result.reasons = std::move(teller.reasons);
    result.surprises = std::move(teller.surprises);
  }

  const BenchOptions& options_;
  Application& application_;
  const std::string endpoint_;
  std::vector<NodeName> participants_;
  std::atomic<bool> measuring_ = false;
  std::vector<ClientResult> results_;
  std::vector<std::jthread> threads_;
};

/// The measured window, with the kills spread over it: the coordinator first, then one after the
/// other. Ctrl-C ends it early.
Status watch(const BenchOptions& options, LocalCluster& cluster, Interrupts& interrupts,
             ApplicationReport& report) {
  const auto began = SteadyClock::now();
  const auto nodes = static_cast<int>(cluster.nodes().size());
  for (; report.kills < options.kills; ++report.kills) {
    if (interrupts.wait(began + options.time * (report.kills + 1) / (options.kills + 1))) break;
    TROTH_TRY(cluster.bounce(static_cast<std::size_t>(report.kills % nodes)));
  }
  interrupts.wait(began + options.time);
  report.seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
  return {};
}

Result<ApplicationReport> measure(const BenchOptions& options, Application& application) {
  Interrupts interrupts;  // before any thread is started
  std::vector<std::string> schemas;
  for (int i = 0; i < options.participants; ++i)
    schemas.push_back(application.schema(static_cast<std::size_t>(i)));
  TROTH_ASSIGN_OR_RETURN(const auto cluster, LocalCluster::start(options, schemas));
  ApplicationReport report;
  ApplicationLoad load(options, application, cluster->nodes());
  interrupts.wait(SteadyClock::now() + options.warmup);
  load.measure(true);
  const auto watched = watch(options, *cluster, interrupts, report);
  load.measure(false);
  load.stop(report);
  if (!watched) return fail(watched.error());
  auto teller = load.teller();
  TROTH_ASSIGN_OR_RETURN(report.violations, application.violations(teller));
  return report;
}

double per_second(const ApplicationReport& report, std::uint64_t count) {
  return static_cast<double>(count) / report.seconds;
}

std::uint64_t committed(const ApplicationReport& report) {
  std::uint64_t sum = 0;
  for (const auto& kind : report.kinds) sum += kind.committed;
  return sum;
}

ordered_json report_json(const BenchOptions& options, const Application& application,
                         const ApplicationReport& report) {
  const bool tpcc = options.workload == Workload::kTpcc;
  ordered_json out = {{"workload", tpcc ? "tpcc" : "smallbank"},
                      {"participants", options.participants},
                      {"clients", options.clients},
                      {"customers", options.customers}};
  if (tpcc) {
    out["warehouses"] = options.warehouses;
    out["items"] = options.items;
  }
  out["seconds"] = report.seconds;
  out["kills"] = report.kills;
  out["committed"] = committed(report);
  out["txn_per_s"] = per_second(report, committed(report));
  if (tpcc) out["new_orders_per_minute"] = 60 * per_second(report, report.kinds[0].committed);
  out["retries"] = report.retries;
  auto kinds = ordered_json::array();
  for (std::size_t i = 0; i < report.kinds.size(); ++i) {
    const auto& kind = report.kinds[i];
    kinds.push_back({{"name", application.kinds()[i].name},
                     {"committed", kind.committed},
                     {"rolled_back", kind.rolled_back},
                     {"lost", kind.lost},
                     {"unknown", kind.unknown},
                     {"p50_us", kind.latency.quantile(0.5) / 1000},
                     {"p99_us", kind.latency.quantile(0.99) / 1000}});
  }
  out["transactions"] = std::move(kinds);
  if (!report.reasons.empty()) out["reasons"] = report.reasons;
  out["surprises"] = report.surprises;
  out["violations"] = report.violations;
  out["consistency"] = report.consistent() ? "ok" : "violated";
  return out;
}

std::string describe(const BenchOptions& options, const Application& application,
                     const ApplicationReport& report, bool headers) {
  const bool tpcc = options.workload == Workload::kTpcc;
  auto out = fmt::format(
      "{}, {} participants, {} clients, {}\n{:.0f} transactions/s ({} in {:.2f} s){}\n{} kills, {} "
      "attempts repeated\n",
      tpcc ? "tpcc" : "smallbank", options.participants, options.clients,
      tpcc ? fmt::format("{} warehouses, {} customers a district, {} items", options.warehouses,
                         options.customers, options.items)
           : fmt::format("{} customers", options.customers),
      per_second(report, committed(report)), committed(report), report.seconds,
      tpcc ? fmt::format(", {:.0f} new orders/min",
                         60 * per_second(report, report.kinds[0].committed))
           : "",
      report.kills, report.retries);
  for (const auto& [reason, times] : report.reasons) out += fmt::format("  {} {}\n", times, reason);
  TablePrinter table(
      {"TRANSACTION", "COMMITTED", "ROLLED BACK", "LOST", "UNKNOWN", "P50 MS", "P99 MS"});
  for (std::size_t i = 0; i < report.kinds.size(); ++i) {
    const auto& kind = report.kinds[i];
    const auto ms = [&](double q) {
      return fmt::format("{:.2f}", static_cast<double>(kind.latency.quantile(q)) / 1e6);
    };
    table.add({application.kinds()[i].name, std::to_string(kind.committed),
               std::to_string(kind.rolled_back), std::to_string(kind.lost),
               std::to_string(kind.unknown), ms(0.5), ms(0.99)});
  }
  out += table.print(headers, 0);
  for (const auto& surprise : report.surprises) out += printable(surprise) + "\n";
  for (const auto& violation : report.violations) out += printable(violation) + "\n";
  return out + fmt::format("CONSISTENCY {}\n", report.consistent() ? "ok" : "violated");
}

}  // namespace

int bench_application(const Arguments& arguments, const BenchOptions& options) {
  const auto application =
      options.workload == Workload::kTpcc ? make_tpcc(options) : make_smallbank(options);
  const auto found = measure(options, *application);
  if (!found) return report(arguments, found.error().context, "", kFailed);
  auto json = report_json(options, *application, *found);
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << json.dump(2) << "\n";
    file.close();
    if (!file)
      return report(arguments, Error{ErrorCode::kIo, fmt::format("cannot write {}", options.json)});
  }
  if (arguments.output == Output::kJson || arguments.output == Output::kJsonl)
    print_json(arguments, "troth.bench/1", std::move(json));
  else
    std::printf("%s", describe(options, *application, *found, arguments.headers).c_str());
  if (found->consistent()) return kOk;
  return report(arguments, "the databases are not what they must be: this is a defect of troth",
                "run it again with the same --seed and report it", kFailed);
}

}  // namespace troth::cli
