#pragma once
// The load generator: clients with a connection each that submit until stop().

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/latency_histogram.h"
#include "bench/bench_options.h"
#include "protocol/ports.h"

namespace troth::cli {

/// The outcomes of the transactions that were answered inside the measured window.
struct LoadResult {
  /// Nanoseconds from when a transaction was to be sent until its answer (in a batch: of the whole
  /// batch), for those that ended as they were meant to.
  LatencyHistogram latency;
  std::uint64_t committed = 0;
  std::uint64_t aborted = 0;                     ///< those that --abort-percent made to fail
  std::uint64_t conflicts = 0;                   ///< aborted although they could have committed
  std::uint64_t refused = 0;                     ///< never started, for example BUSY
  std::uint64_t unknown = 0;                     ///< no outcome in time, or the call failed
  std::uint64_t wrong = 0;                       ///< committed although a row was missing: a defect
  std::map<std::string, std::uint64_t> reasons;  ///< of conflicts, refusals and failures
  std::string example;                           ///< one sentence of theirs

  std::uint64_t finished() const { return committed + aborted; }
  void add(const LoadResult& other);
};

/// Makes transactions. One per thread.
class TransactionMaker {
 public:
  TransactionMaker(const BenchOptions& options, const std::vector<NodeName>& participants,
                   std::uint64_t seed);
  /// Overwrites `request`; true if it must fail.
  bool make(SubmitRequest& request);
  /// The request before its first make().
  const SubmitRequest& blank() const { return blank_; }

 private:
  std::uint64_t next();  // splitmix64
  const BenchOptions& options_;
  SubmitRequest blank_;
  std::uint64_t state_;
};

class Load {
 public:
  /// `options` must outlive the load.
  Load(const BenchOptions& options, std::vector<std::string> endpoints,
       std::vector<NodeName> participants);
  ~Load();

  void start();
  /// Answers count from now on, or no longer.
  void measure(bool on) { measuring_ = on; }
  /// Finished transactions since the start, measured or not.
  std::uint64_t finished() const { return finished_; }
  /// Waits for the running transactions and adds up the results. Called once.
  LoadResult stop();

 private:
  class Worker;
  /// Speaks for all of them on one thread.
  static void run_together(const std::vector<Worker*>& clients, const std::stop_token& stop);
  const BenchOptions& options_;
  const std::vector<std::string> endpoints_;
  const std::vector<NodeName> participants_;
  std::atomic<bool> measuring_ = false;
  std::atomic<std::uint64_t> finished_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::jthread> threads_;
};

}  // namespace troth::cli
