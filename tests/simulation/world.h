#pragma once
// Time, chance and order of one simulated run. Everything that happens is an event; the same seed
// gives the same events in the same order, byte for byte.

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine_loop.h"
#include "os/clock.h"
#include "tests/simulation/event_queue.h"
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
    Event* event = nullptr;
    if (free_.empty()) {
      event = &events_.emplace_back(std::forward<F>(what));
    } else {
      event = free_.back();
      free_.pop_back();
      *event = Event(std::forward<F>(what));
    }
    queue_.push({now_ + delay, ++count_, event});
  }
  /// An alarm clock: it rings once after `delay`, in its turn among the events, unless it is set
  /// anew before. Every round of an engine sets one, hardly any rings.
  struct Alarm {
    std::optional<MonotonicTime> at;
    std::uint64_t order = 0;
    std::function<void()> ring;
  };
  /// Stays for ever.
  void add(Alarm& alarm) { alarms_.push_back(&alarm); }
  void set(Alarm& alarm, Duration delay) {
    alarm.at = now_ + delay;
    alarm.order = ++count_;
    if (&alarm == first_)
      find_first();
    else
      first_ = earlier(alarm);
  }
  /// Somewhere in [low, high).
  Duration between(Duration low, Duration high) {
    return low + Duration(static_cast<std::int64_t>(
                     random.below(static_cast<std::uint64_t>((high - low).count()))));
  }
  /// Runs events until `until`, or until a violation was found.
  void run_until(MonotonicTime until) {
    while (violations.empty() && run_next(until)) ++events_run;
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
  std::set<std::string> forgetful;  ///< nodes whose log was once put back: what others saw is gone
  /// How alarms begin that a lie explains: outsider.h, about a transaction that has just ended.
  std::set<std::string> lies;
  std::vector<Violation> violations;
  std::int64_t wall_jump_ms = 0;
  std::uint64_t events_run = 0;

 private:
  bool run_next(MonotonicTime until) {
    if (first_ != nullptr &&
        (queue_.empty() || EventQueue::earlier(*first_->at, first_->order, queue_.first()))) {
      if (until < *first_->at) return false;
      auto& alarm = *first_;
      now_ = *std::exchange(alarm.at, std::nullopt);
      find_first();
      alarm.ring();
      return true;
    }
    if (queue_.empty() || until < queue_.first().at) return false;
    const auto next = queue_.first();
    queue_.pop();
    now_ = next.at;
    (*next.event)();  // stays where it is while it plans others
    *next.event = Event();
    free_.push_back(next.event);
    return true;
  }
  void find_first() {
    first_ = nullptr;
    for (auto* alarm : alarms_)
      if (alarm->at) first_ = earlier(*alarm);
  }
  Alarm* earlier(Alarm& alarm) const {
    const bool is = first_ == nullptr || *alarm.at < *first_->at ||
                    (*alarm.at == *first_->at && alarm.order < first_->order);
    return is ? &alarm : first_;
  }

  EventQueue queue_;
  std::deque<Event> events_;  // of the queue, and free ones
  std::vector<Event*> free_;
  std::vector<Alarm*> alarms_;
  Alarm* first_ = nullptr;  // that rings
  MonotonicTime now_{std::chrono::seconds(1)};
  std::uint64_t count_ = 0;
  const bool tracing_;
};

}  // namespace troth::simulation
