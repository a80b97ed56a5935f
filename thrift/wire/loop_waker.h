#pragma once
// Wakes an event loop from any thread, or runs a round of it there: an answer that is ready needs
// no second thread to be sent. Internal to the server.

#include <atomic>
#include <functional>

namespace troth::thrift {

/// Outlives the loop. Thread-safe where nothing else is said.
class LoopWaker {
 public:
  LoopWaker();
  ~LoopWaker();
  LoopWaker(const LoopWaker&) = delete;
  LoopWaker& operator=(const LoopWaker&) = delete;

  void wake() const;
  /// If the loop sleeps and no other thread does the same: runs its round on this thread. Otherwise
  /// false, and nothing is done.
  bool run_here();

  // For the loop. Its state belongs to the thread that has taken it: its own thread while it is awake, or one
  // that runs a round instead of it.
  void drain() const;
  int fd() const { return fd_; }
  /// Before the first release().
  void set_round(std::function<void()> round) { round_ = std::move(round); }
  void take();
  void release();

 private:
  int fd_;
  std::function<void()> round_;
  std::atomic<bool> taken_ = true;
};

}  // namespace troth::thrift
