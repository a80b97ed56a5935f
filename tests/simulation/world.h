#pragma once
// Time, chance and order of one simulated run. Everything that happens is an event; the same seed
// gives the same events in the same order, byte for byte.

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/engine_loop.h"
#include "tests/support/random.h"

namespace troth::simulation {

using tests::Random;

class World final : public Clock {
 public:
  explicit World(std::uint64_t seed, bool tracing = false) : random(seed), tracing_(tracing) {}

  MonotonicTime now() const override { return now_; }
  WallTime wall_now() const override {
    return {1'700'000'000'000 + now_.since_start.count() / 1'000'000 + wall_jump_ms};
  }

  /// Runs `event` after `delay`; events of the same instant run in the order they were planned.
  void after(Duration delay, std::function<void()> event) {
    events_.push({now_ + delay, ++planned_, std::move(event)});
  }
  /// Somewhere in [low, high).
  Duration between(Duration low, Duration high) {
    return low + Duration(static_cast<std::int64_t>(
                     random.below(static_cast<std::uint64_t>((high - low).count()))));
  }
  /// Runs events until `until`, or until a violation was found.
  void run_until(MonotonicTime until) {
    while (!events_.empty() && events_.top().at <= until && violations.empty()) {
      auto next = std::move(const_cast<Event&>(events_.top()));  // popped at once
      events_.pop();
      now_ = next.at;
      ++events_run;
      next.run();
    }
    if (violations.empty()) now_ = until;
  }

  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (!tracing_) return;
    fmt::print("{:>12.6f}  {}\n", static_cast<double>(now_.since_start.count()) / 1e9,
               fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void violation(const char* invariant, fmt::format_string<Args...> format, Args&&... args) {
    violations.push_back({invariant, fmt::format(format, std::forward<Args>(args)...)});
    trace("VIOLATION {}: {}", invariant, violations.back().what);
  }

  struct Violation {
    std::string invariant, what;
  };

  Random random;
  std::vector<Violation> violations;
  std::int64_t wall_jump_ms = 0;
  std::uint64_t events_run = 0;

 private:
  struct Event {
    MonotonicTime at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Event& other) const {  // the queue's top is the greatest: earliest first
      return std::tie(other.at, other.order) < std::tie(at, order);
    }
  };

  std::priority_queue<Event> events_;
  MonotonicTime now_{std::chrono::seconds(1)};
  std::uint64_t planned_ = 0;
  const bool tracing_;
};

}  // namespace troth::simulation
