#pragma once
// Time, chance and order of one simulated run. Everything that happens is an event; the same seed
// gives the same events in the same order, byte for byte.

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <queue>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/engine_loop.h"
#include "tests/simulation/event.h"
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

  /// Runs `what` after `delay`; events of the same instant run in the order they were planned.
  template <class F>
  void after(Duration delay, F&& what) {
    std::uint32_t place = 0;
    if (free_.empty()) {
      place = static_cast<std::uint32_t>(events_.size());
      events_.emplace_back(std::forward<F>(what));
    } else {
      place = free_.back();
      free_.pop_back();
      events_[place] = Event(std::forward<F>(what));
    }
    queue_.push({now_ + delay, ++count_, place});
  }
  /// Somewhere in [low, high).
  Duration between(Duration low, Duration high) {
    return low + Duration(static_cast<std::int64_t>(
                     random.below(static_cast<std::uint64_t>((high - low).count()))));
  }
  /// Runs events until `until`, or until a violation was found.
  void run_until(MonotonicTime until) {
    while (!queue_.empty() && queue_.top().at <= until && violations.empty()) {
      const auto next = queue_.top();
      queue_.pop();
      now_ = next.at;
      ++events_run;
      auto& event = events_[next.place];  // stays where it is while it plans others
      event();
      event = Event();
      free_.push_back(next.place);
    }
    if (violations.empty()) now_ = until;
  }

  /// Whether anybody reads the trace.
  bool tracing() const { return tracing_; }
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
  struct Planned {
    MonotonicTime at;
    std::uint64_t order;
    std::uint32_t place;                          // in events_
    bool operator<(const Planned& other) const {  // the queue's top is the greatest: earliest first
      return at != other.at ? other.at < at : other.order < order;
    }
  };

  std::priority_queue<Planned> queue_;
  std::deque<Event> events_;
  std::vector<std::uint32_t> free_;  // places in events_
  MonotonicTime now_{std::chrono::seconds(1)};
  std::uint64_t count_ = 0;
  const bool tracing_;
};

}  // namespace troth::simulation
