#pragma once
// The results of a benchmark, and their output.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench_beside.h"
#include "bench/bench_cluster.h"
#include "bench/bench_load.h"
#include "bench/bench_options.h"

namespace troth::cli {

struct NodeReport {
  BenchNode node;
  std::map<std::string, std::uint64_t> counters;  ///< how much each grew in the window
  double cpu_seconds = 0;
  std::uint64_t resident_before = 0;  ///< before the load started
  std::uint64_t resident_peak = 0;    ///< looked at once a second
};

/// How long a phase took for the transactions of the window, as the coordinator measured it.
struct PhaseReport {
  std::string name;  ///< queue, prepare, log, commit
  LatencyHistogram nanoseconds;
  double mean = 0;  ///< of the exact sum
};
/// What happened between two looks at a coordinator. Phases that it does not know are left out.
std::vector<PhaseReport> phases_between(const std::vector<PhaseLatency>& before,
                                        const std::vector<PhaseLatency>& after);

/// One daemon after kill -9.
struct RecoveryReport {
  std::string name;
  std::uint64_t records = 0;  ///< in its log when it was killed
  double seconds = 0;         ///< from its start until it said ready
  std::uint64_t resident = 0;
};

struct BenchReport {
  double seconds = 0;
  LoadResult load;
  std::vector<NodeReport> nodes;
  std::vector<PhaseReport> phases;
  double client_cpu_seconds = 0;
  std::vector<std::uint64_t> each_second;  ///< finished, from the start of the warm-up
  bool conserved = true;                   ///< the sum of all balances did not change
  std::vector<RecoveryReport> recovery;
  std::optional<BesideReport> beside;
};

nlohmann::ordered_json to_json(const BenchOptions& options, const BenchReport& report);
std::string describe(const BenchOptions& options, const BenchReport& report, bool headers);
/// One line a second.
std::string csv_of(const BenchReport& report);

}  // namespace troth::cli
