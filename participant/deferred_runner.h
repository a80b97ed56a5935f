#pragma once
// The jobs of a database of the contract *deferred apply*: decisions, flushes and discards in their
// order and first, then new work in portions.

#include <deque>
#include <vector>

#include "participant/job_runner.h"

namespace troth::participant {

class DeferredRunner final : public JobRunner {
 public:
  explicit DeferredRunner(DeferredApply& manager) : manager_(manager) {}

  Status round(std::deque<Job> jobs, std::vector<WorkerResult>& results) override;
  bool has_more() const override { return !executes_.empty(); }

 private:
  Status decide(const Job& job, std::vector<WorkerResult>& results);

  DeferredApply& manager_;
  std::deque<ExecuteRequest> executes_;
};

}  // namespace troth::participant
