// Locks as operators see them: the worker knows who holds and who waits, the engine what became of
// their branches.
#include <algorithm>

#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

namespace {

std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

std::int64_t Engine::waited_ms(const Entry& waiter, Now now) const {
  if (!waiter.lock_deadline) return 0;
  return std::max<std::int64_t>(
      0, to_ms(options_.lock_timeout - (*waiter.lock_deadline - now.monotonic)));
}

std::int64_t Engine::gives_up_ms(const Entry& waiter, Now now) const {
  if (!waiter.lock_deadline) return -1;
  return std::max<std::int64_t>(0, to_ms(*waiter.lock_deadline - now.monotonic));
}

void Engine::look_at_locks(const LockQuery& query, LocksDone done) {
  LookAtLocksJob job{next_look_, query, {}};
  if (!query.id.empty()) {
    std::string problem;
    const auto* entry = find(query.id, problem);
    if (entry == nullptr) return done(fail(ErrorCode::kNotFound, problem));
    job.owner = entry->branch.gtid();
  }
  if (stopped_) return done(fail(ErrorCode::kBusy, "the agent is stopping"));
  looking_.emplace(next_look_++, std::move(done));
  worker_.post(std::move(job));
}

void Engine::on_locks_seen(LocksSeen seen, Now now) {
  const auto asked = looking_.find(seen.number);
  if (asked == looking_.end()) return;
  const auto done = std::move(asked->second);
  looking_.erase(asked);
  if (!seen.page) return done(std::move(seen.page));
  const auto describe = [&](LockParty& party, bool holds) {
    const auto found = branches_.find(party.gtid);
    if (found == branches_.end()) return;
    const Entry& entry = found->second;
    party.state = to_string(entry.branch.state());
    party.for_ms = holds ? to_ms(now.monotonic - entry.since) : waited_ms(entry, now);
    if (!holds) party.gives_up_ms = gives_up_ms(entry, now);
  };
  for (auto& resource : seen.page->resources) {
    for (auto& holder : resource.holders) describe(holder, true);
    for (auto& waiter : resource.waiters) describe(waiter, false);
  }
  done(std::move(seen.page));
}

// Of those in its way, the ones that hold something: others waited as it did.
void Engine::blame(const Entry& waiter) {
  for (const auto& gtid : waiter.holders) {
    const auto holder = branches_.find(gtid);
    if (holder != branches_.end() && !holder->second.branch.is_over() &&
        holder->second.waits_for.empty())
      ++gave_up_[gtid];
  }
}

void Engine::show_blocked(const Gtid& gtid, TransactionDetail& detail, Now now) const {
  constexpr std::size_t kShown = 10;
  for (const auto& [waiter, entry] : branches_) {
    if (std::find(entry.holders.begin(), entry.holders.end(), gtid) == entry.holders.end())
      continue;
    const auto what = entry.waits_for.substr(0, entry.waits_for.rfind(", held by "));
    detail.blocked.push_back(
        {options_.name, waiter, what, waited_ms(entry, now), gives_up_ms(entry, now)});
  }
  detail.blocked_total = detail.blocked.size();
  std::stable_sort(detail.blocked.begin(), detail.blocked.end(),
                   [](const auto& a, const auto& b) { return a.for_ms > b.for_ms; });
  if (detail.blocked.size() > kShown) detail.blocked.resize(kShown);
  if (const auto known = gave_up_.find(gtid); known != gave_up_.end())
    detail.gave_up = known->second;
}

}  // namespace troth::participant
