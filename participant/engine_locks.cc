// Waiting for locks, and wound-wait (Rosenkrantz, Stearns & Lewis 1978): an older transaction never
// waits for a younger one for long, so every lasting wait leads from a younger to an older one and
// no circle of them can last, however many databases it crosses. A prepared holder is wounded
// through its coordinator, which refuses when it has decided: then the locks are on their way out.
#include <fmt/format.h>

#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

void Engine::on_waiting(const Waiting& waiting, Now now) {
  const auto found = branches_.find(waiting.gtid);
  if (found == branches_.end() || !found->second.executing) return;
  Entry& entry = found->second;
  count("lock_waits");
  entry.waits_for = waiting.resource;
  entry.holders = waiting.holders;
  if (!waiting.holders.empty())
    entry.waits_for += fmt::format(", held by {}", waiting.holders.front());
  if (!entry.lock_deadline) entry.lock_deadline = now.monotonic + options_.lock_timeout;
  if (!entry.wound_at) entry.wound_at = now.monotonic + options_.wound_after;
  schedule(entry);
}

void Engine::stop_waiting(Entry& entry) {
  entry.lock_deadline.reset();
  entry.wound_at.reset();
  entry.waits_for.clear();
  entry.holders.clear();
}

// Nobody younger can get ahead of it while it waits (lock_table.h), so the list it was given stays
// complete; those that are gone meanwhile are skipped.
void Engine::wound_younger(Entry& entry, Now now) {
  entry.wound_at.reset();
  bool any = false;
  for (const auto& gtid : std::vector<Gtid>(entry.holders)) {
    const auto holder = branches_.find(gtid);
    if (holder == branches_.end() || !(entry.priority < holder->second.priority)) continue;
    any = true;
    wound(holder->second, entry, now);
  }
  if (any) entry.wound_at = now.monotonic + options_.wound_again;
}

void Engine::wound(Entry& holder, const Entry& waiter, Now now) {
  const Gtid gtid = holder.branch.gtid();
  switch (holder.branch.state()) {
    case Branch::State::kExecuting:
    case Branch::State::kOpen:
      // One that runs in one go holds nothing while it waits, and decides once it has executed.
      if (!holder.branch.interactive()) return;
      count("wounded");
      return step(holder,
                  Branch::Dropped{{AbortCode::kDeadlock,
                                   fmt::format("gave way to the older transaction {}, which waited "
                                               "for {}",
                                               waiter.branch.gtid(), waiter.waits_for),
                                   options_.name, -1}},
                  now);
    case Branch::State::kPreparing:
    case Branch::State::kPrepared:
    case Branch::State::kReadOnly:
      count("wounds_sent");
      logger_.debug("wounds a younger transaction",
                    {{"txn", gtid}, {"for", waiter.branch.gtid()}, {"what", waiter.waits_for}});
      return send(holder.branch.coordinator(), Wound{gtid, waiter.branch.gtid(), waiter.waits_for});
    case Branch::State::kCommitting:
    case Branch::State::kCommitted:
    case Branch::State::kAborted:
    case Branch::State::kForgotten:
      return;  // its locks are on their way out
  }
}

// An open branch lives as long as the process that opened it at its coordinator.
void Engine::drop_open_branches(const NodeName& coordinator, Now now) {
  const auto known = peers_.position_of(coordinator);
  std::vector<Gtid> orphans;
  for (const auto& [gtid, entry] : branches_)
    if (entry.branch.interactive() && !entry.branch.is_over() &&
        entry.branch.coordinator() == coordinator && gtid.epoch() < known.epoch)
      orphans.push_back(gtid);
  for (const auto& gtid : orphans)
    step(branches_.at(gtid),
         Branch::Dropped{{AbortCode::kStaleEpoch, fmt::format("{} has restarted", coordinator),
                          options_.name, -1}},
         now);
}

void Engine::on_execute(const NodeName& from, Execute&& message, Now now) {
  const Gtid gtid = message.gtid;
  if (ended(gtid)) return count("late_duplicates");
  const auto found = branches_.find(gtid);
  const auto* known = peers_.find(from);
  const Priority priority = message.priority;
  std::vector<Statement> statements = std::move(message.statements);
  Branch::ExecuteArrived event{std::move(message), recovery::PeerTable::member(from, known),
                               known == nullptr ? Lsn{} : known->position.durable};
  if (found != branches_.end()) return step(found->second, std::move(event), now, &statements);
  auto& entry = admit(from, event.coordinator.epoch, gtid, Branch::Kind::kTwoPhase, priority, now);
  count("interactive");
  step(entry, std::move(event), now, &statements);
}

}  // namespace troth::participant
