#include "participant/grant_list.h"

#include <algorithm>

#include "base/assert.h"

namespace troth::participant {

std::size_t GrantList::find(const Gtid& owner) const {
  if (index_) {
    const auto found = index_->find(owner);
    return found == index_->end() ? grants_.size() : found->second;
  }
  const auto found = std::find_if(grants_.begin(), grants_.end(),
                                  [&](const Grant& grant) { return grant.owner == owner; });
  return static_cast<std::size_t>(found - grants_.begin());
}

bool GrantList::add(const Gtid& owner, LockMode mode) {
  const auto at = find(owner);
  if (at < grants_.size()) {
    --count(grants_[at].mode);
    grants_[at].mode = combined(grants_[at].mode, mode);
    ++count(grants_[at].mode);
    return false;
  }
  grants_.push_back({owner, mode});
  ++count(mode);
  if (index_) {
    index_->emplace(owner, at);
  } else if (grants_.size() > kFew) {
    index_ = std::make_unique<std::unordered_map<Gtid, std::size_t>>();
    for (std::size_t i = 0; i < grants_.size(); ++i) index_->emplace(grants_[i].owner, i);
  }
  return true;
}

LockMode GrantList::remove(const Gtid& owner) {
  const auto at = find(owner);
  TROTH_ASSERT(at < grants_.size(), "gtid {} holds no such lock", owner);
  const auto mode = grants_[at].mode;
  --count(mode);
  if (index_) {
    index_->erase(owner);
    if (at + 1 < grants_.size()) (*index_)[grants_.back().owner] = at;
  }
  grants_[at] = grants_.back();
  grants_.pop_back();
  return mode;
}

template <class Predicate>
bool GrantList::any_other(const Gtid& owner, Predicate wanted) const {
  std::size_t holders = 0;
  for (std::size_t i = 0; i < kLockModes; ++i)
    if (wanted(static_cast<LockMode>(i))) holders += counts_[i];
  if (holders != 1) return holders > 1;
  const auto own = find(owner);
  return own == grants_.size() || !wanted(grants_[own].mode);
}

bool GrantList::blocks(const Gtid& owner, LockMode mode) const {
  return any_other(owner, [&](LockMode held) { return !compatible(held, mode); });
}

bool GrantList::others_write(const Gtid& owner) const {
  return any_other(owner, [](LockMode held) {
    return held == LockMode::kIX || held == LockMode::kSIX || held == LockMode::kX;
  });
}

}  // namespace troth::participant
