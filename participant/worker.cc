#include "participant/worker.h"

#include <algorithm>
#include <limits>

namespace troth::participant {

namespace {
constexpr std::size_t kExecutesPerRound = 64;
}

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
    // Decisions first: they free locks, and a hot row is bound by how long it stays locked. New
    // work is done in small portions, so that decisions never wait behind a long queue of it.
    auto jobs =
        jobs_.take_all(executes_.empty() ? std::nullopt : std::optional<MonotonicTime>(kAtOnce));
    const bool nothing_new = jobs.empty();
    std::vector<WorkerResult> results;
    if (auto done = run_round(std::move(jobs), results); !done) {
      results.emplace_back(WorkerFailed{done.error()});
      deliver_(std::move(results));
      return;  // the database and memory may disagree: nothing more is done here
    }
    if (!results.empty()) deliver_(std::move(results));
    if (nothing_new && executes_.empty() && jobs_.closed()) break;
  }
  manager_->close();
}

Status Worker::run_round(std::deque<Job> jobs, std::vector<WorkerResult>& results) {
  for (auto& job : jobs) {
    if (auto* execute = std::get_if<ExecuteJob>(&job)) {
      executes_.push_back(std::move(execute->request));
    } else {
      TROTH_TRY(decide(job, results));
    }
  }
  std::vector<ResourceEvent> events;
  for (std::size_t i = 0; i < kExecutesPerRound && !executes_.empty(); ++i) {
    auto request = std::move(executes_.front());
    executes_.pop_front();
    manager_->execute(std::move(request), events);
  }
  report(std::move(events), results);
  return {};
}

Status Worker::decide(const Job& job, std::vector<WorkerResult>& results) {
  std::vector<ResourceEvent> events;
  if (const auto* apply = std::get_if<ApplyJob>(&job)) {
    TROTH_TRY(manager_->apply(apply->gtid, apply->committed, events));
  } else if (const auto* discard = std::get_if<DiscardJob>(&job)) {
    // It may overtake the execution it is meant for.
    std::erase_if(executes_, [&](const auto& request) { return request.gtid == discard->gtid; });
    manager_->discard(discard->gtid, events);
  } else if (const auto* flush = std::get_if<FlushJob>(&job)) {
    TROTH_ASSIGN_OR_RETURN(const Lsn marker, manager_->flush(flush->settled));
    results.emplace_back(Flushed{marker});
  } else if (const auto* durable = std::get_if<MakeDurableJob>(&job)) {
    TROTH_TRY(manager_->make_durable());
    results.emplace_back(MadeDurable{durable->flushed});
  }
  report(std::move(events), results);
  return {};
}

void Worker::report(std::vector<ResourceEvent> events, std::vector<WorkerResult>& results) {
  for (auto& event : events) {
    if (auto* executed = std::get_if<Executed>(&event)) {
      results.emplace_back(std::move(*executed));
    } else {
      results.emplace_back(std::get<Waiting>(std::move(event)));
    }
  }
}

}  // namespace troth::participant
