#include "participant/lock_views.h"

#include <algorithm>
#include <chrono>

namespace troth::participant {

using namespace protocol;

namespace {

std::optional<Duration> gives_up_in(const BranchEntry& waiter, Now now) {
  if (!waiter.lock_deadline) return std::nullopt;
  return std::max(Duration{0}, *waiter.lock_deadline - now.monotonic);
}

}  // namespace

Duration LockViews::waited(const BranchEntry& waiter, Now now) const {
  if (!waiter.lock_deadline) return Duration{0};
  return std::max(Duration{0}, options_.lock_timeout - (*waiter.lock_deadline - now.monotonic));
}

void LockViews::look(const LockQuery& query, LocksDone done) {
  LookAtLocksJob job{next_look_, query, {}};
  if (!query.id.empty()) {
    std::string problem;
    const auto* entry = table_.find(query.id, problem);
    if (entry == nullptr) return done(fail(ErrorCode::kNotFound, problem));
    job.owner = entry->branch.gtid();
  }
  looking_.emplace(next_look_++, std::move(done));
  worker_.post(std::move(job));
}

void LockViews::on_seen(LocksSeen seen, Now now) {
  const auto asked = looking_.find(seen.number);
  if (asked == looking_.end()) return;
  const auto done = std::move(asked->second);
  looking_.erase(asked);
  if (!seen.page) return done(std::move(seen.page));
  const auto describe = [&](LockParty& party, bool holds) {
    const auto* entry = table_.find(party.gtid);
    if (entry == nullptr) return;
    party.state = to_string(entry->branch.state());
    party.lasts = holds ? now.monotonic - entry->since : waited(*entry, now);
    if (!holds) party.gives_up_in = gives_up_in(*entry, now);
  };
  for (auto& resource : seen.page->resources) {
    for (auto& holder : resource.holders) describe(holder, true);
    for (auto& waiter : resource.waiters) describe(waiter, false);
  }
  done(std::move(seen.page));
}

void LockViews::show_blocked(const BranchEntry& holder, TransactionDetail& detail, Now now) const {
  constexpr std::size_t kShown = 10;
  const Gtid& gtid = holder.branch.gtid();
  for (const auto& [waiter, entry] : table_) {
    if (std::find(entry.holders.begin(), entry.holders.end(), gtid) == entry.holders.end())
      continue;
    const auto what = entry.waits_for.substr(0, entry.waits_for.rfind(", held by "));
    detail.blocked.push_back(
        {options_.name, waiter, what, waited(entry, now), gives_up_in(entry, now)});
  }
  detail.blocked_total = detail.blocked.size();
  std::stable_sort(detail.blocked.begin(), detail.blocked.end(),
                   [](const auto& a, const auto& b) { return a.lasts > b.lasts; });
  if (detail.blocked.size() > kShown) detail.blocked.resize(kShown);
  if (holder.gave_up > 0) detail.gave_up = holder.gave_up;
}

}  // namespace troth::participant
