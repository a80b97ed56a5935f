#include "participant/sqlite/statement_run.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace troth::participant::sqlite {

namespace {

std::uint64_t size_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->size() + 16;
  if (const auto* blob = std::get_if<Blob>(&value)) return blob->bytes.size() + 16;
  return 16;
}

// SQLITE_DONE, SQLITE_ROW if the rows are too many, or the error.
int step_through(Connection& db, StatementLimits& limits, const StatementCall& call,
                 ResultRoom& room, StatementResult& result) {
  const StatementLimits::Running running(limits, db.get(), call.statement.sql, call.longest_value);
  auto& stmt = call.compiled;
  const int columns = sqlite3_column_count(stmt.get());
  for (int c = 0; c < columns; ++c) result.columns.emplace_back(sqlite3_column_name(stmt.get(), c));
  int rc = SQLITE_ROW;
  while ((rc = stmt.step()) == SQLITE_ROW) {
    std::vector<Value> row;
    for (int c = 0; c < columns; ++c) {
      row.push_back(stmt.column(c));
      room.used += size_of(row.back());
    }
    result.rows.push_back(std::move(row));
    if (room.used > room.limit) break;
  }
  return rc;
}

std::string too_long(std::int64_t longest) {
  if (longest == ValueWork::kLongest)
    return fmt::format("a text or blob is longer than {} bytes, the most in a statement", longest);
  return fmt::format(
      "a text or blob is longer than {} bytes, the most in a statement with as many comparisons "
      "and "
      "function calls on long values; split the statement",
      longest);
}

void classify(Connection& db, const StatementLimits& limits, int rc, const StatementCall& call,
              StatementRun& run) {
  const auto number = call.number;
  if (limits.exceeded().code != AbortCode::kNone) {
    run.failure = limits.exceeded();
    run.failure.statement = number;
    return;
  }
  std::string message = sqlite3_errmsg(db.get());
  AbortCode code = AbortCode::kSqlError;
  if ((rc & 0xff) == SQLITE_CONSTRAINT) {
    // RESTRICT is a trigger of SQLite's own.
    const bool foreign_key =
        rc == SQLITE_CONSTRAINT_FOREIGNKEY ||
        (rc == SQLITE_CONSTRAINT_TRIGGER && message == "FOREIGN KEY constraint failed");
    code = foreign_key ? AbortCode::kForeignKey : AbortCode::kConstraint;
    run.constraint = rc == SQLITE_CONSTRAINT_FOREIGNKEY || rc == SQLITE_CONSTRAINT_UNIQUE ||
                     rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID ||
                     rc == SQLITE_CONSTRAINT_TRIGGER;
  } else if ((rc & 0xff) == SQLITE_INTERRUPT) {
    code = AbortCode::kStatementInterrupted;
  } else if ((rc & 0xff) == SQLITE_TOOBIG) {
    code = AbortCode::kBranchTooBig;
    message = too_long(call.longest_value);
  }
  run.failure = {code, std::move(message), {}, number};
}

void check_rows(const Expectation& expect, std::int64_t rows, std::int32_t number,
                StatementRun& run) {
  const bool met = expect.kind == RowCount::kExactly ? rows == expect.rows : rows >= expect.rows;
  if (met) return;
  run.failure = {AbortCode::kRowsMismatch,
                 fmt::format("expected {} {} row{}, got {}",
                             expect.kind == RowCount::kExactly ? "exactly" : "at least",
                             expect.rows, expect.rows == 1 ? "" : "s", rows),
                 {},
                 number};
}

}  // namespace

StatementRun run_statement(Connection& db, StatementLimits& limits, const StatementCall& call,
                           ResultRoom& room) {
  const auto& [statement, stmt, number, longest_value] = call;
  StatementRun run;
  for (std::size_t i = 0; i < statement.params.size(); ++i)
    stmt.bind(static_cast<int>(i + 1), statement.params[i]);
  const int rc = step_through(db, limits, call, room, run.result);
  if (rc == SQLITE_ROW) {
    run.failure = {AbortCode::kResultTooBig,
                   fmt::format("the branch returns more than {} bytes of rows", room.limit),
                   {},
                   number};
  } else if (rc != SQLITE_DONE) {
    classify(db, limits, rc, call, run);
  }
  if (rc != SQLITE_DONE) {
    stmt.reset();
    return run;
  }
  const bool writes = stmt.writes();
  run.result.changes = writes ? sqlite3_changes64(db.get()) : 0;
  stmt.reset();
  const auto rows = writes ? run.result.changes : static_cast<std::int64_t>(run.result.rows.size());
  if (statement.expect) check_rows(*statement.expect, rows, number, run);
  return run;
}

}  // namespace troth::participant::sqlite
