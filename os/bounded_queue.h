#pragma once
// A queue between threads: many producers, one consumer. try_push() refuses an item when the queue
// is full, and never waits. push_all() ignores the bound. The consumer takes everything at once.

#include <chrono>
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>

#include "os/mutex.h"
#include "troth/time.h"

namespace troth {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  /// False when the queue is full or closed; `item` is then untouched.
  bool try_push(T&& item) {
    MutexLock lock(mutex_);
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    const bool wanted = take_waiting();
    lock.unlock();
    if (wanted) arrived_.notify_one();
    return true;
  }

  /// Several, which stay together: their number is bounded by the caller, so the capacity is ignored.
  /// False only when closed.
  bool push_all(std::deque<T>&& items) {
    MutexLock lock(mutex_);
    if (closed_) return false;
    if (items_.empty()) {
      items_.swap(items);
    } else {
      std::move(items.begin(), items.end(), std::back_inserter(items_));
    }
    const bool wanted = take_waiting();
    lock.unlock();
    if (wanted) arrived_.notify_one();
    return true;
  }

  /// Waits until something is queued, `until` is reached or the queue is closed; returns all that
  /// is there.
  std::deque<T> take_all(std::optional<MonotonicTime> until) {
    const MutexLock lock(mutex_);
    while (items_.empty() && !closed_) {
      consumer_waits_ = true;
      if (!until) {
        arrived_.wait(mutex_);
        continue;
      }
      const Condition::Clock::time_point deadline{
          std::chrono::duration_cast<Condition::Clock::duration>(until->since_start)};
      if (!arrived_.wait_until(mutex_, deadline)) break;
    }
    consumer_waits_ = false;
    std::deque<T> out;
    out.swap(items_);
    return out;
  }

  /// Later pushes fail; queued items can still be taken.
  void close() {
    const MutexLock lock(mutex_);
    closed_ = true;
    arrived_.notify_all();
  }

  bool closed() const {
    const MutexLock lock(mutex_);
    return closed_;
  }
  std::size_t size() const {
    const MutexLock lock(mutex_);
    return items_.size();
  }

 private:
  // Only the first push wakes, and the caller wakes when the consumer will find the lock free.
  bool take_waiting() TROTH_REQUIRES(mutex_) { return std::exchange(consumer_waits_, false); }

  const std::size_t capacity_;
  mutable Mutex mutex_;
  Condition arrived_;
  std::deque<T> items_ TROTH_GUARDED_BY(mutex_);
  bool consumer_waits_ TROTH_GUARDED_BY(mutex_) = false;
  bool closed_ TROTH_GUARDED_BY(mutex_) = false;
};

}  // namespace troth
