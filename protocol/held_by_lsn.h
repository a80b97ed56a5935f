#pragma once
// Items that wait until a log is durable, in the order of the log. Almost all of them are added in
// that order and leave from the front.

#include <deque>
#include <utility>

#include "base/ids.h"

namespace troth::protocol {

template <class T>
class HeldByLsn {
 public:
  /// Behind everything that waits for the same LSN or a lower one.
  void add(Lsn until, T&& held) {
    auto at = items_.end();
    while (at != items_.begin() && until < std::prev(at)->first) --at;
    items_.emplace(at, until, std::move(held));
  }
  bool due(Lsn durable) const { return !items_.empty() && items_.front().first <= durable; }
  /// The first one; there must be one.
  T take() {
    T out = std::move(items_.front().second);
    items_.pop_front();
    return out;
  }

 private:
  std::deque<std::pair<Lsn, T>> items_;
};

}  // namespace troth::protocol
