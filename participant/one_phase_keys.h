#pragma once
// Idempotency keys of one-phase requests: the first request with a key decides, later ones are
// answered with its outcome.

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "participant/branch_entry.h"
#include "participant/engine_options.h"
#include "participant/promises.h"
#include "protocol/record_log.h"

namespace troth::participant {

/// Invariant: a key keeps its first outcome for its retention, whatever it is, and nobody hears of
/// it before it is durable. Owned by the engine and touched by its thread alone.
class OnePhaseKeys {
 public:
  OnePhaseKeys(const EngineOptions& options, protocol::RecordLog& log, Promises& promises,
               Reports& reports)
      : options_(options), log_(log), promises_(promises), reports_(reports) {}

  void adopt(const Gtid& gtid, const protocol::RememberedRecord& remembered);
  /// True: an earlier request has the same key, and this one is answered by it, now or later.
  bool answers(const NodeName& from, const protocol::CommitOnePhase& message, Now now);
  /// True: the gtid was answered by the key of an earlier request, and is again.
  bool answers_inquiry(const NodeName& from, const Gtid& gtid);
  /// The entry's request is the first one with its key.
  void begin(BranchEntry& entry, const protocol::CommitOnePhase& message, Now now);
  /// To be called after each step of a branch with a key.
  void settle(BranchEntry& entry);
  /// Those of that coordinator are ended: nobody asks again.
  void forget_redirected_below(const Gtid& ended_below);

  // for a checkpoint
  void forget_old(Now now);
  void copy_forward();

 private:
  struct Key {
    Gtid gtid;
    std::string digest;
    WallTime decided;
    Duration retention{0};
    Outcome outcome = Outcome::kPending;
    AbortReason reason;
    Lsn durable_at;  // the outcome may be told when the log is durable through here
    std::vector<std::pair<NodeName, Gtid>> waiters;  // later requests with the same key
  };

  Lsn append(const protocol::Record& record);
  void answer(const NodeName& to, const Gtid& gtid, const Key& key);

  const EngineOptions& options_;
  protocol::RecordLog& log_;
  Promises& promises_;
  Reports& reports_;
  std::unordered_map<std::string, Key> keys_;
  std::unordered_map<Gtid, std::string> redirected_;  // answered by the key of an earlier request
};

}  // namespace troth::participant
