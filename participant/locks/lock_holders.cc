#include "participant/locks/lock_holders.h"

namespace troth::participant {

namespace {

constexpr std::size_t kSpare = 4096, kShortKey = 64;

bool writes(LockMode mode) {
  return mode == LockMode::kIX || mode == LockMode::kSIX || mode == LockMode::kX;
}

// Searches both lists in step, so that the shorter one bounds the time.
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
    auto& at = new_owner(owner);
    own = &at.second;
    named = &at.first;
  }
  if (head == nullptr) {
    head = &new_head(request.resource);
  } else if (auto* grant = own_grant(*head, *own)) {
    --head->count(grant->mode);
    grant->mode = combined(grant->mode, request.mode);
    ++head->count(grant->mode);
    return *own;
  }
  if (spare_grants_.empty()) spare_grants_.emplace_back();
  own->splice(own->end(), spare_grants_, spare_grants_.begin());
  auto& grant = own->back();
  grant = {named, head, request.mode, nullptr, head->first};
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
    if (head.first != nullptr) continue;
    auto node = heads_.extract(heads_.find(*head.resource));
    if (spare_heads_.size() < kSpare && node.key().key.capacity() <= kShortKey)
      spare_heads_.push_back(std::move(node));
  }
  size_ -= found->second.size();
  if (spare_grants_.size() + found->second.size() <= kSpare)
    spare_grants_.splice(spare_grants_.end(), found->second);
  found->second.clear();
  auto node = owned_.extract(found);
  if (spare_owners_.size() < kSpare) spare_owners_.push_back(std::move(node));
}

LockHead& LockHolders::new_head(const Resource& resource) {
  auto at = heads_.end();
  if (spare_heads_.empty()) {
    at = heads_.try_emplace(resource).first;
  } else {
    auto node = std::move(spare_heads_.back());
    spare_heads_.pop_back();
    node.key() = resource;
    at = heads_.insert(std::move(node)).position;
  }
  at->second.resource = &at->first;
  return at->second;
}

LockHolders::Owners::value_type& LockHolders::new_owner(const Gtid& owner) {
  if (spare_owners_.empty()) return *owned_.try_emplace(owner).first;
  auto node = std::move(spare_owners_.back());
  spare_owners_.pop_back();
  node.key() = owner;
  return *owned_.insert(std::move(node)).position;
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
