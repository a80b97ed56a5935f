#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <optional>

#include "bench/bench_cluster.h"
#include "bench/bench_load.h"
#include "bench/bench_report.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "os/interrupts.h"
#include "troth/client.h"

namespace troth::cli {

using namespace protocol;
using SteadyClock = std::chrono::steady_clock;

namespace {

double own_cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

/// The sum of all balances, in one transaction over all participants.
Result<std::int64_t> sum_of_balances(const std::vector<std::string>& endpoints,
                                     const std::vector<NodeName>& participants) {
  ClientOptions options;
  options.endpoints = endpoints;
  Client client(options);
  SubmitRequest request;
  request.deadline = std::chrono::seconds(60);
  for (const auto& name : participants)
    request.branches.push_back({name, {{"SELECT sum(balance) FROM bench_accounts", {}, {}}}});
  TROTH_ASSIGN_OR_RETURN(const auto reply, client.submit(request));
  if (reply.refusal) return fail(reply.refusal->error);
  if (reply.outcome.outcome != Outcome::kCommitted)
    return fail(ErrorCode::kIllegalState,
                "cannot read bench_accounts at every participant: " + reply.outcome.reason.detail);
  std::int64_t sum = 0;
  for (const auto& branch : reply.outcome.results) {
    const auto* value = std::get_if<std::int64_t>(&branch.results.at(0).rows.at(0).at(0));
    if (value == nullptr)
      return fail(ErrorCode::kNotFound,
                  fmt::format("bench_accounts is empty at {}", branch.participant));
    sum += *value;
  }
  return sum;
}

/// One run: warm-up, the measured window, and a look at every node at both of its ends.
class Run {
 public:
  Run(const BenchOptions& options, BenchNodes nodes, bool show_progress)
      : options_(options), nodes_(std::move(nodes)), show_progress_(show_progress) {
    for (std::size_t i = 1; i < nodes_.size(); ++i)
      participants_.push_back(*NodeName::parse(nodes_[i].name));
  }

  Result<BenchReport> measure(Interrupts& interrupts) {
    TROTH_ASSIGN_OR_RETURN(const auto sum_before, sum_of_balances(endpoint(), participants_));
    for (const auto& node : nodes_)
      report_.nodes.push_back({node, {}, 0, resident_bytes_of(node.pid), 0});
    Load load(options_, endpoint(), participants_);
    load.start();
    watch(load, options_.warmup, "warm-up", interrupts);
    TROTH_ASSIGN_OR_RETURN(const auto before, sample_all());
    const double cpu_before = own_cpu_seconds();
    const auto began = SteadyClock::now();
    load.measure(true);
    watch(load, options_.time, "", interrupts);
    load.measure(false);
    report_.seconds = std::chrono::duration<double>(SteadyClock::now() - began).count();
    report_.client_cpu_seconds = own_cpu_seconds() - cpu_before;
    TROTH_ASSIGN_OR_RETURN(const auto after, sample_all());
    report_.load = load.stop();
    report_.phases = phases_between(before[0].phases, after[0].phases);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      auto& node = report_.nodes[i];
      node.cpu_seconds = after[i].cpu_seconds - before[i].cpu_seconds;
      for (const auto& [name, value] : after[i].counters) {
        const auto first = before[i].counters.find(name);
        node.counters[name] = value - (first == before[i].counters.end() ? 0 : first->second);
      }
    }
    if (options_.workload == Workload::kMixed) {
      TROTH_ASSIGN_OR_RETURN(report_.beside,
                             measure_beside(options_, endpoint(), participants_, interrupts));
    }
    TROTH_ASSIGN_OR_RETURN(const auto sum_after, sum_of_balances(endpoint(), participants_));
    report_.conserved = sum_before == sum_after;
    return std::move(report_);
  }

 private:
  std::vector<std::string> endpoint() const { return {nodes_[0].address}; }

  Result<std::vector<NodeSample>> sample_all() {
    std::vector<NodeSample> out;
    for (const auto& node : nodes_) {
      TROTH_ASSIGN_OR_RETURN(auto one, sample(node));
      out.push_back(std::move(one));
    }
    return out;
  }

  /// Looks around once a second until `time` is over.
  void watch(Load& load, Duration time, const char* what, Interrupts& interrupts) {
    const auto end = SteadyClock::now() + time;
    auto seen = load.finished();
    auto at = SteadyClock::now();
    while (at < end) {
      const auto next = std::min(end, at + std::chrono::seconds(1));
      const bool interrupted = interrupts.wait(next);
      const auto now = SteadyClock::now();
      const double passed = std::chrono::duration<double>(now - at).count();
      const auto finished = load.finished();
      const double rate = static_cast<double>(finished - seen) / passed;
      report_.each_second.push_back(finished - seen);
      for (auto& node : report_.nodes)
        node.resident_peak = std::max(node.resident_peak, resident_bytes_of(node.node.pid));
      if (show_progress_)
        std::fprintf(stderr, "\r%4zu s  %9.0f transactions/s %s\033[K", report_.each_second.size(),
                     rate, what);
      seen = finished;
      at = next;
      if (interrupted) break;
    }
    if (show_progress_ && *what == '\0') std::fprintf(stderr, "\r\033[K");
  }

  const BenchOptions& options_;
  const BenchNodes nodes_;
  const bool show_progress_;
  std::vector<NodeName> participants_;
  BenchReport report_;
};

Status recover(LocalCluster& cluster, BenchReport& report) {
  for (const auto& node : cluster.nodes()) {
    TROTH_ASSIGN_OR_RETURN(auto last, sample(node));
    report.recovery.push_back({node.name, last.counters["records"], 0, 0});
  }
  cluster.kill();
  TROTH_ASSIGN_OR_RETURN(const auto took, cluster.restart());
  const auto nodes = cluster.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    report.recovery[i].seconds = std::chrono::duration<double>(took[i]).count();
    report.recovery[i].resident = resident_bytes_of(nodes[i].pid);
  }
  return {};
}

Status write_file(const std::string& path, const std::string& text) {
  if (path.empty()) return {};
  std::ofstream out(path);
  out << text;
  out.close();
  if (!out) return fail(ErrorCode::kIo, fmt::format("cannot write {}", path));
  return {};
}

Result<BenchReport> measure(const Arguments& arguments, const BenchOptions& options) {
  Interrupts interrupts;  // before any thread is started; ends the measurement, not the report
  std::unique_ptr<LocalCluster> cluster;
  BenchNodes nodes;
  if (options.local) {
    ::unsetenv("TROTH_TLS_DIR");  // its own daemons speak plain TCP on loopback
    TROTH_ASSIGN_OR_RETURN(cluster, LocalCluster::start(options));
    nodes = cluster->nodes();
  } else {
    TROTH_ASSIGN_OR_RETURN(nodes, running_cluster(arguments.endpoints, options.participants));
  }
  Run run(options, std::move(nodes), !arguments.quiet && ::isatty(STDERR_FILENO) != 0);
  TROTH_ASSIGN_OR_RETURN(auto report, run.measure(interrupts));
  if (options.workload == Workload::kRecovery) TROTH_TRY(recover(*cluster, report));
  return report;
}

}  // namespace

int bench(const Arguments& arguments, const Words& words) {
  const auto options = parse_bench_options(words);
  if (!options) return report(arguments, options.error());
  if (options->is_application()) return bench_application(arguments, *options);
  const auto found = measure(arguments, *options);
  if (!found)
    return report(arguments, found.error().context,
                  options->local ? "" : "troth help bench says which table must be there",
                  found.error().code == ErrorCode::kUnavailable ? kUnreachable : kFailed);
  auto json = to_json(*options, *found);
  for (const auto& written :
       {write_file(options->csv, csv_of(*found)), write_file(options->json, json.dump(2) + "\n"),
        write_file(options->hgrm, found->load.latency.percentile_text(1000))})
    if (!written) return report(arguments, written.error());
  if (arguments.output == Output::kJson || arguments.output == Output::kJsonl)
    print_json(arguments, "troth.bench/1", std::move(json));
  else
    std::printf("%s", describe(*options, *found, arguments.headers).c_str());
  if (!found->conserved || found->load.wrong > 0)
    return report(arguments, "atomicity was broken: this is a defect of troth",
                  "keep the data directories and report it", kFailed);
  return kOk;
}

}  // namespace troth::cli
