#pragma once
// The thread that owns one database. It takes every job that queued, runs them as a round
// (job_runner.h), and hands the results back in one go. While it rests, the engine may run quick
// jobs itself.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "os/bounded_queue.h"
#include "participant/deferred_runner.h"

namespace troth::participant {

class Worker final : public WorkerPort {
 public:
  /// `manager` is open. `deliver` is called with the results of a round on the worker thread, and
  /// on threads of the manager; it must not block.
  Worker(std::unique_ptr<DeferredApply> manager,
         std::function<void(std::vector<WorkerResult>)> deliver);
  ~Worker() override;

  DeferredApply& manager() { return *manager_; }  ///< before start() only
  void start();
  void post(Job job) override;
  void cancel(const Gtid& gtid) override { manager_->cancel(gtid); }
  bool executes(const Gtid& gtid) override { return manager_->executes(gtid); }
  void flush() override;
  bool run_here(std::vector<WorkerResult>& results) override;
  /// From any thread, for good: ends running executions and refuses queued ones with DRAINING.
  /// Applies and flushes go on.
  void stop_executing() { manager_->stop_executing(); }
  /// Runs the queued jobs, closes the database, joins. Idempotent.
  void stop();

 private:
  static constexpr MonotonicTime kAtOnce{};
  /// Then the thread starts while the engine's round goes on.
  static constexpr std::size_t kEnoughToStart = 16;

  void run();
  bool is_quick(const Job& job) const;

  std::unique_ptr<DeferredApply> manager_;
  DeferredRunner runner_;  // the thread's; the engine's while the thread rests
  const std::function<void(std::vector<WorkerResult>)> deliver_;
  const std::function<void(Executed)> answer_;  // of what does not wait for the thread
  std::deque<Job> posted_;                      // the engine's: not yet in jobs_
  std::size_t handed_over_ = 0;                 // the engine's: jobs that went to the thread
  std::atomic<std::size_t> done_ = 0;           // of those; when it is all of them the thread rests
  std::atomic<bool> failed_ = false;
  BoundedQueue<Job> jobs_;
  std::jthread thread_;
};

}  // namespace troth::participant
