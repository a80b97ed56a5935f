#pragma once
// Looks once a second whether the files that a node's promises rest on are still what they were.
// Each force looks at its own file besides (wal::Writer, sqlite::Database); the guard finds what
// changes while nothing is forced, and the files that are not written any more.

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "os/mutex.h"

namespace troth {

/// Owns one thread. Tells once and then ends: what is lost is not found again.
class FileGuard {
 public:
  /// What is wrong with some of the files; nothing: they are all there.
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
