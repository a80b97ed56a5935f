#include "participant/sqlite/maintenance.h"

#include <fmt/format.h>

#include "participant/sqlite/open_violations.h"
#include "participant/sqlite/own_changes.h"
#include "participant/sqlite/statement_analysis.h"
#include "participant/sqlite/statement_words.h"

namespace troth::participant::sqlite {

namespace {

// The whole statement: what follows it would not run.
Status run_one(Connection& db, const std::string& sql) {
  std::string_view rest;
  TROTH_ASSIGN_OR_RETURN(auto statement, db.prepare(without_space(sql), false, &rest));
  if (!without_space(rest).empty())
    return fail(ErrorCode::kInvalidArgument,
                "one statement at a time: there is text behind the first one");
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = statement.step();
  if (rc == SQLITE_DONE) return {};
  return fail(error_of(db.get(), "maintenance failed"));
}

// VACUUM writes a second file, the copy, and then every page of the first: neither belongs into
// memory. Its savepoints are its own, so pages may be written early (see Database::configure()).
Status vacuum(Connection& db, const std::string& sql) {
  TROTH_TRY(db.execute("PRAGMA cache_spill=ON"));
  TROTH_TRY(db.execute("PRAGMA temp_store=FILE"));  // drops the tables of OpenViolations
  const int attached = sqlite3_limit(db.get(), SQLITE_LIMIT_ATTACHED, 1);
  const auto done = run_one(db, sql);
  sqlite3_limit(db.get(), SQLITE_LIMIT_ATTACHED, attached);
  TROTH_TRY(db.execute("PRAGMA temp_store=MEMORY"));
  TROTH_TRY(OpenViolations::create_tables(db));
  TROTH_TRY(db.execute("PRAGMA cache_spill=OFF"));
  if (!done) return done;
  return OwnChanges::forget_rowids(db);
}

Status in_transaction(Connection& db, const std::string& sql) {
  TROTH_TRY(db.execute("BEGIN IMMEDIATE"));
  TROTH_ASSIGN_OR_RETURN(const auto before, db.integer("PRAGMA schema_version"));
  auto done = run_one(db, sql);
  if (done) done = OwnChanges::note(db, before);  // the first ANALYZE makes tables
  if (done) done = db.execute("COMMIT");
  if (!done && db.in_transaction()) TROTH_TRY(db.execute("ROLLBACK"));
  return done;
}

}  // namespace

std::optional<Maintenance> maintenance_of(std::string_view sql) {
  const auto keyword = first_keyword(sql);
  if (keyword == "VACUUM") return Maintenance::kVacuum;
  if (keyword == "ANALYZE") return Maintenance::kAnalyze;
  if (keyword == "REINDEX") return Maintenance::kReindex;
  if (keyword != "PRAGMA") return std::nullopt;
  static_cast<void>(take_word(sql));
  auto name = folded_name(std::string(take_word(sql)));
  if (name == "main" && take_word(sql) == ".") name = folded_name(std::string(take_word(sql)));
  return name == "optimize" ? std::optional(Maintenance::kOptimize) : std::nullopt;
}

AbortReason refusal_of_maintenance(const ExecuteRequest& request) {
  const auto refuse = [](std::string detail) {
    return AbortReason{AbortCode::kRefusedDdl, std::move(detail), {}, 0};
  };
  const auto& statement = request.statements.front();
  if (request.statements.size() != 1 || request.open || !request.alone)
    return refuse(
        "VACUUM, ANALYZE, REINDEX and PRAGMA optimize are no part of a transaction; send each "
        "alone "
        "to one participant");
  if (!statement.params.empty() || statement.expect)
    return refuse("maintenance takes no parameters and has no rows to expect");
  std::string_view sql = statement.sql;
  for (auto word = take_word(sql); !word.empty(); word = take_word(sql))
    if (folded_name(std::string(word)) == "into" && first_keyword(statement.sql) == "VACUUM")
      return refuse(
          "VACUUM INTO writes another file; run it with sqlite3, which may read this one");
  return {};
}

std::vector<LockRequest> locks_for(Maintenance kind, const Schema& schema) {
  std::vector<LockRequest> out;
  if (const auto whole = schema.whole(LockMode::kX)) out.push_back(*whole);
  for (std::uint32_t number = 0; number < schema.size(); ++number) {
    const auto& table = schema.table(number);
    if (kind == Maintenance::kVacuum && !table.is_gone && !table.is_virtual && !table.is_system &&
        !table.without_rowid && table.rowid_column < 0)
      out.push_back({{number, Resource::kWholeTable, {}}, LockMode::kX});
  }
  return out;
}

Result<AbortReason> run_maintenance(Maintenance kind, const std::string& sql, Database& database,
                                    StatementLimits& limits) {
  auto& db = database.connection();
  TROTH_TRY(database.rollback());
  Status done;
  {
    const StatementLimits::Running running(limits, db.get(), sql);
    done = kind == Maintenance::kVacuum ? vacuum(db, sql) : in_transaction(db, sql);
  }
  TROTH_TRY(database.begin());
  if (done) return AbortReason{};
  if (limits.exceeded().code != AbortCode::kNone) return limits.exceeded();
  return AbortReason{AbortCode::kSqlError, done.error().context, {}, 0};
}

}  // namespace troth::participant::sqlite
