#include "participant/wound_wait.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "protocol/retry.h"

namespace troth::participant {

using namespace protocol;

void WoundWait::on_waiting(const Waiting& waiting, Now now) {
  auto* entry = table_.find(waiting.gtid);
  if (entry == nullptr || !entry->executing) return;
  reports_.count("lock_waits");
  entry->waits_for = waiting.resource;
  entry->holders = waiting.holders;
  if (!waiting.holders.empty())
    entry->waits_for += fmt::format(", held by {}", waiting.holders.front());
  if (!entry->lock_deadline) {
    entry->lock_deadline = now.monotonic + options_.lock_timeout;
    // The answer must name the lock, so the wait ends before the branch's own deadline.
    if (const auto ends = entry->branch.deadline())
      entry->lock_deadline = std::min(*entry->lock_deadline,
                                      now.monotonic + participants_share(*ends - now.monotonic));
  }
  if (!entry->wound_at) entry->wound_at = now.monotonic + options_.wound_after;
  table_.schedule(*entry);
}

void WoundWait::on_granted(const Granted& granted) {
  auto* entry = table_.find(granted.gtid);
  if (entry == nullptr || !entry->executing) return;
  stop_waiting(*entry);
  table_.schedule(*entry);
}

bool WoundWait::give_up_if_due(BranchEntry& entry, Now now) {
  if (!entry.lock_deadline || *entry.lock_deadline > now.monotonic ||
      entry.branch.state() != Branch::State::kExecuting)
    return false;
  if (worker_.executes(entry.branch.gtid())) {  // the news that it was granted its locks is late
    stop_waiting(entry);
    table_.schedule(entry);
    return false;
  }
  give_up(entry, now);
  return true;
}

void WoundWait::give_up(BranchEntry& entry, Now now) {
  AbortReason reason{AbortCode::kLockTimeout,
                     fmt::format("waited too long for {}", entry.waits_for), options_.name, -1};
  entry.lock_deadline.reset();
  blame(entry);
  branches_.step(entry, Branch::ExecutionEnded{Vote::kAbort, std::move(reason), {}, {}}, now);
}

// No younger transaction can overtake it while it waits (lock_table.h), so the list that it was
// given stays complete; those that are gone meanwhile are skipped.
void WoundWait::wound_if_due(BranchEntry& entry, Now now) {
  if (!entry.wound_at || *entry.wound_at > now.monotonic) return;
  entry.wound_at.reset();
  bool any = false;
  for (const auto& gtid : std::vector<Gtid>(entry.holders)) {
    auto* holder = table_.find(gtid);
    if (holder == nullptr || !(entry.priority < holder->priority)) continue;
    any = true;
    wound(*holder, entry, now);
  }
  if (any) entry.wound_at = now.monotonic + options_.wound_again;
}

void WoundWait::wound(BranchEntry& holder, const BranchEntry& waiter, Now now) {
  const Gtid gtid = holder.branch.gtid();
  switch (holder.branch.state()) {
    case Branch::State::kExecuting:
    case Branch::State::kOpen:
      // One that runs in one go holds nothing while it waits, and decides once it has executed.
      if (!holder.branch.interactive()) return;
      reports_.count("wounded");
      return branches_.step(
          holder,
          Branch::Dropped{{AbortCode::kDeadlock,
                           fmt::format("gave way to the older transaction {}, which waited for {}",
                                       waiter.branch.gtid(), waiter.waits_for),
                           options_.name, -1}},
          now);
    case Branch::State::kPreparing:
    case Branch::State::kPrepared:
    case Branch::State::kReadOnly:
      reports_.count("wounds_sent");
      reports_.log().debug(
          "wounds a younger transaction",
          {{"txn", gtid}, {"for", waiter.branch.gtid()}, {"what", waiter.waits_for}});
      return promises_.send(holder.branch.coordinator(),
                            Wound{gtid, waiter.branch.gtid(), waiter.waits_for});
    case Branch::State::kCommitting:
    case Branch::State::kCommitted:
    case Branch::State::kAborted:
    case Branch::State::kForgotten:
      return;  // its locks will be free soon
  }
}

// Of the transactions in its way, those that hold a lock: the others wait like itself.
void WoundWait::blame(const BranchEntry& waiter) {
  for (const auto& gtid : waiter.holders) {
    auto* holder = table_.find(gtid);
    if (holder != nullptr && !holder->branch.is_over() && holder->waits_for.empty())
      ++holder->gave_up;
  }
}

}  // namespace troth::participant
