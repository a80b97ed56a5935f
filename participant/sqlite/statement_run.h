#pragma once
// One compiled statement of a client, run to its end: rows, number of changes, the promise about
// the row count, and SQLite's error in the words of an abort reason. Of the thread that uses the
// connection.

#include <cstdint>
#include <string_view>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/statement_limits.h"

namespace troth::participant::sqlite {

struct StatementRun {
  StatementResult result;
  AbortReason failure;      ///< code != kNone: the branch cannot go on
  bool constraint = false;  ///< the failure may be another branch's undecided work
};

/// What the rows of one branch may take together.
struct ResultRoom {
  std::uint64_t limit = 0;
  std::uint64_t used = 0;
};

/// Resets `stmt` at the end. `number` counts from 0, for the abort reason.
StatementRun run_statement(Connection& db, StatementLimits& limits, PreparedStatement& stmt,
                           const Statement& statement, std::int32_t number, ResultRoom& room);

}  // namespace troth::participant::sqlite
