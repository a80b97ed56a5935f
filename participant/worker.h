#pragma once
// The thread that owns one database. Takes every job that queued, runs them in order, and hands the
// results back in one go.

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
  void run();
  Status run_one(Job job, std::vector<WorkerResult>& results);

  std::unique_ptr<ResourceManager> manager_;
  std::function<void(std::vector<WorkerResult>)> deliver_;
  BoundedQueue<Job> jobs_;
  std::jthread thread_;
};

}  // namespace troth::participant
