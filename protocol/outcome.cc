#include "protocol/outcome.h"

#include <fmt/format.h>

#include <array>

#include "troth/sqlite_refusals.h"

namespace troth {

namespace {

struct CodeRow {
  AbortCode code;
  std::string_view name;
  bool retryable;
};

// docs/reference/error-codes.md lists exactly these; a test compares them.
constexpr std::array kCodes = {
    CodeRow{AbortCode::kNone, "NONE", false},
    CodeRow{AbortCode::kSqlError, "SQL_ERROR", false},
    CodeRow{AbortCode::kConstraint, "CONSTRAINT", false},
    CodeRow{AbortCode::kForeignKey, "FK_VIOLATION", false},
    CodeRow{AbortCode::kRowsMismatch, "ROWS_MISMATCH", false},
    CodeRow{AbortCode::kParameterCount, "PARAMETER_COUNT", false},
    CodeRow{AbortCode::kRefusedDdl, "REFUSED_DDL", false},
    CodeRow{AbortCode::kRefusedTxnControl, "REFUSED_TXN_CONTROL", false},
    CodeRow{sqlite_refusal::kAttach, "REFUSED_ATTACH", false},
    CodeRow{sqlite_refusal::kPragma, "REFUSED_PRAGMA", false},
    CodeRow{AbortCode::kRefusedTemp, "REFUSED_TEMP", false},
    CodeRow{sqlite_refusal::kVirtualTable, "REFUSED_VIRTUAL_TABLE", false},
    CodeRow{sqlite_refusal::kVirtualColumn, "REFUSED_VIRTUAL_COLUMN", false},
    CodeRow{AbortCode::kRefusedSystemTable, "REFUSED_SYSTEM_TABLE", false},
    CodeRow{sqlite_refusal::kRollbackClause, "REFUSED_ROLLBACK_CLAUSE", false},
    CodeRow{sqlite_refusal::kHiddenRowid, "REFUSED_HIDDEN_ROWID", false},
    CodeRow{sqlite_refusal::kNullPrimaryKey, "REFUSED_NULL_PRIMARY_KEY", false},
    CodeRow{AbortCode::kRefusedCollation, "REFUSED_COLLATION", false},
    CodeRow{AbortCode::kRefusedFunction, "REFUSED_FUNCTION", false},
    CodeRow{AbortCode::kRefusedNotRepeatable, "REFUSED_NOT_REPEATABLE", false},
    CodeRow{AbortCode::kBranchTooBig, "BRANCH_TOO_BIG", false},
    CodeRow{AbortCode::kResultTooBig, "RESULT_TOO_BIG", false},
    CodeRow{AbortCode::kStatementInterrupted, "STATEMENT_INTERRUPTED", false},
    CodeRow{AbortCode::kTimeout, "TIMEOUT", true},
    CodeRow{AbortCode::kLockTimeout, "LOCK_TIMEOUT", true},
    CodeRow{AbortCode::kDeadlock, "DEADLOCK", true},
    CodeRow{AbortCode::kUnreachable, "UNREACHABLE", true},
    CodeRow{AbortCode::kUnknownParticipant, "UNKNOWN_PARTICIPANT", false},
    CodeRow{AbortCode::kBusy, "BUSY", true},
    CodeRow{AbortCode::kDraining, "DRAINING", true},
    CodeRow{AbortCode::kLogFull, "LOG_FULL", true},
    CodeRow{AbortCode::kClientCancelled, "CLIENT_CANCELLED", false},
    CodeRow{AbortCode::kPresumedAbort, "PRESUMED_ABORT", true},
    CodeRow{AbortCode::kStaleEpoch, "STALE_EPOCH", true},
    CodeRow{AbortCode::kTombstone, "TOMBSTONE", true},
    CodeRow{AbortCode::kDatabaseReplaced, "DATABASE_REPLACED", false},
    CodeRow{AbortCode::kKeyReused, "KEY_REUSED", false},
    CodeRow{AbortCode::kOperator, "OPERATOR", false},
    CodeRow{AbortCode::kInternal, "INTERNAL", false},
};

const CodeRow& row_of(AbortCode code) {
  for (const auto& row : kCodes)
    if (row.code == code) return row;
  return kCodes.back();
}

}  // namespace

std::string_view to_string(Vote vote) {
  switch (vote) {
    case Vote::kCommit:
      return "yes";
    case Vote::kAbort:
      return "no";
    case Vote::kReadOnly:
      return "read_only";
  }
  return "?";
}

std::string_view to_string(Decision decision) {
  switch (decision) {
    case Decision::kCommit:
      return "commit";
    case Decision::kAbort:
      return "abort";
  }
  return "?";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPending:
      return "PENDING";
    case Outcome::kCommitted:
      return "COMMITTED";
    case Outcome::kAborted:
      return "ABORTED";
    case Outcome::kInDoubt:
      return "IN_DOUBT";
  }
  return "?";
}

Result<CommitProtocol> parse_commit_protocol(std::string_view text) {
  if (text == "two_phase") return CommitProtocol::kTwoPhase;
  if (text == "three_phase") return CommitProtocol::kThreePhase;
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" is not a protocol: two_phase or three_phase", text));
}

std::string_view to_string(CommitProtocol protocol) {
  switch (protocol) {
    case CommitProtocol::kOnePhase:
      return "one_phase";
    case CommitProtocol::kTwoPhase:
      return "two_phase";
    case CommitProtocol::kThreePhase:
      return "three_phase";
  }
  return "?";
}

std::string_view to_string(AbortCode code) {
  return row_of(code).name;
}

AbortCode parse_abort_code(std::string_view text) {
  for (const auto& row : kCodes)
    if (row.name == text) return row.code;
  return AbortCode::kInternal;
}

const std::vector<AbortCode>& all_abort_codes() {
  static const std::vector<AbortCode> codes = [] {
    std::vector<AbortCode> out;
    for (const auto& row : kCodes) out.push_back(row.code);
    return out;
  }();
  return codes;
}

bool is_retryable(AbortCode code) {
  return row_of(code).retryable;
}

bool retried_automatically(AbortCode code) {
  return code == AbortCode::kDeadlock || code == AbortCode::kLockTimeout ||
         code == AbortCode::kStaleEpoch;
}

}  // namespace troth

namespace troth::protocol {

void encode(ByteWriter& out, const AbortReason& reason) {
  out.u8(static_cast<std::uint8_t>(reason.code));
  out.bytes(reason.detail);
  out.name(reason.participant);
  out.signed_varint(reason.statement);
}

void decode(ByteReader& in, AbortReason& reason) {
  reason.code = static_cast<AbortCode>(in.u8());
  in.text(reason.detail);
  in.name(reason.participant);
  reason.statement = static_cast<std::int32_t>(in.signed_varint());
}

}  // namespace troth::protocol
