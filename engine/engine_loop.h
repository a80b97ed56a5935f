#pragma once
// Runs the one engine of a daemon. One thread at a time takes everything that queued, hands it to
// the engine, fires its timers, and lets it publish once per round. Usually that is the loop's own
// thread. When there is little to do, the thread that delivers work runs the engine inline: waking
// a thread of an idle machine costs more than most rounds. The engine has no thread and no clock.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/ids.h"
#include "os/clock.h"
#include "os/mutex.h"

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
/// end_of_round(Now)`, `std::optional<Lsn> take_forced()` (returns once how far the end of a round
/// has forced by itself), `void on_durable(Lsn, Now)` and `bool alone() const`.
template <class Engine>
class EngineLoop {
 public:
  using Task = std::function<void(Engine&, Now)>;

  EngineLoop(Engine& engine, const Clock& clock, std::size_t capacity)
      : engine_(engine), clock_(clock), capacity_(capacity) {}
  ~EngineLoop() { stop(); }

  void start() {
    thread_ = std::jthread([this] { run(); });
  }
  /// Thread-safe. False when the inbox is full or closed: refuse at the edge.
  bool post(Task task) { return push(std::move(task), capacity_, true); }
  /// The same for a task that counts as several.
  bool post(Task task, std::size_t several) {
    return push(std::move(task), capacity_, true, several);
  }
  /// For answers to the engine's requests (durability, job results): never refused while running.
  bool post_reserved(Task task) { return push(std::move(task), kNoLimit, true); }
  /// Like post(), without waking the loop. The caller must call help() after its last task, and may
  /// first do work that other threads wait for.
  bool post_quietly(Task task) { return push(std::move(task), capacity_, false); }
  bool post_reserved_quietly(Task task) { return push(std::move(task), kNoLimit, false); }

  /// Runs the engine on the calling thread if no other thread runs it and little is queued;
  /// otherwise wakes the loop's thread.
  void help() {
    constexpr std::size_t kLittle = 8;
    constexpr int kRounds = 4;  // then the thread is needed for its own work
    MutexLock lock(mutex_);
    if (running_ || tasks_.empty()) return;  // the running thread looks again before it rests
    if (queued_ <= kLittle)
      for (int i = 0; i < kRounds && !tasks_.empty(); ++i) round();
    const bool wanted = is_due_earlier() && take_sleeper();
    lock.unlock();
    if (wanted) changed_.notify_one();
  }

  /// The last round left the engine nearly without work, so a thread that posts a task should call
  /// help() at once. Thread-safe.
  bool calm() const { return calm_.load(std::memory_order_relaxed); }

  /// Runs `fn(engine, now)` as a task and waits for its result, at most `limit`. Nothing if full,
  /// closed or too slow.
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

  /// Handles the queued tasks, then ends the thread. Idempotent.
  void stop() {
    {
      const MutexLock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

  bool push(Task task, std::size_t limit, bool loud, std::size_t weight = 1) {
    MutexLock lock(mutex_);
    if (closed_ || queued_ >= limit) return false;
    tasks_.push_back(std::move(task));
    queued_ += weight;
    const bool wanted = loud && !running_ && take_sleeper();
    lock.unlock();
    if (wanted) changed_.notify_one();
    return true;
  }

  /// True: the thread sleeps, and the caller wakes it when it has left the lock.
  bool take_sleeper() TROTH_REQUIRES(mutex_) { return std::exchange(sleeps_, false); }

  /// Must the thread wake before the time that it chose? Call only while no thread runs a round.
  bool is_due_earlier() const TROTH_REQUIRES(mutex_) {
    if (!tasks_.empty() || closed_) return true;
    const auto next = engine_.next_wake();
    return next && (!sleeps_until_ || *next < *sleeps_until_);
  }

  void run() {
    const MutexLock lock(mutex_);
    while (true) {
      rest();
      const bool last = closed_ && tasks_.empty();
      round();
      if (last && tasks_.empty()) return;
    }
  }

  /// Waits until there is work and no other thread does it.
  void rest() TROTH_REQUIRES(mutex_) {
    while (true) {
      if (!running_ && (!tasks_.empty() || closed_)) break;
      sleeps_until_ = running_ ? std::nullopt : engine_.next_wake();
      sleeps_ = true;
      if (!sleeps_until_) {
        changed_.wait(mutex_);
        continue;
      }
      const Condition::Clock::time_point deadline{
          std::chrono::duration_cast<Condition::Clock::duration>(sleeps_until_->since_start)};
      if (!changed_.wait_until(mutex_, deadline) && !running_) break;
    }
    sleeps_ = false;
  }

  /// Call only while no thread runs a round. Releases the lock during the round.
  void round() TROTH_REQUIRES(mutex_) {
    running_ = true;
    std::deque<Task> tasks;
    tasks.swap(tasks_);
    queued_ = 0;
    mutex_.unlock();
    run_tasks(tasks);
    mutex_.lock();
    running_ = false;
  }

  /// An exception on any thread ends the process. After half a round the engine's memory cannot be
  /// trusted. A round that never ends would leave the daemon alive but deaf.
  void run_tasks(std::deque<Task>& tasks) noexcept {
    Now now = clock_.now();
    for (auto& task : tasks) task(engine_, now);
    if (const auto wake = engine_.next_wake(); wake && *wake <= now.monotonic) engine_.tick(now);
    engine_.end_of_round(now);
    while (const auto durable = engine_.take_forced()) {
      now = clock_.now();
      engine_.on_durable(*durable, now);
      engine_.end_of_round(now);
    }
    calm_.store(engine_.alone(), std::memory_order_relaxed);
    tasks.clear();  // captures may be large, or may ask for the lock
  }

  Engine& engine_;  // by the thread that set running_, or under mutex_ if none did
  const SteadyWallClock clock_;
  const std::size_t capacity_;
  mutable Mutex mutex_;
  Condition changed_;
  std::deque<Task> tasks_ TROTH_GUARDED_BY(mutex_);
  std::size_t queued_ TROTH_GUARDED_BY(mutex_) = 0;  // work that tasks_ count as
  bool running_ TROTH_GUARDED_BY(mutex_) = false;    // a round is under way
  bool sleeps_ TROTH_GUARDED_BY(mutex_) = false;     // the thread waits for changed_
  std::optional<MonotonicTime> sleeps_until_ TROTH_GUARDED_BY(mutex_);  // as long as it sleeps
  bool closed_ TROTH_GUARDED_BY(mutex_) = false;
  std::atomic<bool> calm_ = false;
  std::jthread thread_;
};

}  // namespace troth
