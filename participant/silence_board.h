#pragma once
// The state of the node while a statement ignores its limit: not ready, and an alarm. Owned by the
// node; written by the watchdog's thread and the statement's own, read by screens. Thread-safe.

#include <optional>
#include <string>

#include "os/mutex.h"
#include "troth/resource_manager.h"

namespace troth::participant {

class SilenceBoard {
 public:
  /// The error with which the process must end, if the statement is hopeless.
  std::optional<Error> take(const SilentStatement& silent);
  /// One sentence for people while a statement is silent.
  std::optional<std::string> text() const;

 private:
  mutable Mutex mutex_;
  std::optional<std::string> text_ TROTH_GUARDED_BY(mutex_);
};

}  // namespace troth::participant
