// The heap of timers against a sorted set that does the same.
#include "base/timer_heap.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

namespace troth::tests {

namespace {

struct Sleeper {
  TimerPlace timer;
};

TEST_CASE("timers that are set, moved and taken back come in order") {
  constexpr std::uint64_t kSleepers = 50;
  const auto gtid_of = [](std::uint64_t i) { return Gtid({1}, {1}, i, Decider::kCoordinator); };
  std::map<std::uint64_t, Sleeper> sleepers;
  for (std::uint64_t i = 0; i < kSleepers; ++i) sleepers[i];
  TimerHeap<Sleeper> heap;
  std::set<std::pair<MonotonicTime, std::uint64_t>> expected;
  std::map<std::uint64_t, MonotonicTime> set_to;
  std::minstd_rand random(7);
  const auto drop = [&](std::uint64_t who) {
    const auto known = set_to.find(who);
    if (known == set_to.end()) return;
    expected.erase({known->second, who});
    set_to.erase(known);
  };
  for (int step = 0; step < 20000; ++step) {
    const std::uint64_t who = random() % kSleepers;
    switch (random() % 4) {
      case 0:
      case 1: {
        const MonotonicTime at{Duration(random() % 40)};
        heap.set(sleepers[who], gtid_of(who), at);
        drop(who);
        expected.emplace(at, who);
        set_to[who] = at;
        break;
      }
      case 2:
        heap.set(sleepers[who], gtid_of(who), std::nullopt);
        drop(who);
        break;
      default:
        if (heap.empty()) break;
        REQUIRE(&heap.pop() == &sleepers[expected.begin()->second]);
        drop(expected.begin()->second);
    }
    REQUIRE(heap.size() == expected.size());
    if (heap.empty()) continue;
    REQUIRE(heap.first() == expected.begin()->first);
    const auto known = set_to.find(who);
    REQUIRE(heap.of(sleepers[who]) ==
            (known == set_to.end() ? std::nullopt : std::optional(known->second)));
  }
}

}  // namespace

}  // namespace troth::tests
