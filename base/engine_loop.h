#pragma once
// The one engine thread of a daemon: takes everything that queued, hands it to the engine, fires
// its timers, and lets it publish once per round. The engine itself has no thread and asks no
// clock.

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "base/bounded_queue.h"
#include "base/clock.h"

namespace troth {

/// The time, as handed to engines.
struct Now {
  MonotonicTime monotonic;
  WallTime wall;
};

/// A wall clock that never jumps while the process lives: read once, then it runs with the
/// monotonic clock. An operator who sets the clock a day ahead must not expire every idempotency
/// key (failures.md 45).
class SteadyWallClock {
 public:
  explicit SteadyWallClock(const Clock& clock)
      : clock_(clock), start_(clock.now()), wall_at_start_(clock.wall_now()) {}
  Now now() const {
    const auto monotonic = clock_.now();
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(monotonic - start_);
    return {monotonic, {wall_at_start_.unix_ms + passed.count()}};
  }

 private:
  const Clock& clock_;
  const MonotonicTime start_;
  const WallTime wall_at_start_;
};

/// Engine needs: `std::optional<MonotonicTime> next_wake() const`, `void tick(Now)`, `void
/// end_of_round(Now)`.
template <class Engine>
class EngineLoop {
 public:
  using Task = std::function<void(Engine&, Now)>;

  EngineLoop(Engine& engine, const Clock& clock, std::size_t capacity)
      : engine_(engine), clock_(clock), inbox_(capacity) {}
  ~EngineLoop() { stop(); }

  void start() {
    thread_ = std::jthread([this] { run(); });
  }
  /// Thread-safe. False when the inbox is full or closed: refuse at the edge.
  bool post(Task task) { return inbox_.try_push(std::move(task)); }
  /// For what the engine itself asked for (durability, job results): never refused while running.
  bool post_reserved(Task task) { return inbox_.push_reserved(std::move(task)); }

  /// Runs `fn(engine, now)` on the engine thread and waits for its result, at most `limit`. Nothing
  /// if full, closed or too slow.
  template <class R>
  std::optional<R> call(std::function<R(Engine&, Now)> fn, Duration limit) {
    auto promise = std::make_shared<std::promise<R>>();
    auto future = promise->get_future();
    const bool posted = post([promise, fn = std::move(fn)](Engine& engine, Now now) {
      promise->set_value(fn(engine, now));
    });
    if (!posted || future.wait_for(limit) != std::future_status::ready) return std::nullopt;
    return future.get();
  }

  /// Handles what is queued, then ends the thread. Idempotent.
  void stop() {
    inbox_.close();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    while (true) {
      auto tasks = inbox_.take_all(engine_.next_wake());
      const Now now = clock_.now();
      for (auto& task : tasks) task(engine_, now);
      if (const auto wake = engine_.next_wake(); wake && *wake <= now.monotonic) engine_.tick(now);
      engine_.end_of_round(now);
      if (tasks.empty() && inbox_.closed()) return;
    }
  }

  Engine& engine_;
  const SteadyWallClock clock_;
  BoundedQueue<Task> inbox_;
  std::jthread thread_;
};

}  // namespace troth
