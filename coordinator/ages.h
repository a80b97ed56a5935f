#pragma once
// How old interactive transactions were that lost a conflict: when a client tries again, the new
// transaction is as old as the first, so that it wins in the end.

#include <deque>
#include <unordered_map>

#include "base/ids.h"
#include "protocol/message.h"

namespace troth::coordinator {

/// Bounded: the ones remembered first are forgotten first. Owned by the engine and touched by its
/// thread alone.
class Ages {
 public:
  void remember(const Gtid& gtid, const Priority& priority) {
    constexpr std::size_t kKept = 10000;
    if (ages_.emplace(gtid, priority).second) order_.push_back(gtid);
    for (; order_.size() > kKept; order_.pop_front()) ages_.erase(order_.front());
  }
  /// nullptr: not known.
  const Priority* find(const Gtid& gtid) const {
    const auto found = ages_.find(gtid);
    return found == ages_.end() ? nullptr : &found->second;
  }

 private:
  std::unordered_map<Gtid, Priority> ages_;
  std::deque<Gtid> order_;
};

}  // namespace troth::coordinator
