#pragma once
// Ends the statements of clients when the agent stops or their branch is discarded, and only those.
// Owns the decision to stop and which branch executes. Invariant: sqlite3_interrupt() is called only
// while a Window is open, so that an apply or a COMMIT is never interrupted. Thread-safe.

#include <sqlite3.h>

#include <atomic>

#include "os/mutex.h"
#include "troth/ids.h"

namespace troth::participant::sqlite {

class ExecutionStop {
 public:
  /// Statements of a client run on `db` as long as it lives. Of the worker's thread.
  class Window {
   public:
    Window(ExecutionStop& stop, sqlite3* db) : stop_(stop) { stop_.set_running(db); }
    ~Window() { stop_.set_running(nullptr); }
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;

   private:
    ExecutionStop& stop_;
  };

  /// For good.
  void stop() {
    const MutexLock lock(mutex_);
    stopped_.store(true, std::memory_order_relaxed);
    if (running_ != nullptr) sqlite3_interrupt(running_);
  }
  /// Progress handlers ask this too: an interrupt between two statements of a window is forgotten.
  bool stopped() const {
    return stopped_.load(std::memory_order_relaxed) || cancelled_.load(std::memory_order_relaxed);
  }
  /// For good, and not for one branch alone.
  bool stopped_for_good() const { return stopped_.load(std::memory_order_relaxed); }

  /// The following execution is for `branch`. Of the worker's thread.
  void set_branch(const Gtid& branch) {
    const MutexLock lock(mutex_);
    branch_ = branch;
    cancelled_.store(false, std::memory_order_relaxed);
  }
  /// From any thread: if `branch` is being executed, its statements end. Else nothing happens.
  void cancel(const Gtid& branch) {
    const MutexLock lock(mutex_);
    if (running_ == nullptr || branch_ != branch) return;
    cancelled_.store(true, std::memory_order_relaxed);
    sqlite3_interrupt(running_);
  }
  /// From any thread.
  bool executes(const Gtid& branch) {
    const MutexLock lock(mutex_);
    return running_ != nullptr && branch_ == branch;
  }
  /// cancel() for whatever is being executed since the last set_branch(), or would be next.
  void cancel_running() {
    const MutexLock lock(mutex_);
    cancelled_.store(true, std::memory_order_relaxed);
    if (running_ != nullptr) sqlite3_interrupt(running_);
  }

 private:
  void set_running(sqlite3* db) {
    const MutexLock lock(mutex_);
    running_ = db;
  }

  std::atomic<bool> stopped_ = false;
  std::atomic<bool> cancelled_ = false;
  Mutex mutex_;
  sqlite3* running_ TROTH_GUARDED_BY(mutex_) = nullptr;
  Gtid branch_ TROTH_GUARDED_BY(mutex_);
};

}  // namespace troth::participant::sqlite
