#pragma once
// Votes, decisions, outcomes and the reasons for aborts. Values: never bools, never errors.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "troth/ids.h"
#include "troth/result.h"

namespace troth {

enum class Vote : std::uint8_t { kCommit = 1, kAbort = 2, kReadOnly = 3 };
/// Deliberately closed: a decision is never extensible.
enum class Decision : std::uint8_t { kCommit = 1, kAbort = 2 };
/// The outcome that a client receives. kInDoubt = ask get_outcome; do not retry as a new transaction.
enum class Outcome : std::uint8_t { kPending = 0, kCommitted = 1, kAborted = 2, kInDoubt = 3 };
enum class CommitProtocol : std::uint8_t { kOnePhase = 1, kTwoPhase = 2, kThreePhase = 3 };
/// When the client wants its answer: at the commit point, or when every participant has committed
/// its file.
enum class AnswerAt : std::uint8_t { kDecided = 0, kApplied = 1 };

/// Stable codes (names on the wire, in logs, docs/reference/error-codes.md). The numbers are stored
/// in logs: never renumber.
enum class AbortCode : std::uint8_t {
  kNone = 0,
  // what the statements did
  kSqlError = 1,        ///< the database refused to prepare or run it; the detail is its message
  kConstraint = 2,      ///< UNIQUE, NOT NULL, CHECK, PRIMARY KEY
  kForeignKey = 3,      ///< a foreign key is violated (also deferred ones: checked before the vote)
  kRowsMismatch = 4,    ///< the expected row count was not met
  kParameterCount = 5,  ///< more or fewer parameters than the statement takes
  // what the agent cannot promise (participant.md section 3). 20 to 49: what only one kind of
  // database refuses is in its own header (troth/sqlite_refusals.h)
  kRefusedDdl = 20,
  kRefusedTxnControl = 21,
  kRefusedTemp = 24,
  kRefusedSystemTable = 27,
  kRefusedCollation = 31,
  kRefusedFunction = 32,
  kRefusedNotRepeatable = 33,  ///< what it did comes out differently when it is applied
  // limits
  kBranchTooBig = 50,
  kResultTooBig = 51,
  kStatementInterrupted = 52,  ///< exceeded the statement time or step limit
  // the way to a decision
  kTimeout = 70,             ///< the deadline passed before every vote was in
  kLockTimeout = 71,         ///< waited too long for a lock
  kDeadlock = 72,            ///< wounded by an older transaction
  kUnreachable = 73,         ///< a participant could not be reached before the deadline
  kUnknownParticipant = 74,  ///< no participant of that name is configured
  kBusy = 75,                ///< a bounded queue or table is full
  kDraining = 76,            ///< shutting down
  kLogFull = 77,             ///< no space left for new work in the log
  kClientCancelled = 78,
  kPresumedAbort = 79,     ///< the coordinator holds no record of it (it restarted before deciding)
  kStaleEpoch = 80,        ///< a message of an earlier incarnation
  kTombstone = 81,         ///< promised never to vote yes for it
  kDatabaseReplaced = 82,  ///< the database file is not the one that was opened
  kOperator = 84,          ///< an operator decided in place of the coordinator
  kKeyReused = 85,         ///< the idempotency key belongs to a request with another body
  kInternal = 90,
};

std::string_view to_string(Vote vote);
std::string_view to_string(Decision decision);
std::string_view to_string(Outcome outcome);
std::string_view to_string(CommitProtocol protocol);
/// "two_phase" or "three_phase".
Result<CommitProtocol> parse_commit_protocol(std::string_view text);
std::string_view to_string(AbortCode code);
/// kInternal for a name not known.
AbortCode parse_abort_code(std::string_view text);
/// Every code, for tables in docs and tests.
const std::vector<AbortCode>& all_abort_codes();
/// May the same request succeed when simply tried again?
bool is_retryable(AbortCode code);
/// Does the coordinator try again by itself when the client asked for retries? Only conflicts of
/// two transactions, not refusals that tell the client to slow down.
bool retried_automatically(AbortCode code);

/// Why a transaction was aborted, in the words of the node that caused it.
struct AbortReason {
  AbortCode code = AbortCode::kNone;
  std::string detail;           ///< one sentence for a person
  NodeName participant;         ///< empty when the coordinator caused it
  std::int32_t statement = -1;  ///< index of the statement in its branch, -1 if none
  friend bool operator==(const AbortReason&, const AbortReason&) = default;
};

}  // namespace troth
