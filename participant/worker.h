#pragma once
// The thread that owns one database. Takes every job that queued: decisions, flushes and discards
// in their order and first, then new work in portions; hands the results of a round back in one go.

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "participant/worker_port.h"

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
  /// Runs what is queued, closes the database, joins. Idempotent.
  void stop();

 private:
  static constexpr MonotonicTime kAtOnce{};

  void run();
  Status run_round(std::deque<Job> jobs, std::vector<WorkerResult>& results);
  Status decide(const Job& job, std::vector<WorkerResult>& results);
  static void report(std::vector<ResourceEvent> events, std::vector<WorkerResult>& results);

  std::unique_ptr<ResourceManager> manager_;
  std::function<void(std::vector<WorkerResult>)> deliver_;
  BoundedQueue<Job> jobs_;
  std::deque<ExecuteRequest> executes_;  // the worker thread's own: taken and not yet begun
  std::jthread thread_;
};

}  // namespace troth::participant
