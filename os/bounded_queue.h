#pragma once
// A queue between threads: many producers, one consumer. try_push() refuses an item when the queue
// is full, and never waits. push_all() ignores the bound. The consumer takes everything at once.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include "troth/time.h"

namespace troth {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  /// False when the queue is full or closed; `item` is then untouched.
  bool try_push(T&& item) {
    std::unique_lock lock(mutex_);
    if (closed_ || items_.size() >= capacity_) return false;
    push(std::move(item), std::move(lock));
    return true;
  }

  /// For items whose number the consumer itself bounds (durability notices, job results): ignores
  /// the capacity. False only when closed.
  bool push_reserved(T&& item) {
    std::unique_lock lock(mutex_);
    if (closed_) return false;
    push(std::move(item), std::move(lock));
    return true;
  }

  /// The same for several, which stay together.
  bool push_all(std::deque<T>&& items) {
    std::unique_lock lock(mutex_);
    if (closed_) return false;
    if (items_.empty()) {
      items_.swap(items);
    } else {
      std::move(items.begin(), items.end(), std::back_inserter(items_));
    }
    wake_consumer(std::move(lock));
    return true;
  }

  /// Waits until something is queued, `until` is reached or the queue is closed; returns all that
  /// is there.
  std::deque<T> take_all(std::optional<MonotonicTime> until) {
    std::unique_lock lock(mutex_);
    while (items_.empty() && !closed_) {
      consumer_waits_ = true;
      if (!until) {
        arrived_.wait(lock);
        continue;
      }
      const std::chrono::steady_clock::time_point deadline{
          std::chrono::duration_cast<std::chrono::steady_clock::duration>(until->since_start)};
      if (arrived_.wait_until(lock, deadline) == std::cv_status::timeout) break;
    }
    consumer_waits_ = false;
    std::deque<T> out;
    out.swap(items_);
    return out;
  }

  /// Later pushes fail; what is queued can still be taken.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    arrived_.notify_all();
  }

  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  void push(T&& item, std::unique_lock<std::mutex> lock) {
    items_.push_back(std::move(item));
    wake_consumer(std::move(lock));
  }
  // Only the first push wakes, and only when the consumer will find the lock free.
  void wake_consumer(std::unique_lock<std::mutex> lock) {
    const bool wake = std::exchange(consumer_waits_, false);
    lock.unlock();
    if (wake) arrived_.notify_one();
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<T> items_;          // guarded by mutex_
  bool consumer_waits_ = false;  // guarded by mutex_
  bool closed_ = false;          // guarded by mutex_
};

}  // namespace troth
