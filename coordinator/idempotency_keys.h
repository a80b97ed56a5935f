#pragma once
// The idempotency keys of clients: the keys in flight, and the outcomes of ended ones.

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "coordinator/engine_options.h"
#include "engine/engine_loop.h"
#include "history/key_store.h"
#include "protocol/record.h"
#include "recovery/coordinator_replay.h"

namespace troth::coordinator {

/// Invariant: a finished key is known for key_retention, over restarts and checkpoints too. With a
/// key store, memory holds those that are not stored yet. Owned by the engine and touched by its
/// thread alone.
class IdempotencyKeys {
 public:
  struct InFlight {
    Gtid gtid;
    std::string body_digest;
  };

  explicit IdempotencyKeys(const EngineOptions& options)
      : options_(options), store_(options.key_store) {}

  /// From the log; too old ones are left out.
  void adopt(std::unordered_map<std::string, recovery::CoordinatorTables::Key>&& found,
             Lsn appended, Now now);

  void start(const std::string& key, const Gtid& gtid, const std::string& body_digest) {
    in_flight_[key] = {gtid, body_digest};
  }
  void end(const std::string& key) { in_flight_.erase(key); }
  /// nullptr: it is not.
  const InFlight* in_flight(const std::string& key) const;

  /// The transaction in flight has a definite outcome.
  /// `appended`: the end of the log now.
  void finish(const std::string& key, const TransactionOutcome& outcome, Lsn appended,
              WallTime now);
  /// nullptr: not known, or failure() says why it cannot be known. Good until the next call.
  const protocol::KeyRecord* find(const std::string& key, Now now);
  /// Why no further key can be kept or found.
  std::optional<Error> failure() const;
  /// As many are kept as may be, or the store does not keep up.
  bool full() const;
  std::size_t size() const;

  /// Everything at or below `told` has been acted on. `soon`: a checkpoint waits for stored().
  void mark(Lsn told, bool soon);
  /// Keys in the log up to here are stored elsewhere.
  Lsn stored(Lsn durable) const;
  /// For a checkpoint: forgets keys that are too old.
  template <class Append>
  void copy_forward(Now now, Append&& append) {
    if (store_ != nullptr) return forget_old(now);
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

  struct Unstored {
    Lsn until;  // it is stored when the store's durable() has got there
    std::string key;
    Gtid gtid;
    std::size_t rows = 0;  // bytes of them
  };

  void keep(protocol::KeyRecord&& record, Lsn appended);
  void forget_stored();
  void forget_old(Now now);

  const EngineOptions& options_;
  history::KeyStore* const store_;  // nullptr: there is none
  std::unordered_map<std::string, protocol::KeyRecord> finished_;
  std::size_t unstored_rows_ = 0;            // bytes of rows of those
  std::deque<Unstored> unstored_;            // of finished_, in the order in which they came
  std::optional<protocol::KeyRecord> read_;  // what find() returned from the store
  std::optional<Error> failure_;
  Lsn marked_;
  std::unordered_map<std::string, InFlight> in_flight_;
};

}  // namespace troth::coordinator
