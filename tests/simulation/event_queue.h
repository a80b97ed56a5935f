#pragma once
// What is planned, earliest first; of the same instant, what was planned first. A heap of four
// children each: half as deep as one of two, and a node's children lie side by side.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "os/clock.h"
#include "tests/simulation/event.h"

namespace troth::simulation {

class EventQueue {
 public:
  struct Planned {
    MonotonicTime at;
    std::uint64_t order;
    Event* event;
  };
  static bool earlier(MonotonicTime at, std::uint64_t order, const Planned& than) {
    return at.since_start != than.at.since_start ? at < than.at : order < than.order;
  }

  bool empty() const { return heap_.empty(); }
  const Planned& first() const { return heap_.front(); }

  void push(const Planned& planned) {
    auto at = heap_.size();
    heap_.push_back(planned);
    while (at > 0) {
      const auto parent = (at - 1) / kChildren;
      if (!earlier(planned.at, planned.order, heap_[parent])) break;
      heap_[at] = heap_[parent];
      at = parent;
    }
    heap_[at] = planned;
  }

  void pop() {
    const auto last = heap_.back();
    heap_.pop_back();
    const auto size = heap_.size();
    if (size == 0) return;
    std::size_t at = 0;
    for (auto child = std::size_t{1}; child < size; child = at * kChildren + 1) {
      auto least = child;
      const auto end = std::min(child + kChildren, size);
      for (++child; child < end; ++child)
        if (earlier(heap_[child].at, heap_[child].order, heap_[least])) least = child;
      if (!earlier(heap_[least].at, heap_[least].order, last)) break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = last;
  }

 private:
  static constexpr std::size_t kChildren = 4;

  std::vector<Planned> heap_;
};

}  // namespace troth::simulation
