#include "participant/lock_table.h"

#include <algorithm>
#include <set>

namespace troth::participant {

namespace {
constexpr std::size_t kUsuallyHeld = 4;
}

void LockTable::Queue::add(const Turn& turn, LockMode mode) {
  const auto [entry, is_new] = turns_.emplace(turn, mode);
  if (!is_new) {
    --counts_[static_cast<std::size_t>(entry->second)];
    entry->second = combined(entry->second, mode);
  }
  ++counts_[static_cast<std::size_t>(entry->second)];
}

void LockTable::Queue::remove(const Turn& turn) {
  const auto found = turns_.find(turn);
  if (found == turns_.end()) return;
  --counts_[static_cast<std::size_t>(found->second)];
  turns_.erase(found);
}

bool LockTable::Queue::conflicts_with(LockMode mode) const {
  for (std::size_t i = 0; i < kLockModes; ++i)
    if (counts_[i] > 0 && !compatible(static_cast<LockMode>(i), mode)) return true;
  return false;
}

bool LockTable::blocked_by_holder(const Gtid& owner, const LockRequest& request,
                                  Acquired& out) const {
  const auto found = grants_.find(request.resource);
  if (found == grants_.end()) return false;
  if (!found->second.blocks(owner, request.mode)) return false;
  if (out.holders.empty()) out.contended = request.resource;
  for (const auto& grant : found->second)
    if (grant.owner != owner && !compatible(grant.mode, request.mode))
      out.holders.push_back(grant.owner);
  return true;
}

bool LockTable::blocked_by_older_waiter(const Priority& priority, const LockRequest& request,
                                        const Gtid& owner, Acquired& out) const {
  if (waiting_on_.empty()) return false;
  const auto found = waiting_on_.find(request.resource);
  if (found == waiting_on_.end() || !found->second.conflicts_with(request.mode)) return false;
  bool blocked = false;
  for (const auto& [turn, mode] : found->second) {
    if (!(turn < Turn(priority, owner))) break;
    if (turn.second == owner || compatible(mode, request.mode)) continue;
    if (out.holders.empty()) out.contended = request.resource;
    out.holders.push_back(turn.second);
    blocked = true;
  }
  return blocked;
}

LockTable::Acquired LockTable::try_acquire(const Gtid& owner, const Priority& priority,
                                           const std::vector<LockRequest>& requests) {
  Acquired out;
  bool blocked = false;
  for (const auto& request : requests) {
    blocked |= blocked_by_holder(owner, request, out);
    blocked |= blocked_by_older_waiter(priority, request, owner, out);
  }
  if (blocked) {
    std::sort(out.holders.begin(), out.holders.end());
    out.holders.erase(std::unique(out.holders.begin(), out.holders.end()), out.holders.end());
    return out;
  }
  for (const auto& request : requests) grant(owner, request);
  out.granted = true;
  return out;
}

void LockTable::grant(const Gtid& owner, const LockRequest& request) {
  const auto [at, is_new] = grants_.try_emplace(request.resource);
  if (!at->second.add(owner, request.mode)) return;
  auto& held = held_[owner];
  if (held.empty()) held.reserve(kUsuallyHeld);
  held.push_back(request.resource);
  ++locks_;
}

void LockTable::force_grant(const Gtid& owner, const std::vector<LockRequest>& requests) {
  for (const auto& request : requests) grant(owner, request);
}

std::vector<Gtid> LockTable::enqueue(const Gtid& owner, const Priority& priority,
                                     std::vector<LockRequest> wanted, Held held) {
  const auto freed = held == Held::kGiveUp ? drop(owner) : std::vector<LockRequest>{};
  const Turn turn(priority, owner);
  for (const auto& request : wanted) waiting_on_[request.resource].add(turn, request.mode);
  waiters_[turn] = std::move(wanted);
  waiting_since_[owner] = priority;
  return grant_waiters(freed);
}

std::vector<LockRequest> LockTable::drop(const Gtid& owner) {
  const auto held = held_.find(owner);
  if (held == held_.end()) return {};
  std::vector<LockRequest> freed;
  freed.reserve(held->second.size());
  for (auto& resource : held->second) {
    const auto found = grants_.find(resource);
    const auto mode = found->second.remove(owner);
    if (found->second.empty()) grants_.erase(found);
    freed.push_back({std::move(resource), mode});
  }
  locks_ -= held->second.size();
  held_.erase(held);
  return freed;
}

std::vector<Gtid> LockTable::release(const Gtid& owner) {
  auto freed = drop(owner);
  if (const auto since = waiting_since_.find(owner); since != waiting_since_.end()) {
    const auto waiting = waiters_.find(Turn(since->second, owner));
    leave_queues(waiting->first, waiting->second);
    for (auto& request : waiting->second) freed.push_back(std::move(request));
    waiters_.erase(waiting);
    waiting_since_.erase(since);
  }
  return grant_waiters(freed);
}

void LockTable::leave_queues(const Turn& turn, const std::vector<LockRequest>& wanted) {
  for (const auto& request : wanted) {
    const auto queue = waiting_on_.find(request.resource);
    if (queue == waiting_on_.end()) continue;
    queue->second.remove(turn);
    if (queue->second.empty()) waiting_on_.erase(queue);
  }
}

bool LockTable::grantable(const Turn& turn, const std::vector<LockRequest>& requests) const {
  for (const auto& request : requests) {
    if (const auto held = grants_.find(request.resource);
        held != grants_.end() && held->second.blocks(turn.second, request.mode))
      return false;
    const auto queue = waiting_on_.find(request.resource);
    if (queue == waiting_on_.end() || !queue->second.conflicts_with(request.mode)) continue;
    for (const auto& [waiter, mode] : queue->second) {
      if (!(waiter < turn)) break;
      if (!compatible(mode, request.mode)) return false;
    }
  }
  return true;
}

// Only those that waited for what was freed: a long queue on one hot row must not slow everybody
// else's releases.
std::vector<Gtid> LockTable::grant_waiters(const std::vector<LockRequest>& freed) {
  if (waiting_on_.empty()) return {};
  std::set<Turn> candidates;
  for (const auto& [resource, freed_mode] : freed) {
    const auto queue = waiting_on_.find(resource);
    if (queue == waiting_on_.end() || !queue->second.conflicts_with(freed_mode)) continue;
    for (const auto& [turn, mode] : queue->second)
      if (!compatible(freed_mode, mode)) candidates.insert(turn);
  }
  std::vector<Gtid> woken;
  for (const auto& turn : candidates) {
    const auto current = waiters_.find(turn);
    if (!grantable(turn, current->second)) continue;
    for (const auto& request : current->second) grant(turn.second, request);
    leave_queues(turn, current->second);
    waiters_.erase(current);
    waiting_since_.erase(turn.second);
    woken.push_back(turn.second);
  }
  return woken;
}

std::vector<LockRequest> LockTable::held(const Gtid& owner) const {
  std::vector<LockRequest> out;
  const auto held = held_.find(owner);
  if (held == held_.end()) return out;
  out.reserve(held->second.size());
  for (const auto& resource : held->second)
    out.push_back({resource, grants_.at(resource).mode_of(owner)});
  return out;
}

bool LockTable::others_write(const Gtid& owner, std::uint32_t table) const {
  const auto found = grants_.find(Resource{table, Resource::kWholeTable, {}});
  return found != grants_.end() && found->second.others_write(owner);
}

}  // namespace troth::participant
