#pragma once
// Accepted HTTP connections that wait for a thread, bounded. Clients that connect and send nothing
// must not use up descriptors, nor delay a health probe.

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

/// State that the server shares with its queue, which cpp-httplib owns. Thread-safe.
struct Crowd {
  std::atomic<std::size_t> waiting = 0;        ///< connections without a thread
  std::atomic<std::uint64_t> turned_away = 0;  ///< since the start
};

/// Invariant: at most `most_waiting` connections wait. If there are more, the one that has waited
/// for longest runs on the accepting thread with turns_away() true, and must end immediately.
class ConnectionQueue final : public httplib::TaskQueue {
 public:
  ConnectionQueue(std::size_t threads, std::size_t most_waiting, std::shared_ptr<Crowd> crowd);
  ~ConnectionQueue() override = default;

  void enqueue(std::function<void()> serve) override;
  /// Serves the waiting connections first.
  void shutdown() override;

  /// On the calling thread: the present connection must be closed without serving it.
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
