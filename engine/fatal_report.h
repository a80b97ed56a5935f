#pragma once
// The first error after which a node must end, and the callback that hears of it. Owns both. Any
// thread of the node may report.

#include <functional>
#include <optional>
#include <utility>

#include "os/mutex.h"
#include "troth/result.h"

namespace troth {

/// Thread-safe.
class FatalReport {
 public:
  /// Called once; immediately if the error came before. Must not block.
  void on_fatal(std::function<void(const Error&)> handler) {
    const MutexLock lock(mutex_);
    handler_ = std::move(handler);
    if (error_ && handler_) handler_(*error_);
  }
  /// Later errors are consequences: they are not reported.
  void report(const Error& error) {
    const MutexLock lock(mutex_);
    if (error_) return;
    error_ = error;
    if (handler_) handler_(error);
  }

 private:
  Mutex mutex_;
  std::function<void(const Error&)> handler_ TROTH_GUARDED_BY(mutex_);
  std::optional<Error> error_ TROTH_GUARDED_BY(mutex_);
};

}  // namespace troth
