#pragma once
// Keeps SQLite's -wal near its limit although readers overlap without end. A checkpoint that may
// not wait restarts the -wal only if no reader uses it at that moment; with enough readers that
// moment never comes. Over twice the limit it waits, for a bounded time and not often, because the
// participant does nothing else meanwhile. An alarm names the readers. Worker thread only.

#include <cstdint>
#include <string>
#include <vector>

#include "os/clock.h"

namespace troth::participant::sqlite {

class WalBound {
 public:
  WalBound(std::uint64_t limit_bytes, const Clock& clock) : limit_(limit_bytes), clock_(clock) {}

  /// How long the checkpoint that begins now may wait for readers, with a -wal of `bytes`.
  Duration patience(std::uint64_t bytes) const;
  /// It has ended. `restarted`: the next commit writes to the front of the -wal.
  void checkpointed(bool restarted, Duration waited);
  /// True if readers have kept the -wal over twice its limit of `bytes`.
  bool exceeded(std::uint64_t bytes) const { return blocked_ && bytes >= 2 * limit_; }

 private:
  const std::uint64_t limit_;
  const Clock& clock_;
  bool blocked_ = false;  // the last checkpoint could not start the -wal anew
  MonotonicTime wait_again_;
};

/// Processes that read the database now, other than this one: they hold SQLite's read locks in its
/// -shm file. From /proc/locks; empty if that cannot be read.
std::vector<int> processes_reading(const std::string& shm_path);

}  // namespace troth::participant::sqlite
