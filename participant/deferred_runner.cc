#include "participant/deferred_runner.h"

#include <algorithm>

namespace troth::participant {

namespace {

constexpr std::size_t kExecutesPerRound = 64;

void report(std::vector<ResourceEvent> events, std::vector<WorkerResult>& results) {
  results.reserve(results.size() + events.size());
  for (auto& event : events) {
    std::visit([&](auto& what) { results.emplace_back(std::move(what)); }, event);
  }
}

}  // namespace

Status DeferredRunner::round(std::deque<Job> jobs, std::vector<WorkerResult>& results) {
  for (auto& job : jobs) {
    if (auto* execute = std::get_if<ExecuteJob>(&job)) {
      executes_.push_back(std::move(execute->request));
    } else {
      TROTH_TRY(decide(job, results));
    }
  }
  std::vector<ResourceEvent> events;
  events.reserve(std::min(kExecutesPerRound, executes_.size()));
  for (std::size_t i = 0; i < kExecutesPerRound && !executes_.empty(); ++i) {
    auto request = std::move(executes_.front());
    executes_.pop_front();
    manager_.execute(std::move(request), events);
  }
  report(std::move(events), results);
  return {};
}

Status DeferredRunner::decide(const Job& job, std::vector<WorkerResult>& results) {
  std::vector<ResourceEvent> events;
  if (const auto* apply = std::get_if<ApplyJob>(&job)) {
    TROTH_TRY(manager_.apply(apply->gtid, apply->committed, events));
  } else if (const auto* discard = std::get_if<DiscardJob>(&job)) {
    // It may overtake the execution it is meant for.
    std::erase_if(executes_, [&](const auto& request) { return request.gtid == discard->gtid; });
    manager_.discard(discard->gtid, events);
  } else if (const auto* flush = std::get_if<FlushJob>(&job)) {
    TROTH_ASSIGN_OR_RETURN(const Lsn marker, manager_.flush(flush->settled));
    results.emplace_back(Flushed{marker});
    manager_.collect(events);
  } else if (const auto* durable = std::get_if<MakeDurableJob>(&job)) {
    TROTH_TRY(manager_.make_durable());
    results.emplace_back(MadeDurable{durable->flushed, manager_.status()});
  } else if (std::holds_alternative<CollectJob>(job)) {
    manager_.collect(events);
  } else if (const auto* look = std::get_if<LookAtLocksJob>(&job)) {
    results.emplace_back(LocksSeen{look->number, manager_.locks(look->query, look->owner)});
  }
  report(std::move(events), results);
  return {};
}

}  // namespace troth::participant
