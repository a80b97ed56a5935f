#include "participant/lock_holders.h"

namespace troth::participant {

namespace {

bool writes(LockMode mode) {
  return mode == LockMode::kIX || mode == LockMode::kSIX || mode == LockMode::kX;
}

// Looks from both sides at once, so that the shorter list decides how long it takes.
Grant* own_grant(const LockHead& head, const LockHolders::Owned& own) {
  if (own.empty()) return nullptr;
  const Gtid* owner = own.front().owner;
  auto mine = own.begin();
  for (Grant* holder = head.first; holder != nullptr && mine != own.end();
       holder = holder->next, ++mine) {
    if (holder->owner == owner) return holder;
    if (mine->head == &head) return const_cast<Grant*>(&*mine);
  }
  return nullptr;
}

template <class Predicate>
bool anybody_else(const LockHead& head, const LockHolders::Owned* own, Predicate wanted) {
  std::size_t holders = 0;
  for (std::size_t i = 0; i < kLockModes; ++i)
    if (head.counts[i] > 0 && wanted(static_cast<LockMode>(i))) holders += head.counts[i];
  if (holders != 1 || own == nullptr) return holders > 0;
  const auto* grant = own_grant(head, *own);
  return grant == nullptr || !wanted(grant->mode);
}

}  // namespace

LockHead* LockHolders::find(const Resource& resource) {
  const auto found = heads_.find(resource);
  return found == heads_.end() ? nullptr : &found->second;
}

const LockHead* LockHolders::find(const Resource& resource) const {
  return const_cast<LockHolders*>(this)->find(resource);
}

const LockHolders::Owned* LockHolders::owned_by(const Gtid& owner) const {
  return const_cast<LockHolders*>(this)->owned_by(owner);
}

LockHolders::Owned* LockHolders::owned_by(const Gtid& owner) {
  const auto found = owned_.find(owner);
  return found == owned_.end() ? nullptr : &found->second;
}

bool LockHolders::blocks(const LockHead& head, const Owned* own, LockMode mode) {
  return anybody_else(head, own, [&](LockMode held) { return !compatible(held, mode); });
}

void LockHolders::name_blockers(const LockHead& head, const Gtid& owner, LockMode mode,
                                std::vector<Gtid>& out) {
  for (const auto* grant = head.first; grant != nullptr; grant = grant->next)
    if (*grant->owner != owner && !compatible(grant->mode, mode)) out.push_back(*grant->owner);
}

LockHolders::Owned& LockHolders::add(const Gtid& owner, Owned* own, const LockRequest& request,
                                     LockHead* head) {
  const Gtid* named = own == nullptr || own->empty() ? nullptr : own->front().owner;
  if (named == nullptr) {
    const auto at = owned_.try_emplace(owner).first;
    own = &at->second;
    named = &at->first;
  }
  if (head == nullptr) {
    const auto at = heads_.try_emplace(request.resource).first;
    head = &at->second;
    head->resource = &at->first;
  } else if (auto* grant = own_grant(*head, *own)) {
    --head->count(grant->mode);
    grant->mode = combined(grant->mode, request.mode);
    ++head->count(grant->mode);
    return *own;
  }
  auto& grant = own->emplace_back(Grant{named, head, request.mode, nullptr, head->first});
  if (head->first != nullptr) head->first->previous = &grant;
  head->first = &grant;
  ++head->count(request.mode);
  ++size_;
  return *own;
}

void LockHolders::release(const Gtid& owner, std::vector<LockRequest>* freed) {
  const auto found = owned_.find(owner);
  if (found == owned_.end()) return;
  for (const auto& grant : found->second) {
    auto& head = *grant.head;
    if (freed != nullptr) freed->push_back({*head.resource, grant.mode});
    --head.count(grant.mode);
    (grant.previous == nullptr ? head.first : grant.previous->next) = grant.next;
    if (grant.next != nullptr) grant.next->previous = grant.previous;
    if (head.first == nullptr) heads_.erase(heads_.find(*head.resource));
  }
  size_ -= found->second.size();
  owned_.erase(found);
}

std::vector<LockRequest> LockHolders::held(const Gtid& owner) const {
  std::vector<LockRequest> out;
  const auto found = owned_.find(owner);
  if (found == owned_.end()) return out;
  out.reserve(found->second.size());
  for (const auto& grant : found->second) out.push_back({*grant.head->resource, grant.mode});
  return out;
}

bool LockHolders::others_write(const Gtid& owner, const Resource& resource) const {
  const auto head = heads_.find(resource);
  if (head == heads_.end()) return false;
  const auto own = owned_.find(owner);
  return anybody_else(head->second, own == owned_.end() ? nullptr : &own->second, writes);
}

}  // namespace troth::participant
