#pragma once
// The history of ended transactions: feeds the outcome store, and reads it for questions about
// transactions that memory has forgotten.

#include <optional>
#include <string>
#include <vector>

#include "coordinator/engine_options.h"
#include "coordinator/transaction.h"
#include "recovery/coordinator_replay.h"

namespace troth::coordinator {

/// Invariant: a noted transaction is found, or is not above forgotten().last. Without a store every
/// transaction is forgotten. Owned by the engine and touched by its thread alone.
class EndedBook {
 public:
  explicit EndedBook(const EngineOptions& options)
      : options_(options), store_(options.outcome_store) {}

  /// At the start: transactions in the log that the store may not hold yet.
  void adopt(const recovery::CoordinatorTables& tables, Now now);

  /// The first definite outcome of a transaction that this start has run.
  void note(const Transaction& txn, const TransactionOutcome& outcome, Now now);
  /// The outcome of an interactive transaction whose commit was never requested.
  void note(const TransactionOutcome& outcome, std::vector<NodeName> participants,
            const std::string& comment, MonotonicTime since, Now now);
  /// `before` lost a conflict, and `next` is the attempt that follows: its outcome counts.
  void note_attempt(const TransactionOutcome& before, const Gtid& next, Now now);
  /// Learned from the participants that executed it.
  void note_found(const TransactionOutcome& outcome, Now now);

  /// nullopt: it is not stored, or there is no store.
  Result<std::optional<history::EndedTransaction>> find(const Gtid& gtid);
  /// Transactions that ended before this time are forgotten; 0 = the time is not known.
  WallTime forgotten_since() const {
    return store_ == nullptr ? WallTime{} : store_->forgotten().when;
  }

  /// As IdempotencyKeys.
  void mark(Lsn told, bool soon);
  /// `has_room`: of the log. Without room the log does not wait for the history.
  Lsn stored(Lsn durable, bool has_room) const;
  history::OutcomeStoreUse use() const;
  /// A sentence for the log, once; "" = none.
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
/// The entry of an earlier attempt, made from the record of the last one, because its own record
/// was never written or is gone.
TransactionOutcome lost_a_conflict(const Gtid& attempt);

}  // namespace troth::coordinator
