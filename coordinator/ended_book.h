#pragma once
// What is kept of ended transactions beyond memory: feeds the outcome store, and reads it for whoever
// asks about one that memory has forgotten.

#include <optional>
#include <string>
#include <vector>

#include "coordinator/engine_options.h"
#include "coordinator/transaction.h"
#include "recovery/coordinator_replay.h"

namespace troth::coordinator {

/// Invariant: what was noted is found, or is not above forgotten().last. Without a store everything is
/// forgotten. Owned by the engine and touched by its thread alone.
class EndedBook {
 public:
  explicit EndedBook(const EngineOptions& options)
      : options_(options), store_(options.outcome_store) {}

  bool has_store() const { return store_ != nullptr; }
  /// At the start: what the log says and the store may not hold yet.
  void adopt(const recovery::CoordinatorTables& tables, Now now);

  /// The first definite outcome of a transaction that this start has run.
  void note(const Transaction& txn, const TransactionOutcome& outcome, Now now);
  /// Of an interactive one whose commit nobody asked for.
  void note(const TransactionOutcome& outcome, std::vector<NodeName> participants,
            const std::string& comment, MonotonicTime since, Now now);
  /// `before` lost a conflict, and `next` is the attempt that follows: its outcome counts.
  void note_attempt(const TransactionOutcome& before, const Gtid& next, Now now);
  /// Learned from those who executed it.
  void note_found(const TransactionOutcome& outcome, Now now);

  /// nullopt: it is not stored, or there is no store.
  Result<std::optional<history::EndedTransaction>> find(const Gtid& gtid);
  /// What ended before is forgotten; 0 = that is not known.
  WallTime forgotten_since() const {
    return store_ == nullptr ? WallTime{} : store_->forgotten().when;
  }

  /// As IdempotencyKeys.
  void mark(Lsn told, bool soon);
  /// `has_room`: of the log. Without room it waits for no history.
  Lsn stored(Lsn durable, bool has_room) const;
  history::OutcomeStoreUse use() const;
  /// What people should hear once; "" = nothing.
  std::string take_news();

 private:
  void adopt_attempts(const recovery::CoordinatorTables& tables, Now now);
  void adopt(const Gtid& gtid, const recovery::UnstoredOutcome& known, Now now);

  const EngineOptions& options_;
  history::OutcomeStore* const store_;  // nullptr: there is none
  Lsn marked_;
  bool told_failure_ = false, told_dropped_ = false;
};

TransactionOutcome outcome_of(const history::EndedTransaction& ended);
/// What the record of its last attempt says of an earlier one, whose own was never written, or is
/// gone.
TransactionOutcome lost_a_conflict(const Gtid& attempt);

}  // namespace troth::coordinator
