#pragma once
// The idempotency keys of clients: which are in flight, and what became of those that ended.

#include <string>
#include <unordered_map>

#include "coordinator/engine_options.h"
#include "engine/engine_loop.h"
#include "protocol/record.h"

namespace troth::coordinator {

/// Invariant: a finished key is known for key_retention, over restarts and checkpoints too. Owned
/// by the engine and touched by its thread alone.
class IdempotencyKeys {
 public:
  struct InFlight {
    Gtid gtid;
    std::string body_digest;
  };

  explicit IdempotencyKeys(const EngineOptions& options) : options_(options) {}

  /// From the log; too old ones are left out.
  void adopt(std::unordered_map<std::string, protocol::KeyRecord>&& found, Now now);

  void start(const std::string& key, const Gtid& gtid, const std::string& body_digest) {
    in_flight_[key] = {gtid, body_digest};
  }
  void end(const std::string& key) { in_flight_.erase(key); }
  /// nullptr: it is not.
  const InFlight* in_flight(const std::string& key) const;

  /// The transaction in flight has a definite outcome.
  void finish(const std::string& key, const TransactionOutcome& outcome, WallTime now);
  /// nullptr: not known.
  const protocol::KeyRecord* find(const std::string& key) const;
  /// Forgets it first if it is too old.
  const protocol::KeyRecord* find(const std::string& key, Now now);

  /// For a checkpoint: forgets what is too old.
  template <class Append>
  void copy_forward(Now now, Append&& append) {
    for (auto key = finished_.begin(); key != finished_.end();) {
      if (is_too_old(key->second, now)) {
        key = finished_.erase(key);
      } else {
        append((key++)->second);
      }
    }
  }

 private:
  bool is_too_old(const protocol::KeyRecord& record, Now now) const {
    return std::chrono::milliseconds(now.wall.unix_ms - record.decided.unix_ms) >=
           options_.key_retention;
  }

  const EngineOptions& options_;
  std::unordered_map<std::string, protocol::KeyRecord> finished_;
  std::unordered_map<std::string, InFlight> in_flight_;
};

}  // namespace troth::coordinator
