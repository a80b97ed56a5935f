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

/// Bytes that the rows of one branch may take together.
struct ResultRoom {
  std::uint64_t limit = 0;
  std::uint64_t used = 0;
};

struct StatementCall {
  const Statement& statement;
  PreparedStatement& compiled;
  std::int32_t number = 0;         ///< from 0, for the abort reason
  std::int64_t longest_value = 0;  ///< see value_work.h
};

/// Resets the compiled statement at the end.
StatementRun run_statement(Connection& db, StatementLimits& limits, const StatementCall& call,
                           ResultRoom& room);

}  // namespace troth::participant::sqlite
