#include "participant/locks/lock_table.h"

#include <algorithm>
#include <set>

namespace troth::participant {

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
  heads_.clear();
  auto* own = holders_.owned_by(owner);
  for (const auto& request : requests) {
    const auto* head = heads_.emplace_back(holders_.find(request.resource));
    if (head != nullptr && LockHolders::blocks(*head, own, request.mode)) {
      blocked = true;
      if (out.holders.empty()) out.contended = request.resource;
      LockHolders::name_blockers(*head, owner, request.mode, out.holders);
    }
    blocked |= blocked_by_older_waiter(priority, request, owner, out);
  }
  if (blocked) {
    std::sort(out.holders.begin(), out.holders.end());
    out.holders.erase(std::unique(out.holders.begin(), out.holders.end()), out.holders.end());
    return out;
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    // If two requests name the same free resource, the second finds the entry of the first.
    auto* head = heads_[i] != nullptr ? heads_[i] : holders_.find(requests[i].resource);
    own = &holders_.add(owner, own, requests[i], head);
  }
  out.granted = true;
  return out;
}

void LockTable::force_grant(const Gtid& owner, const std::vector<LockRequest>& requests) {
  auto* own = holders_.owned_by(owner);
  for (const auto& request : requests)
    own = &holders_.add(owner, own, request, holders_.find(request.resource));
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
  std::vector<LockRequest> freed;
  holders_.release(owner, waiting_on_.empty() ? nullptr : &freed);
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

bool LockTable::grantable(const Turn& turn, const std::vector<LockRequest>& requests) {
  const auto* own = holders_.owned_by(turn.second);
  for (const auto& request : requests) {
    if (const auto* head = holders_.find(request.resource);
        head != nullptr && LockHolders::blocks(*head, own, request.mode))
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

// Only the waiters of freed resources: a long queue on one hot row must not slow the releases of
// others.
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
    force_grant(turn.second, current->second);
    leave_queues(turn, current->second);
    waiters_.erase(current);
    waiting_since_.erase(turn.second);
    woken.push_back(turn.second);
  }
  return woken;
}

}  // namespace troth::participant
