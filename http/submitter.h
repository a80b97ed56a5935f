#pragma once
// Transactions over HTTP: submitted as the JSON that `troth submit FILE` takes, and asked for
// afterwards. Waits for the engine's answer on the request's own thread, at most as many as leave
// room for clients that only read.

#include <atomic>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "access/guarded_coordinator.h"
#include "http/reply.h"
#include "os/mutex.h"

namespace troth::http {

/// Who asks, from where. Taken from the request, never from its body.
struct Origin {
  protocol::Principal principal;
  std::string address;
  std::string traceparent;
};

/// Thread-safe.
class Submitter {
 public:
  /// Until then, and at a participant for ever, everything is refused.
  void serve(const protocol::Policy& policy, protocol::CoordinatorPort& port);
  /// Waiting clients are answered "not known yet". Afterwards the port is not called any more.
  void stop();

  Reply submit(const std::string& body, const Origin& from);
  /// By gtid, or by idempotency key if `gtid` is empty.
  Reply outcome(const protocol::Principal& by, const std::string& gtid, const std::string& key);

 private:
  /// Calls `ask(port)` unless there is none.
  Status with_port(const std::function<void(access::GuardedCoordinator&)>& ask);
  Reply wait_for(const protocol::Principal& by, SubmitRequest request);
  SubmitReply unanswered(const protocol::Principal& by, const std::string& key);

  SharedMutex mutex_;
  std::optional<access::GuardedCoordinator> port_ TROTH_GUARDED_BY(mutex_);
  std::stop_source stop_;
  std::atomic<int> waiting_{0};
};

}  // namespace troth::http
