#include "participant/named_runner.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/ids.h"
#include "base/overloaded.h"

namespace troth::participant {

void NamedRunner::take(NamedEvent event) {
  {
    const MutexLock lock(mutex_);
    events_.push_back(std::move(event));
  }
  ring_();
}

Status NamedRunner::round(std::deque<Job> jobs, std::vector<WorkerResult>& results) {
  for (auto& job : jobs) run(std::move(job), results);
  std::vector<NamedEvent> events;
  {
    const MutexLock lock(mutex_);
    events.swap(events_);
  }
  Status status;
  for (auto& event : events)
    std::visit(Overloaded{
                   [&](Executed& executed) { on_executed(std::move(executed), results); },
                   [&](Waiting& waiting) {
                     if (executing_.count(waiting.gtid) != 0) results.emplace_back(waiting);
                   },
                   [&](Granted& granted) {
                     if (executing_.count(granted.gtid) != 0) results.emplace_back(granted);
                   },
                   [&](const PreparedByName& prepared) {
                     const auto at = executing_.find(prepared.gtid);
                     if (at == executing_.end()) return;  // aborted meanwhile
                     TROTH_ASSERT(at->second.yes, "gtid {} is prepared, nobody asked for that",
                                  prepared.gtid);
                     results.emplace_back(*std::move(at->second.yes));
                     executing_.erase(at);
                   },
                   [&](const CommittedByName& committed) {
                     if (committing_.erase(committed.gtid) > 0) end_flush_if_done(results);
                   },
                   [&](const ManagerFailed& failed) {
                     if (status) status = fail(failed.error);
                   },
               },
               event);
  return status;
}

void NamedRunner::run(Job&& job, std::vector<WorkerResult>& results) {
  std::visit(
      Overloaded{
          [&](ExecuteJob& execute) {
            auto& request = execute.request;
            executing_[request.gtid] = {request.open, request.recorded, std::nullopt};
            manager_.execute(std::move(request));
          },
          [&](const ApplyJob& apply) { applied_.push_back(apply); },
          [&](const DiscardJob& discard) {
            executing_.erase(discard.gtid);
            manager_.abort(discard.gtid);
          },
          [&](const FlushJob& wanted) { flush(wanted.settled, results); },
          // A commit by name is durable.
          [&](const MakeDurableJob& durable) {
            results.emplace_back(MadeDurable{durable.flushed, manager_.status()});
          },
          [](const CollectJob&) {},
          [&](const LookAtLocksJob& look) {
            results.emplace_back(LocksSeen{look.number, manager_.locks(look.query, look.owner)});
          },
      },
      job);
}

void NamedRunner::on_executed(Executed&& executed, std::vector<WorkerResult>& results) {
  const auto at = executing_.find(executed.gtid);
  if (at == executing_.end()) return;  // aborted meanwhile
  const auto& branch = at->second;
  const bool prepared = executed.vote == Vote::kCommit ||
                        (executed.vote == Vote::kReadOnly && branch.recorded && !branch.open);
  if (!prepared) {
    executing_.erase(at);
    results.emplace_back(std::move(executed));
    return;
  }
  // Whatever the engine's records call redo is found by name.
  executed.redo = executed.gtid.text();
  manager_.prepare(executed.gtid);
  at->second.yes = std::move(executed);
}

void NamedRunner::flush(Lsn settled, std::vector<WorkerResult>& results) {
  TROTH_ASSERT(!flushing_, "a flush to {} begins while one is under way", settled);
  flushing_ = std::max(settled, flushed_);
  const auto applied = std::exchange(applied_, {});
  for (const auto& apply : applied) {
    flushing_ = std::max(*flushing_, apply.committed);
    committing_.insert(apply.gtid);
  }
  for (const auto& apply : applied) manager_.commit(apply.gtid);
  end_flush_if_done(results);
}

void NamedRunner::end_flush_if_done(std::vector<WorkerResult>& results) {
  if (!flushing_ || !committing_.empty()) return;
  flushed_ = *std::exchange(flushing_, std::nullopt);
  results.emplace_back(Flushed{flushed_});
}

}  // namespace troth::participant
