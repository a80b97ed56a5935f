#pragma once
// Idempotency keys of one-phase requests: the first request with a key decides, later ones are
// answered with its outcome.

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/engine_loop.h"
#include "participant/branch_entry.h"
#include "participant/branch_table.h"
#include "participant/engine_options.h"
#include "participant/flush_schedule.h"
#include "participant/promises.h"
#include "protocol/record_log.h"

namespace troth::participant {

/// Invariant: a key keeps its first outcome for its retention, except an abort by a passing
/// failure, which leaves the key free. There are at most max_retained_keys. No node hears of an
/// outcome before it is durable. Owned by the engine and touched by its thread alone.
class OnePhaseKeys {
 public:
  /// Outlive this.
  struct Parts {
    const BranchTable& table;
    FlushSchedule& flush;
    Promises& promises;
  };
  OnePhaseKeys(const EngineOptions& options, protocol::DurableLog& log, Reports& reports,
               Parts parts)
      : options_(options), log_(log), reports_(reports), parts_(parts) {}

  void adopt(const Gtid& gtid, const protocol::RememberedRecord& remembered);
  /// What became of the request with the key; nullopt: none is known.
  std::optional<protocol::Recalled> find(const std::string& key, Lsn& durable_at) const;
  /// True: an earlier request has the same key, and this one is answered by it, now or later.
  bool answers(const NodeName& from, const protocol::CommitOnePhase& message, Now now);
  /// True: the gtid was answered by the key of an earlier request, and is again.
  bool answers_inquiry(const NodeName& from, const Gtid& gtid);
  /// Why no further key can be remembered, without which its request could be executed twice.
  /// Nothing: one can.
  std::optional<AbortReason> refusal(Now now);
  std::size_t size() const { return keys_.size(); }
  /// The entry's request is the first one with its key.
  void begin(BranchEntry& entry, const protocol::CommitOnePhase& message, Now now);
  /// To be called after each step of a branch with a key.
  void settle(BranchEntry& entry);
  /// Forgets those for which `ended` is true: no client asks again.
  template <class Ended>
  void forget_redirected(const Ended& ended) {
    if (redirected_.empty()) return;
    std::erase_if(redirected_, [&](const auto& item) { return ended(item.first); });
  }

  // for a checkpoint
  void forget_old(Now now);
  void copy_forward();

 private:
  struct Waiter {
    NodeName from;
    Gtid gtid;
    AnswerAt answer_at;
    bool is(const NodeName& name, const Gtid& other) const { return from == name && gtid == other; }
  };
  struct Key {
    Gtid gtid;
    std::string digest;
    WallTime decided;
    Duration retention{0};
    Outcome outcome = Outcome::kPending;
    AbortReason reason;
    Lsn durable_at;               // the outcome may be told when the log is durable through here
    std::vector<Waiter> waiters;  // later requests with the same key
  };

  Lsn append(const protocol::Record& record);
  void answer(const NodeName& to, const Gtid& gtid, const Key& key);
  void answer_waiters(Key& key);
  bool file_holds(const Key& key) const;

  const EngineOptions& options_;
  protocol::DurableLog& log_;
  Reports& reports_;
  const Parts parts_;
  std::unordered_map<std::string, Key> keys_;
  MonotonicTime next_sweep_{};                        // while there are too many
  std::unordered_map<Gtid, std::string> redirected_;  // answered by the key of an earlier request
};

}  // namespace troth::participant
