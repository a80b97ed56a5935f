#pragma once
// Timers of owners, the earliest first. A heap that knows the place of each owner: replacing or
// removing a timer allocates nothing.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "troth/time.h"

namespace troth {

/// What an owner keeps of its timer; no other code touches it.
struct TimerPlace {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t index = kNone;
};

/// `Owner` has a member `TimerPlace timer` and stays where it is while it has one. Equal times come
/// in gtid order.
template <class Owner>
class TimerHeap {
 public:
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  /// The earliest; there must be one.
  MonotonicTime first() const { return items_.front().at; }

  std::optional<MonotonicTime> of(const Owner& owner) const {
    if (owner.timer.index == TimerPlace::kNone) return std::nullopt;
    return items_[owner.timer.index].at;
  }
  /// In place of the timer that it had; nothing = none.
  void set(Owner& owner, const Gtid& gtid, std::optional<MonotonicTime> at) {
    auto& place = owner.timer.index;
    if (!at) return clear(owner);
    if (place == TimerPlace::kNone) {
      place = items_.size();
      items_.push_back({*at, gtid, &owner});
    } else if (items_[place].at == *at) {
      return;
    } else {
      items_[place].at = *at;
    }
    settle(place);
  }
  void clear(Owner& owner) {
    const auto hole = std::exchange(owner.timer.index, TimerPlace::kNone);
    if (hole == TimerPlace::kNone) return;
    const auto last = items_.back();
    items_.pop_back();
    if (hole == items_.size()) return;
    put(hole, last);
    settle(hole);
  }
  /// Takes the earliest timer away; there must be one.
  Owner& pop() {
    auto& owner = *items_.front().owner;
    clear(owner);
    return owner;
  }

 private:
  struct Item {
    MonotonicTime at;
    Gtid gtid;
    Owner* owner;
  };
  static bool before(const Item& a, const Item& b) {
    return a.at != b.at ? a.at < b.at : a.gtid < b.gtid;
  }
  void put(std::size_t index, const Item& item) {
    items_[index] = item;
    item.owner->timer.index = index;
  }
  void settle(std::size_t index) {
    const auto item = items_[index];
    for (; index > 0 && before(item, items_[(index - 1) / 2]); index = (index - 1) / 2)
      put(index, items_[(index - 1) / 2]);
    for (auto child = 2 * index + 1; child < items_.size(); child = 2 * index + 1) {
      if (child + 1 < items_.size() && before(items_[child + 1], items_[child])) ++child;
      if (!before(items_[child], item)) break;
      put(std::exchange(index, child), items_[child]);
    }
    put(index, item);
  }

  std::vector<Item> items_;
};

}  // namespace troth
