#pragma once
// Where a handler thread waits for answers that engines give on their own threads. Held by
// shared_ptr: an answer may come after the waiter has left.

#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "os/mutex.h"
#include "troth/time.h"

namespace troth {

template <class T>
class Gather {
 public:
  explicit Gather(std::size_t slots) : slots_(slots), open_(slots) {}

  /// The first answer of a slot counts. Never blocks for long; any thread.
  void set(std::size_t slot, T&& value) {
    {
      const MutexLock lock(mutex_);
      if (left_ || slots_[slot]) return;
      slots_[slot] = std::move(value);
      if (--open_ != 0) return;
    }
    complete_.notify_one();  // without the lock: the waiter needs it
  }

  /// Returns when every slot is filled, at the latest after `timeout` or when `stop` is requested.
  /// Later answers are lost. Called once.
  std::vector<std::optional<T>> wait(std::stop_token stop, Duration timeout) {
    const std::stop_callback stopped(stop, [this] {
      {
        const MutexLock lock(mutex_);
        stopped_ = true;
      }
      complete_.notify_one();
    });
    const MutexLock lock(mutex_);
    const auto until =
        Condition::Clock::now() + std::chrono::duration_cast<Condition::Clock::duration>(timeout);
    while (open_ != 0 && !stopped_ && complete_.wait_until(mutex_, until)) {
    }
    left_ = true;
    return std::move(slots_);
  }

 private:
  Mutex mutex_;
  Condition complete_;
  std::vector<std::optional<T>> slots_ TROTH_GUARDED_BY(mutex_);
  std::size_t open_ TROTH_GUARDED_BY(mutex_);
  bool left_ TROTH_GUARDED_BY(mutex_) = false;
  bool stopped_ TROTH_GUARDED_BY(mutex_) = false;
};

}  // namespace troth
