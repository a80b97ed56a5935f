#pragma once
// Checks once a second whether the files that a node's promises rest on are still the same. Each
// force also checks its own file (wal::Writer, sqlite::Database). The guard finds changes while
// nothing is forced, and changes of files that are no longer written.

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "os/mutex.h"

namespace troth {

/// Owns one thread. Reports once and then ends: a lost file does not come back.
class FileGuard {
 public:
  /// What is wrong with the files; nothing: all are in place.
  using Look = std::function<std::optional<std::string>()>;

  ~FileGuard() { stop(); }
  /// `looks` run on this thread once, and on the guard's thread from then on; `changed` is called on
  /// the guard's thread, and must not block.
  void start(std::vector<Look> looks, std::function<void(const std::string&)> changed);
  /// Idempotent.
  void stop();

 private:
  bool wait();

  Mutex mutex_;
  Condition wake_;
  bool stopping_ TROTH_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace troth
