#pragma once
// The daemons that a benchmark loads: its own in a temporary directory, or those that a running
// coordinator names. Also what can be seen of them from outside: counters, CPU time, memory.

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench_options.h"
#include "protocol/ports.h"
#include "troth/result.h"
#include "troth/time.h"

namespace troth::cli {

struct BenchNode {
  std::string name;
  std::string address;
  pid_t pid = -1;  ///< -1: not ours, its CPU time and memory are not known
};

/// The coordinator first, then the participants.
using BenchNodes = std::vector<BenchNode>;

/// One look at a node.
struct NodeSample {
  std::map<std::string, std::uint64_t> counters;
  std::vector<PhaseLatency> phases;
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
};

/// kUnavailable if the node does not answer.
Result<NodeSample> sample(const BenchNode& node);
/// The CPU seconds of a process of this machine; 0 if there is none.
double cpu_seconds_of(pid_t pid);
std::uint64_t resident_bytes_of(pid_t pid);

/// The coordinator behind `endpoints` and the first `participants` it is linked to.
Result<BenchNodes> running_cluster(const std::vector<std::string>& endpoints, int participants);

/// Coordinator c1 and participants p1..pn beside a stock SQLite file each, in a directory of their
/// own on loopback ports. All of it is gone when this is destroyed.
class LocalCluster {
 public:
  /// Makes files and logs and starts everything.
  /// `schemas`: SQL for each participant's database; none: bench_accounts.
  static Result<std::unique_ptr<LocalCluster>> start(const BenchOptions& options,
                                                     const std::vector<std::string>& schemas = {});
  ~LocalCluster();
  LocalCluster(const LocalCluster&) = delete;
  LocalCluster& operator=(const LocalCluster&) = delete;

  BenchNodes nodes() const;
  /// SIGKILL, all at once.
  void kill();
  /// SIGKILL of one node, by its place in nodes(), and starts it again.
  Status bounce(std::size_t node);
  /// Starts everything again; how long each took until it was ready, in the order of nodes().
  Result<std::vector<Duration>> restart();

 private:
  struct Daemon;
  LocalCluster();
  Status prepare(const BenchOptions& options, const std::vector<std::string>& schemas);
  Status launch(Daemon& daemon);

  std::string dir_;
  std::string programs_;
  std::vector<Daemon> daemons_;  // participants first: the coordinator is told their addresses
};

}  // namespace troth::cli
