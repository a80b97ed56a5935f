#pragma once
// Lines for a descriptor that may not be read: a log pipe whose reader hangs must not hold up the
// thread that logs. Owns a bounded backlog and the thread that empties it. Invariant: nothing here
// waits in write(); lines leave in order; a line that finds no room is dropped and counted.
// Thread-safe.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "os/mutex.h"

namespace troth {

class LogStream {
 public:
  static constexpr std::size_t kBacklogBytes = std::size_t{1} << 20;

  /// `fd` stays the caller's. For a pipe or a terminal, this opens a description of its own that
  /// does not block, because other processes share the flag of the given one. `tell_dropped` makes
  /// the line that says how many were dropped, once there is room again.
  LogStream(int fd, std::function<std::string(std::uint64_t)> tell_dropped);
  /// Gives the reader at most 200 ms for the remaining lines.
  ~LogStream();
  LogStream(const LogStream&) = delete;
  LogStream& operator=(const LogStream&) = delete;

  /// `line` ends with a newline. Returns at once.
  void write(std::string_view line);
  /// Waits until everything was written, at most `milliseconds`.
  void flush(int milliseconds);
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  /// How many bytes were taken; 0: the reader has no room now. Never waits.
  std::size_t write_some(std::string_view bytes) const;
  bool becomes_writable(int milliseconds) const;
  /// From the backlog, as much as goes.
  void drain() TROTH_REQUIRES(mutex_);
  void run();

  const std::function<std::string(std::uint64_t)> tell_dropped_;
  int fd_;
  bool own_fd_ = false;
  bool may_block_ = false;  // asked with poll() before each write
  bool socket_ = false;

  mutable Mutex mutex_;
  Condition changed_;
  std::deque<std::string> backlog_ TROTH_GUARDED_BY(mutex_);
  std::size_t backlog_bytes_ TROTH_GUARDED_BY(mutex_) = 0;
  std::uint64_t untold_ TROTH_GUARDED_BY(mutex_) = 0;  // dropped since a line last said so
  bool stopping_ TROTH_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::jthread drainer_;  // under mutex_ until the destructor; made with the first backlog
};

}  // namespace troth
