#include "participant/worker.h"

#include <limits>

namespace troth::participant {

Worker::Worker(std::unique_ptr<ResourceManager> manager,
               std::function<void(std::vector<WorkerResult>)> deliver)
    : manager_(std::move(manager)),
      deliver_(std::move(deliver)),
      jobs_(std::numeric_limits<std::size_t>::max()) {}

Worker::~Worker() {
  stop();
}

void Worker::start() {
  thread_ = std::jthread([this] { run(); });
}

void Worker::post(Job job) {
  // The engine bounds the number of branches, and so of jobs. After stop() nothing is owed any
  // more.
  static_cast<void>(jobs_.push_reserved(std::move(job)));
}

void Worker::stop() {
  jobs_.close();
  if (thread_.joinable()) thread_.join();
}

void Worker::run() {
  while (true) {
    auto jobs = jobs_.take_all(std::nullopt);
    std::vector<WorkerResult> results;
    for (auto& job : jobs) {
      if (auto done = run_one(std::move(job), results); !done) {
        results.emplace_back(WorkerFailed{done.error()});
        deliver_(std::move(results));
        return;  // the database and memory may disagree: nothing more is done here
      }
    }
    if (!results.empty()) deliver_(std::move(results));
    if (jobs.empty() && jobs_.closed()) break;
  }
  manager_->close();
}

Status Worker::run_one(Job job, std::vector<WorkerResult>& results) {
  std::vector<ResourceEvent> events;
  if (auto* execute = std::get_if<ExecuteJob>(&job)) {
    manager_->execute(std::move(execute->request), events);
  } else if (const auto* apply = std::get_if<ApplyJob>(&job)) {
    TROTH_TRY(manager_->apply(apply->gtid, apply->committed, events));
  } else if (const auto* discard = std::get_if<DiscardJob>(&job)) {
    manager_->discard(discard->gtid, events);
  } else if (std::holds_alternative<FlushJob>(job)) {
    TROTH_ASSIGN_OR_RETURN(const Lsn marker, manager_->flush());
    results.emplace_back(Flushed{marker});
  } else if (const auto* durable = std::get_if<MakeDurableJob>(&job)) {
    TROTH_TRY(manager_->make_durable());
    results.emplace_back(MadeDurable{durable->flushed});
  }
  for (auto& event : events) {
    if (auto* executed = std::get_if<Executed>(&event)) {
      results.emplace_back(std::move(*executed));
    } else {
      results.emplace_back(std::get<Waiting>(std::move(event)));
    }
  }
  return {};
}

}  // namespace troth::participant
