#pragma once
// One database's jobs, without a thread of its own: the worker thread drives it, or a simulator.
// One implementation for each contract of resource managers, so that the engine knows neither.

#include <deque>
#include <vector>

#include "participant/worker_port.h"

namespace troth::participant {

class JobRunner {
 public:
  virtual ~JobRunner() = default;
  /// Runs the given jobs, and earlier work that is due. An error means that database and memory may
  /// disagree: nothing more may be run.
  virtual Status round(std::deque<Job> jobs, std::vector<WorkerResult>& results) = 0;
  /// Some accepted work has not begun: another round is due now.
  virtual bool has_more() const = 0;
};

}  // namespace troth::participant
