#pragma once
// Accepted HTTP connections that wait for a thread, bounded: clients that connect and say nothing
// must not use up descriptors, nor keep a health probe waiting.

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "os/mutex.h"

namespace troth::http {

/// What the server and its queue, which cpp-httplib owns, know of each other. Thread-safe.
struct Crowd {
  std::atomic<std::size_t> waiting = 0;        ///< connections without a thread
  std::atomic<std::uint64_t> turned_away = 0;  ///< since the start
};

/// Invariant: at most `most_waiting` connections wait. The one that has waited for longest gives
/// way: it runs on the thread that accepts, with turns_away() true, and must end at once.
class ConnectionQueue final : public httplib::TaskQueue {
 public:
  ConnectionQueue(std::size_t threads, std::size_t most_waiting, std::shared_ptr<Crowd> crowd);
  ~ConnectionQueue() override = default;

  void enqueue(std::function<void()> serve) override;
  /// What waits is served first.
  void shutdown() override;

  /// On the calling thread: the connection on hand is to be closed unanswered.
  static bool turns_away();

 private:
  void run();

  const std::size_t most_waiting_;
  const std::shared_ptr<Crowd> crowd_;
  Mutex mutex_;
  Condition wake_;
  bool over_ TROTH_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> waiting_ TROTH_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace troth::http
