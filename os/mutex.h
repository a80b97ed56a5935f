#pragma once
// The standard's locks, as types that clang's thread-safety analysis knows. Every mutex of the
// product is one of these, and every member that it guards says so with TROTH_GUARDED_BY.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#include "os/thread_annotations.h"

namespace troth {

class TROTH_CAPABILITY("mutex") Mutex {
 public:
  void lock() TROTH_ACQUIRE() { mutex_.lock(); }
  void unlock() TROTH_RELEASE() { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

/// Holds a mutex until its end, or until unlock().
class TROTH_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TROTH_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() TROTH_RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  void unlock() TROTH_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() TROTH_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

/// A condition variable. It takes no predicate: the analysis cannot see the lock inside of one, so
/// callers write the loop.
class Condition {
 public:
  using Clock = std::chrono::steady_clock;
  void wait(Mutex& mutex) TROTH_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    static_cast<void>(lock.release());
  }
  /// False: `until` has passed.
  bool wait_until(Mutex& mutex, Clock::time_point until) TROTH_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    const auto status = condition_.wait_until(lock, until);
    static_cast<void>(lock.release());
    return status == std::cv_status::no_timeout;
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

class TROTH_CAPABILITY("mutex") SharedMutex {
 public:
  void lock() TROTH_ACQUIRE() { mutex_.lock(); }
  void unlock() TROTH_RELEASE() { mutex_.unlock(); }
  void lock_shared() TROTH_ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() TROTH_RELEASE_GENERIC() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class TROTH_SCOPED_CAPABILITY ExclusiveLock {
 public:
  explicit ExclusiveLock(SharedMutex& mutex) TROTH_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~ExclusiveLock() TROTH_RELEASE() { mutex_.unlock(); }
  ExclusiveLock(const ExclusiveLock&) = delete;
  ExclusiveLock& operator=(const ExclusiveLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Readers. Until its end, or until unlock().
class TROTH_SCOPED_CAPABILITY SharedLock {
 public:
  explicit SharedLock(SharedMutex& mutex) TROTH_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~SharedLock() TROTH_RELEASE_GENERIC() {
    if (held_) mutex_.unlock_shared();
  }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;
  void unlock() TROTH_RELEASE_GENERIC() {
    held_ = false;
    mutex_.unlock_shared();
  }

 private:
  SharedMutex& mutex_;
  bool held_ = true;
};

}  // namespace troth
