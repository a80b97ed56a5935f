#pragma once
// One database's jobs, without a thread: decisions, flushes and discards in their order and first,
// then new work in portions. The worker thread drives it, or a simulator.

#include <deque>
#include <vector>

#include "participant/worker_port.h"

namespace troth::participant {

class JobRunner {
 public:
  explicit JobRunner(ResourceManager& manager) : manager_(manager) {}

  /// Runs what is given and a portion of the work taken earlier. An error means that database and
  /// memory may disagree: nothing more may be run.
  Status round(std::deque<Job> jobs, std::vector<WorkerResult>& results);
  /// Work was taken that has not begun.
  bool has_more() const { return !executes_.empty(); }

 private:
  Status decide(const Job& job, std::vector<WorkerResult>& results);

  ResourceManager& manager_;
  std::deque<ExecuteRequest> executes_;
};

}  // namespace troth::participant
