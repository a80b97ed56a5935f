#pragma once
// What an application asks of a coordinator, and the answers.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "troth/ids.h"
#include "troth/outcome.h"
#include "troth/time.h"
#include "troth/values.h"

namespace troth {

struct BranchRequest {
  NodeName participant;
  std::vector<Statement> statements;
  std::uint32_t executed = 0;  ///< interactive: it has executed so many times, and is to prepare
};

struct SubmitRequest {
  std::vector<BranchRequest> branches;
  std::string idempotency_key;  ///< at most 128 bytes; empty = none
  Duration deadline{0};         ///< time to reach a decision; 0 = the server's default
  /// Among several participants; none: the coordinator's default.
  std::optional<CommitProtocol> protocol;
  AnswerAt answer_at = AnswerAt::kDecided;
  std::string traceparent;
  std::string client_name;
  std::string comment;
  std::uint32_t retries =
      0;                  ///< how often it is started again, with its age, after a lost conflict
  MonotonicTime arrived;  ///< at this process; {} = nobody looked
};

struct BranchResult {
  NodeName participant;
  std::vector<StatementResult> results;
};

struct TransactionOutcome {
  Gtid gtid;
  Outcome outcome = Outcome::kInDoubt;
  AbortReason reason;                 ///< for kAborted; for kInDoubt: why it is not known yet
  std::vector<BranchResult> results;  ///< for kCommitted, in branch order; replayed: see below
  /// The first answer of this idempotency key, repeated. With its rows if they take at most about
  /// 4000 bytes, else without results.
  bool replayed = false;
  std::uint32_t attempts = 1;  ///< how often it was started; the gtid is the last one's
  /// For kCommitted: known to be in every database file. Asked for with AnswerAt::kApplied; false
  /// then means that the deadline came first.
  bool applied = false;
  /// For kInDoubt: nobody will ever know. What ended before this moment is forgotten.
  std::optional<WallTime> forgotten_since{};
};

/// Refusals before a transaction exists, e.g. kBusy with a hint when to come back.
struct Refusal {
  Error error;
  AbortCode code = AbortCode::kNone;
  Duration retry_after{0};
};

struct SubmitReply {
  std::optional<Refusal> refusal;  ///< set: nothing was started
  TransactionOutcome outcome;
};

/// Opens an interactive transaction.
struct BeginRequest {
  Duration deadline{0};      ///< from begin to decision; 0 = the server's default
  Duration idle_timeout{0};  ///< longest pause between two requests; 0 = the server's default
  AnswerAt answer_at = AnswerAt::kDecided;
  std::optional<CommitProtocol> protocol;  ///< none: the coordinator's default
  bool detached = false;                   ///< it outlives the connection it was begun on
  Gtid retry_of;  ///< a transaction that lost a conflict: this one gets its age (nil: none)
  std::string traceparent;
  std::string client_name;
  std::string comment;
};
struct BeginReply {
  std::optional<Refusal> refusal;
  Gtid gtid;
  Duration deadline{0}, idle_timeout{0};  ///< what applies
};
struct ExecuteReply {
  std::optional<Refusal> refusal;  ///< set: nothing was executed, the transaction is as before
  std::optional<TransactionOutcome> ended;  ///< set: the transaction is over (kAborted)
  std::vector<StatementResult> results;     ///< one per statement
};

}  // namespace troth
