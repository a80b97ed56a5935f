#pragma once
// The thread that owns one database. Takes every job that queued, runs a round (job_runner.h), and
// hands its results back in one go.

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "participant/job_runner.h"

namespace troth::participant {

class Worker final : public WorkerPort {
 public:
  /// `deliver` is called on the worker thread with the results of a round; must not block.
  Worker(std::unique_ptr<ResourceManager> manager,
         std::function<void(std::vector<WorkerResult>)> deliver);
  ~Worker() override;

  ResourceManager& manager() { return *manager_; }  ///< before start() only
  void start();
  void post(Job job) override;
  void flush() override;
  /// Runs what is queued, closes the database, joins. Idempotent.
  void stop();

 private:
  static constexpr MonotonicTime kAtOnce{};
  /// Then the thread starts while the engine's round goes on.
  static constexpr std::size_t kEnoughToStart = 16;

  void run();

  std::unique_ptr<ResourceManager> manager_;
  JobRunner runner_;  // the worker thread's own
  std::function<void(std::vector<WorkerResult>)> deliver_;
  std::deque<Job> posted_;  // the engine's: not yet in jobs_
  BoundedQueue<Job> jobs_;
  std::jthread thread_;
};

}  // namespace troth::participant
