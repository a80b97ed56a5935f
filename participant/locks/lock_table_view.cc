// The lock table as operators see it.
#include <algorithm>

#include "participant/locks/lock_table.h"

namespace troth::participant {

namespace {

void add(std::vector<LockTable::View::Party>& shown, std::size_t& total,
         const LockTable::View::Party& party) {
  ++total;
  if (shown.size() < LockTable::kShown) shown.push_back(party);
}

}  // namespace

Gtid LockTable::first_in_the_way(const Resource& resource, const Turn& turn, LockMode mode) const {
  const auto* granted = holders_.find(resource);
  if (granted != nullptr && LockHolders::blocks(*granted, holders_.owned_by(turn.second), mode))
    for (const auto* grant = granted->first; grant != nullptr; grant = grant->next)
      if (*grant->owner != turn.second && !compatible(grant->mode, mode)) return *grant->owner;
  const auto queue = waiting_on_.find(resource);
  if (queue == waiting_on_.end() || !queue->second.conflicts_with(mode)) return {};
  for (const auto& [waiter, wanted] : queue->second) {
    if (!(waiter < turn)) break;
    if (waiter.second != turn.second && !compatible(wanted, mode)) return waiter.second;
  }
  return {};
}

// A branch that locks a row also holds or waits for its table, in a compatible mode. So if a branch
// waits, the view shows only the holders that are in its way.
LockTable::View LockTable::view_of(const Resource& resource, bool all) const {
  View out;
  out.resource = resource;
  std::array<bool, kLockModes> wanted{};
  if (const auto queue = waiting_on_.find(resource); queue != waiting_on_.end())
    for (const auto& [turn, mode] : queue->second) {
      const auto behind = first_in_the_way(resource, turn, mode);
      if (!all && behind.is_nil()) continue;
      wanted[static_cast<std::size_t>(mode)] = true;
      add(out.waiters, out.waiters_total, {turn.second, mode, behind});
    }
  if (const auto* granted = holders_.find(resource); granted != nullptr)
    for (const auto* grant = granted->first; grant != nullptr; grant = grant->next) {
      bool in_the_way = false;
      for (std::size_t i = 0; i < kLockModes; ++i)
        in_the_way |= wanted[i] && !compatible(grant->mode, static_cast<LockMode>(i));
      if (all || in_the_way) add(out.holders, out.holders_total, {*grant->owner, grant->mode, {}});
    }
  return out;
}

// The transaction itself, its waiters, and the transactions in its way.
LockTable::View LockTable::view_for(const Gtid& owner, const Resource& resource) const {
  View out;
  out.resource = resource;
  std::optional<LockMode> holds, wants;
  const auto* granted = holders_.find(resource);
  const auto queue = waiting_on_.find(resource);
  if (granted != nullptr)
    for (const auto* grant = granted->first; grant != nullptr; grant = grant->next)
      if (*grant->owner == owner) holds = grant->mode;
  if (queue != waiting_on_.end())
    for (const auto& [turn, mode] : queue->second)
      if (turn.second == owner) {
        wants = mode;
        add(out.waiters, out.waiters_total, {owner, mode, first_in_the_way(resource, turn, mode)});
      }
  if (holds) add(out.holders, out.holders_total, {owner, *holds, {}});
  if (granted != nullptr && wants)
    for (const auto* grant = granted->first; grant != nullptr; grant = grant->next)
      if (*grant->owner != owner && !compatible(grant->mode, *wants))
        add(out.holders, out.holders_total, {*grant->owner, grant->mode, {}});
  if (queue != waiting_on_.end() && holds)
    for (const auto& [turn, mode] : queue->second)
      if (turn.second != owner && !compatible(*holds, mode))
        add(out.waiters, out.waiters_total, {turn.second, mode, owner});
  return out;
}

std::vector<LockTable::View> LockTable::view(const ViewQuery& query, bool& more) const {
  std::vector<const Resource*> chosen;
  const auto choose = [&](const Resource& resource) {
    if (!query.after || *query.after < resource) chosen.push_back(&resource);
  };
  if (query.owner.is_nil()) {
    for (const auto& [resource, queue] : waiting_on_) choose(resource);
    if (query.all)
      for (const auto& [resource, head] : holders_.all())
        if (waiting_on_.count(resource) == 0) choose(resource);
  } else {
    if (const auto* owned = holders_.owned_by(query.owner); owned != nullptr)
      for (const auto& grant : *owned) choose(*grant.head->resource);
    if (const auto since = waiting_since_.find(query.owner); since != waiting_since_.end())
      for (const auto& request : waiters_.at(Turn(since->second, query.owner)))
        choose(request.resource);
  }
  const auto less = [](const auto* a, const auto* b) { return *a < *b; };
  const auto same = [](const auto* a, const auto* b) { return *a == *b; };
  std::sort(chosen.begin(), chosen.end(), less);
  chosen.erase(std::unique(chosen.begin(), chosen.end(), same), chosen.end());
  more = false;
  std::vector<View> out;
  for (const auto* resource : chosen) {
    auto seen =
        query.owner.is_nil() ? view_of(*resource, query.all) : view_for(query.owner, *resource);
    if (query.owner.is_nil() && !query.all && seen.waiters_total == 0) continue;
    more = out.size() == query.limit;
    if (more) break;
    out.push_back(std::move(seen));
  }
  return out;
}

}  // namespace troth::participant
