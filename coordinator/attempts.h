#pragma once
// The attempt that follows one that lost a conflict. A client may hold the gtid of any attempt of
// its request. The outcome of the request is that of the last attempt.

#include <unordered_map>

#include "base/ids.h"

namespace troth::coordinator {

/// Not thread-safe. The caller must forget an attempt when its outcome is forgotten.
class Attempts {
 public:
  void follow(const Gtid& first, const Gtid& next) { next_[first] = next; }
  /// The next attempt, nil if there is none.
  Gtid next_of(const Gtid& gtid) const {
    if (next_.empty()) return {};
    const auto found = next_.find(gtid);
    return found == next_.end() ? Gtid{} : found->second;
  }
  void forget(const Gtid& gtid) {
    if (!next_.empty()) next_.erase(gtid);
  }
  std::size_t size() const { return next_.size(); }

 private:
  std::unordered_map<Gtid, Gtid> next_;
};

}  // namespace troth::coordinator
