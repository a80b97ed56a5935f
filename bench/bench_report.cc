#include "bench/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "os/table_printer.h"

namespace troth::cli {

using nlohmann::ordered_json;

namespace {

constexpr double kMicrosecond = 1000;
constexpr double kMiB = 1024.0 * 1024.0;
constexpr const char* kCounters[] = {"forced_writes", "fsyncs",        "messages_sent",
                                     "records",       "message_bytes", "log_bytes"};

const char* name_of(Workload workload) {
  switch (workload) {
    case Workload::kTransfer:
      return "transfer";
    case Workload::kReadOnly:
      return "read-only";
    case Workload::kMixed:
      return "mixed";
    case Workload::kRecovery:
      return "recovery";
    case Workload::kSmallBank:
      return "smallbank";
    case Workload::kTpcc:
      return "tpcc";
  }
  return "";
}

double rounded(double value, double digits) {
  return std::round(value * digits) / digits;
}

double per_transaction(const BenchReport& report, double amount) {
  const auto finished = report.load.finished();
  return finished == 0 ? 0.0 : amount / static_cast<double>(finished);
}

double counter_per_transaction(const BenchReport& report, const NodeReport& node,
                               const char* counter) {
  const auto found = node.counters.find(counter);
  return found == node.counters.end() ? 0.0
                                      : per_transaction(report, static_cast<double>(found->second));
}

/// Of a counter, which begins anew when its daemon does.
std::uint64_t growth(std::uint64_t before, std::uint64_t after) {
  return after >= before ? after - before : after;
}

ordered_json latency_json(const LatencyHistogram& latency) {
  const auto at = [&](double q) {
    return rounded(static_cast<double>(latency.quantile(q)) / kMicrosecond, 10);
  };
  return {{"mean", rounded(latency.mean() / kMicrosecond, 10)},
          {"p50", at(0.5)},
          {"p90", at(0.9)},
          {"p99", at(0.99)},
          {"p999", at(0.999)},
          {"max", at(1)}};
}

ordered_json phases_json(const BenchReport& report) {
  auto out = ordered_json::object();
  for (const auto& phase : report.phases) {
    const auto at = [&](double q) {
      return rounded(static_cast<double>(phase.nanoseconds.quantile(q)) / kMicrosecond, 10);
    };
    out[phase.name] = {{"count", phase.nanoseconds.count()},
                       {"mean", rounded(phase.mean / kMicrosecond, 10)},
                       {"p50", at(0.5)},
                       {"p99", at(0.99)}};
  }
  return out;
}

std::string phases_text(const BenchReport& report, bool headers) {
  if (report.phases.empty()) return {};
  TablePrinter table({"PHASE", "MEAN MS", "P50 MS", "P99 MS", "TRANSACTIONS"});
  for (const auto& phase : report.phases) {
    const bool seen = phase.nanoseconds.count() > 0;
    const auto ms = [&](double nanoseconds) {
      return seen ? fmt::format("{:.3f}", nanoseconds / 1e6) : "-";
    };
    const auto at = [&](double q) { return static_cast<double>(phase.nanoseconds.quantile(q)); };
    table.add({phase.name, ms(phase.mean), ms(at(0.5)), ms(at(0.99)),
               std::to_string(phase.nanoseconds.count())});
  }
  return table.print(headers, 0);
}

ordered_json node_json(const BenchReport& report, const NodeReport& node) {
  ordered_json out = {{"name", node.node.name}, {"address", node.node.address}};
  for (const char* counter : kCounters)
    out[fmt::format("{}_per_txn", counter)] =
        rounded(counter_per_transaction(report, node, counter), 1e4);
  if (node.node.pid > 0) {
    out["cpu_us_per_txn"] = rounded(per_transaction(report, node.cpu_seconds * 1e6), 100);
    out["resident_before_bytes"] = node.resident_before;
    out["resident_peak_bytes"] = node.resident_peak;
  }
  return out;
}

std::string load_text(const LoadResult& load, double seconds) {
  std::string out =
      fmt::format("{:.0f} transactions/s ({} in {:.2f} s)\n",
                  static_cast<double>(load.finished()) / seconds, load.finished(), seconds);
  if (load.aborted > 0) out += fmt::format("{} of them aborted, as they had to\n", load.aborted);
  const std::pair<const char*, std::uint64_t> troubles[] = {
      {"aborted by conflicts", load.conflicts},
      {"refused", load.refused},
      {"without an outcome", load.unknown},
      {"COMMITTED WITHOUT A ROW", load.wrong}};
  for (const auto& [what, times] : troubles)
    if (times > 0) out += fmt::format("{} {}\n", times, what);
  for (const auto& [reason, times] : load.reasons)
    out += fmt::format("  {} {}\n", times, printable(reason));
  if (!load.example.empty()) out += fmt::format("  for example: {}\n", printable(load.example));
  const auto ms = [&](double q) { return static_cast<double>(load.latency.quantile(q)) / 1e6; };
  return out +
         fmt::format("latency ms: p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f}\n",
                     ms(0.5), ms(0.9), ms(0.99), ms(0.999), ms(1));
}

// Latency of a transfer beside the long work, divided by its latency alone, at the percentile.
double times_p99(const BenchReport& report) {
  constexpr double kP99 = 0.99;
  const auto alone = static_cast<double>(report.load.latency.quantile(kP99));
  return alone == 0 ? 0 : static_cast<double>(report.beside->load.latency.quantile(kP99)) / alone;
}

std::string beside_text(const BenchReport& report) {
  const auto& beside = *report.beside;
  return fmt::format(
      "beside a SELECT of {:.1f} s and CREATE INDEX of {:.1f} s:\n{}p99 is {:.2f} "
      "times that of transfers alone\n",
      beside.select_seconds, beside.index_seconds, load_text(beside.load, beside.seconds),
      times_p99(report));
}

ordered_json beside_json(const BenchReport& report) {
  const auto& beside = *report.beside;
  const auto& load = beside.load;
  return {{"seconds", rounded(beside.seconds, 1000)},
          {"select_seconds", rounded(beside.select_seconds, 1000)},
          {"index_seconds", rounded(beside.index_seconds, 1000)},
          {"txn_per_s", rounded(static_cast<double>(load.finished()) / beside.seconds, 10)},
          {"conflicts", load.conflicts},
          {"refused", load.refused},
          {"unknown", load.unknown},
          {"latency_us", latency_json(load.latency)},
          {"p99_times", rounded(times_p99(report), 100)}};
}

}  // namespace

std::vector<PhaseReport> phases_between(const std::vector<PhaseLatency>& before,
                                        const std::vector<PhaseLatency>& after) {
  static constexpr std::pair<std::string_view, const char*> kNames[] = {
      {"queue", "queue"}, {"prepare", "prepare"}, {"log_decision", "log"}, {"commit", "commit"}};
  std::vector<PhaseReport> out;
  for (const auto& phase : after) {
    const auto name = std::find_if(std::begin(kNames), std::end(kNames),
                                   [&](const auto& n) { return n.first == phase.phase; });
    if (name == std::end(kNames)) continue;
    const auto first = std::find_if(before.begin(), before.end(),
                                    [&](const auto& p) { return p.phase == phase.phase; });
    std::map<std::uint64_t, std::uint64_t> seen;
    if (first != before.end()) seen = {first->buckets_ns.begin(), first->buckets_ns.end()};
    PhaseReport grown{name->second, {}, 0};
    for (const auto& [value, times] : phase.buckets_ns)
      grown.nanoseconds.record(value, growth(seen[value], times));
    const auto old = first == before.end() ? Duration{0} : first->sum;
    const auto sum = phase.sum < old ? phase.sum : phase.sum - old;  // smaller: it started anew
    if (grown.nanoseconds.count() > 0)
      grown.mean =
          static_cast<double>(sum.count()) / static_cast<double>(grown.nanoseconds.count());
    out.push_back(std::move(grown));
  }
  return out;
}

ordered_json to_json(const BenchOptions& options, const BenchReport& report) {
  const auto& load = report.load;
  ordered_json out = {
      {"workload", name_of(options.workload)},
      {"participants", options.participants},
      {"clients", options.in_flight == 0 ? options.clients : 0},
      {"in_flight", options.in_flight},
      {"batch", options.in_flight == 0 ? 1 : options.batch},
      {"rate", options.rate},
      {"accounts", options.accounts},
      {"hot", options.hot},
      {"abort_percent", options.abort_percent},
      {"seconds", rounded(report.seconds, 1000)},
      {"txn_per_s", rounded(static_cast<double>(load.finished()) / report.seconds, 10)},
      {"committed", load.committed},
      {"aborted", load.aborted},
      {"conflicts", load.conflicts},
      {"refused", load.refused},
      {"unknown", load.unknown},
      {"wrong", load.wrong},
      {"conserved", report.conserved},
      {"latency_us", latency_json(load.latency)},
      {"phases_us", phases_json(report)}};
  if (!load.reasons.empty()) out["reasons"] = load.reasons;
  out["client_cpu_us_per_txn"] =
      rounded(per_transaction(report, report.client_cpu_seconds * 1e6), 100);
  auto nodes = ordered_json::array();
  for (const auto& node : report.nodes) nodes.push_back(node_json(report, node));
  out["nodes"] = nodes;
  if (report.beside) out["beside"] = beside_json(report);
  if (report.recovery.empty()) return out;
  auto recovery = ordered_json::array();
  for (const auto& node : report.recovery)
    recovery.push_back({{"name", node.name},
                        {"records", node.records},
                        {"seconds", rounded(node.seconds, 1000)},
                        {"resident_bytes", node.resident}});
  out["recovery"] = recovery;
  return out;
}

std::string describe(const BenchOptions& options, const BenchReport& report, bool headers) {
  std::string out = fmt::format(
      "{}, {} participants, {}{}\n", name_of(options.workload), options.participants,
      options.in_flight > 0 ? fmt::format("{} in flight by {}", options.in_flight, options.batch)
                            : fmt::format("{} clients", options.clients),
      options.rate > 0 ? fmt::format(", {:.0f}/s from the intended start", options.rate) : "");
  out += load_text(report.load, report.seconds);
  if (report.beside) out += beside_text(report);
  out += phases_text(report, headers);
  out += "each transaction at each node (B: bytes, US: CPU time), and its memory:\n";
  TablePrinter table(
      {"NODE", "FORCED", "FSYNCS", "MSGS", "MSG B", "RECORDS", "LOG B", "US", "MIB", "PEAK MIB"});
  for (const auto& node : report.nodes) {
    const auto counter = [&](const char* name) {
      return fmt::format("{:.3f}", counter_per_transaction(report, node, name));
    };
    const auto bytes = [&](const char* name) {
      return fmt::format("{:.0f}", counter_per_transaction(report, node, name));
    };
    const bool ours = node.node.pid > 0;
    table.add({node.node.name, counter("forced_writes"), counter("fsyncs"),
               counter("messages_sent"), bytes("message_bytes"), counter("records"),
               bytes("log_bytes"),
               ours ? fmt::format("{:.1f}", per_transaction(report, node.cpu_seconds * 1e6)) : "-",
               ours ? fmt::format("{:.1f}", static_cast<double>(node.resident_before) / kMiB) : "-",
               ours ? fmt::format("{:.1f}", static_cast<double>(node.resident_peak) / kMiB) : "-"});
  }
  out += table.print(headers, 0);
  out += fmt::format("clients: {:.1f} us of CPU per transaction\n",
                     per_transaction(report, report.client_cpu_seconds * 1e6));
  for (const auto& node : report.recovery)
    out += fmt::format("{}: ready {:.3f} s after its start, {} records, {:.1f} MiB\n", node.name,
                       node.seconds, node.records, static_cast<double>(node.resident) / kMiB);
  out += report.conserved ? "the sum of all balances is what it was\n"
                          : "THE SUM OF ALL BALANCES CHANGED\n";
  return out;
}

std::string csv_of(const BenchReport& report) {
  std::string out = "second,finished\n";
  for (std::size_t i = 0; i < report.each_second.size(); ++i)
    out += fmt::format("{},{}\n", i + 1, report.each_second[i]);
  return out;
}

}  // namespace troth::cli
