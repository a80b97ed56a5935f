#pragma once
// Ctrl-C during a long command. The command asks at points where it can stop, so that it can clean
// up its processes and files.

#include <signal.h>

#include <chrono>
#include <ctime>

namespace troth::cli {

inline sigset_t interrupt_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

/// Has a signal come that Interrupts holds back?
inline bool interrupt_pending() {
  sigset_t pending;
  sigemptyset(&pending);
  sigpending(&pending);
  return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
         sigismember(&pending, SIGHUP) == 1;
}

/// Holds back SIGINT, SIGTERM and SIGHUP from here on, in this thread and those it starts.
class Interrupts {
 public:
  Interrupts() { pthread_sigmask(SIG_BLOCK, &set_, nullptr); }
  /// True when interrupted before `until`, now or earlier.
  bool wait(std::chrono::steady_clock::time_point until) {
    while (!seen_) {
      const auto left = std::chrono::nanoseconds(until - std::chrono::steady_clock::now()).count();
      if (left <= 0) return false;
      const timespec limit{static_cast<time_t>(left / 1'000'000'000),
                           static_cast<long>(left % 1'000'000'000)};
      if (sigtimedwait(&set_, nullptr, &limit) > 0) seen_ = true;
    }
    return true;
  }

 private:
  const sigset_t set_ = interrupt_signals();
  bool seen_ = false;
};

}  // namespace troth::cli
