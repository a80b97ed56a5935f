#include "participant/sqlite/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "participant/sqlite/missing_code.h"

namespace troth::participant::sqlite {

namespace {

constexpr std::size_t kMaxCachedStatements = 4096;
constexpr std::size_t kMaxCachedText = std::size_t{32} << 20;

std::uint64_t size_of(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->size() + 16;
  if (const auto* blob = std::get_if<Blob>(&value)) return blob->bytes.size() + 16;
  return 16;
}

}  // namespace

Executor::Executor(Database& database, const Schema& schema, StatementAnalyzer& analyzer,
                   Applier& applier, Capture& capture, SideEffects& effects,
                   StatementLimits& limits, const SqliteOptions& options, const Clock& clock)
    : database_(database),
      schema_(schema),
      analyzer_(analyzer),
      applier_(applier),
      capture_(capture),
      effects_(effects),
      violations_(database.connection(), effects),
      rehearsal_(database.connection(), schema, applier),
      sequences_(database.connection(), schema),
      virtual_tables_(database.connection(), schema),
      limits_(limits),
      options_(options),
      clock_(clock) {}

Executor::Cache::value_type* Executor::find(const std::string& sql) {
  if (last_ != nullptr && last_->first == sql) return last_;
  const auto found = cache_.find(sql);
  if (found == cache_.end()) return nullptr;
  return last_ = &*found;
}

CachedStatement& Executor::lookup(const std::string& sql) {
  if (auto* known = find(sql)) return known->second;
  if (cache_.size() >= kMaxCachedStatements || cached_text_ > kMaxCachedText) {
    last_ = nullptr;
    cache_.clear();
    cached_text_ = 0;
  }
  auto entry = compile(sql);
  if (limits_.exceeded().code != AbortCode::kNone) {
    entry.info.refusal = limits_.exceeded();
    return too_costly_ = std::move(entry);
  }
  cached_text_ += sql.size();
  return cache_.emplace(sql, std::move(entry)).first->second;
}

CachedStatement Executor::compile(const std::string& sql) {
  const StatementLimits::Compiling compiling(limits_, database_.connection().get(), sql);
  CachedStatement entry;
  entry.info = analyzer_.analyze(sql);
  if (entry.info.refusal.code == AbortCode::kNone) {
    if (entry.info.writes) effects_.on();  // or SQLite would not see INSTEAD OF triggers
    auto prepared = database_.connection().prepare(without_space(sql), true);
    if (prepared) {
      entry.statement = std::move(*prepared);
    } else {
      const auto& message = prepared.error().context;
      entry.info.refusal = refusal_of_missing_code(message).value_or(
          AbortReason{AbortCode::kSqlError, message, {}, -1});
    }
  }
  return entry;
}

bool Executor::is_quick(const std::vector<Statement>& statements) {
  return std::all_of(statements.begin(), statements.end(), [&](const auto& statement) {
    const auto* known = find(statement.sql);
    // What it took last says nothing about other parameters, unless it cannot take long.
    return known != nullptr && known->second.quick && known->second.info.quick;
  });
}

bool Executor::only_reads(const std::vector<Statement>& statements) {
  return std::none_of(statements.begin(), statements.end(),
                      [&](const auto& statement) { return lookup(statement.sql).info.writes; });
}

Result<Executor::Ran> Executor::run(const std::vector<Statement>& statements, const Before& before,
                                    bool complete, const PendingInserts& pending) {
  constexpr Duration kQuick = std::chrono::microseconds(200);
  const auto began = clock_.now();
  auto ran = run_and_take_out(statements, before, complete, pending);
  const bool quick = clock_.now() - began < kQuick;
  for (const auto& statement : statements) lookup(statement.sql).quick = quick;
  return ran;
}

Result<Executor::Ran> Executor::run_and_take_out(const std::vector<Statement>& statements,
                                                 const Before& before, bool complete,
                                                 const PendingInserts& pending) {
  auto& db = database_.connection();
  Ran ran;
  if (savepoint_.get() == nullptr) {
    TROTH_ASSIGN_OR_RETURN(savepoint_, db.prepare("SAVEPOINT troth_branch", true));
    TROTH_ASSIGN_OR_RETURN(rollback_to_, db.prepare("ROLLBACK TO troth_branch", true));
    TROTH_ASSIGN_OR_RETURN(release_, db.prepare("RELEASE troth_branch", true));
  }
  const auto command = [&](PreparedStatement& stmt, const char* what) -> Status {
    const int rc = stmt.step();
    sqlite3_reset(stmt.get());
    if (rc != SQLITE_DONE) return fail(error_of(db.get(), what));
    return {};
  };
  if (before.operations.empty() && only_reads(statements)) {
    run_statements(statements, before, complete, ran);
    return ran;  // there is nothing to be taken out
  }
  TROTH_TRY(command(savepoint_, "SAVEPOINT"));
  TROTH_TRY(put_in_place(statements, before, pending, ran));
  if (ran.failure.code == AbortCode::kNone) run_statements(statements, before, complete, ran);
  if (!db.in_transaction())
    return ran;  // SQLite rolled everything back (interrupt, full): the caller repairs the outer
                 // transaction
  const bool rehearsed = ran.failure.code == AbortCode::kNone && !ran.operations.empty() &&
                         needs_rehearsal(statements);
  if (rehearsed) TROTH_TRY(rehearsal_.note(ran.operations));
  TROTH_TRY(command(rollback_to_, "ROLLBACK TO"));
  if (rehearsed) {
    TROTH_TRY(rehearse(before, ran));
    // Perhaps it met the row of another branch that overlay() has put in place: REPLACE takes it out.
    ran.constraint = ran.failure.code != AbortCode::kNone && !pending.empty();
    TROTH_TRY(command(rollback_to_, "ROLLBACK TO"));
  }
  TROTH_TRY(command(release_, "RELEASE"));
  if (reads_virtual(statements)) TROTH_TRY(virtual_tables_.forget());
  return ran;
}

bool Executor::needs_rehearsal(const std::vector<Statement>& statements) {
  return std::any_of(statements.begin(), statements.end(),
                     [&](const auto& statement) { return lookup(statement.sql).info.rehearsed; });
}

bool Executor::reads_virtual(const std::vector<Statement>& statements) {
  return std::any_of(statements.begin(), statements.end(), [&](const auto& statement) {
    return lookup(statement.sql).info.reads_virtual;
  });
}

void Executor::write_pending(const std::vector<Statement>& statements, Ran& ran) {
  const bool writes = std::any_of(statements.begin(), statements.end(), [&](const auto& statement) {
    return lookup(statement.sql).info.writes_virtual;
  });
  if (!writes || ran.failure.code != AbortCode::kNone) return;
  if (const auto written = virtual_tables_.write_pending(); !written)
    ran.failure = {AbortCode::kSqlError, written.error().context, {}, -1};
}

// What these statements did must come out the same when it is applied, after what the branch did
// earlier.
Status Executor::rehearse(const Before& before, Ran& ran) {
  TROTH_TRY(applier_.apply(before.operations));
  TROTH_ASSIGN_OR_RETURN(auto differs, rehearsal_.repeat(ran.operations));
  if (differs.empty()) return {};
  ran.failure = {AbortCode::kRefusedNotRepeatable,
                 fmt::format("applying the captured rows again does not give the same result: {}; "
                             "send the statements in another form",
                             differs),
                 {},
                 -1};
  return {};
}

// What must be there before the statements run: a row of another branch where it holds the highest
// automatic id, and all that this branch itself has done.
Status Executor::put_in_place(const std::vector<Statement>& statements, const Before& before,
                              const PendingInserts& pending, Ran& ran) {
  if (!overlay(statements, before, pending, ran)) return {};
  TROTH_TRY(applier_.apply(before.operations));
  TROTH_TRY(violations_.restore(before.open_violations));
  // Whatever ran before: which checks and actions a write meets, only SQLite knows.
  if (!only_reads(statements)) effects_.on();
  return {};
}

bool Executor::overlay(const std::vector<Statement>& statements, const Before& before,
                       const PendingInserts& pending, Ran& ran) {
  const auto own = [&](const RowOp& op) {
    return std::any_of(before.operations.begin(), before.operations.end(), [&](const RowOp& mine) {
      return (mine.kind == RowOpKind::kInsert || mine.kind == RowOpKind::kSequence) &&
             mine.table == op.table && mine.new_rowid == op.new_rowid;
    });
  };
  if (pending.empty()) return true;
  std::set<std::uint32_t> tables;
  for (const auto& statement : statements) {
    const auto& allocates = lookup(statement.sql).info.allocates_ids;
    tables.insert(allocates.begin(), allocates.end());
  }
  for (const auto table : tables) {
    const auto* found = pending.highest(table);
    if (found == nullptr) continue;
    const auto& highest = *found;
    if (own(highest)) continue;  // it comes with the rest of its own work
    if (const auto put = applier_.apply_one(highest); !put) {
      ran.failure = {AbortCode::kConstraint, put.error().context, {}, -1};
      ran.constraint = true;
      return false;
    }
  }
  return true;
}

void Executor::run_statements(const std::vector<Statement>& statements, const Before& before,
                              bool complete, Ran& ran) {
  sqlite3* db = database_.connection().get();
  sqlite3_set_last_insert_rowid(db, 0);
  capture_.begin(options_.max_redo_bytes, before.captured_bytes);
  std::uint64_t result_bytes = 0;
  if (const auto noted = note_sequences(statements); !noted)
    ran.failure = {AbortCode::kInternal, noted.error().context, {}, -1};
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const auto number = static_cast<std::int32_t>(i);
    if (ran.failure.code != AbortCode::kNone) break;
    if (!run_one(statements[i], number, result_bytes, ran)) break;
    if (!check_after(number, complete && i + 1 == statements.size(), ran)) break;
  }
  if (statements.empty() && complete) check_after(-1, true, ran);
  write_pending(statements, ran);
  if (const auto completed = capture_.complete(database_.connection());
      !completed && ran.failure.code == AbortCode::kNone)
    ran.failure = {AbortCode::kInternal, completed.error().context, {}, -1};
  if (!complete && ran.failure.code == AbortCode::kNone) count_violations(before, ran);
  ran.captured_bytes = capture_.bytes();
  ran.operations = capture_.end();
  if (ran.failure.code == AbortCode::kNone) complete_sequences(ran);
}

Status Executor::note_sequences(const std::vector<Statement>& statements) {
  std::vector<std::uint32_t> tables;
  for (const auto& statement : statements)
    for (const auto table : lookup(statement.sql).info.sequences)
      if (std::find(tables.begin(), tables.end(), table) == tables.end()) tables.push_back(table);
  return sequences_.begin(tables);
}

void Executor::complete_sequences(Ran& ran) {
  const auto completed = sequences_.complete(ran.operations);
  if (completed && *completed) return;
  ran.failure = {AbortCode::kRefusedNotRepeatable,
                 completed
                     ? "the statements leave sqlite_sequence as no redo can; UPDATE the row of "
                       "a table that has one, in a transaction of its own"
                     : completed.error().context,
                 {},
                 -1};
}

// Only with side effects on can it have changed.
void Executor::count_violations(const Before& before, Ran& ran) {
  ran.open_violations = before.open_violations;
  if (!schema_.has_deferred_foreign_keys() || effects_.are_off()) return;
  capture_.pause();
  const auto counted = violations_.count();
  capture_.resume();
  if (counted) {
    ran.open_violations = *counted;
  } else {
    ran.failure = {AbortCode::kInternal, counted.error().context, {}, -1};
  }
}

// What SQLite itself does not report at the statement.
bool Executor::check_after(std::int32_t number, bool last, Ran& ran) {
  if (capture_.failure().code != AbortCode::kNone) {
    ran.failure = capture_.failure();
    ran.failure.statement = number;
    return false;
  }
  // Deferred foreign keys would fail only at COMMIT, when it is too late to vote NO (failures.md
  // 57).
  if (!last || !schema_.has_foreign_keys() || !violations_.any()) return true;
  ran.failure = {AbortCode::kForeignKey, "FOREIGN KEY constraint failed", {}, number};
  ran.constraint = true;
  return false;
}

// SQLITE_DONE, SQLITE_ROW if the rows are too many, or the error.
int Executor::step_through(PreparedStatement& stmt, const std::string& sql,
                           std::uint64_t& result_bytes, StatementResult& result) {
  const StatementLimits::Running running(limits_, database_.connection().get(), sql);
  const int columns = sqlite3_column_count(stmt.get());
  for (int c = 0; c < columns; ++c) result.columns.emplace_back(sqlite3_column_name(stmt.get(), c));
  int rc = SQLITE_ROW;
  while ((rc = stmt.step()) == SQLITE_ROW) {
    std::vector<Value> row;
    for (int c = 0; c < columns; ++c) {
      row.push_back(stmt.column(c));
      result_bytes += size_of(row.back());
    }
    result.rows.push_back(std::move(row));
    if (result_bytes > options_.max_result_bytes) break;
  }
  return rc;
}

bool Executor::run_one(const Statement& statement, std::int32_t number, std::uint64_t& result_bytes,
                       Ran& ran) {
  auto& stmt = lookup(statement.sql).statement;
  sqlite3* db = database_.connection().get();
  for (std::size_t i = 0; i < statement.params.size(); ++i)
    stmt.bind(static_cast<int>(i + 1), statement.params[i]);
  StatementResult result;
  const int rc = step_through(stmt, statement.sql, result_bytes, result);
  if (rc == SQLITE_ROW) {
    stmt.reset();
    ran.failure = {
        AbortCode::kResultTooBig,
        fmt::format("the branch returns more than {} bytes of rows", options_.max_result_bytes),
        {},
        number};
    return false;
  }
  if (rc != SQLITE_DONE) {
    classify(rc, number, ran);
    stmt.reset();
    return false;
  }
  const bool writes = stmt.writes();
  result.changes = writes ? sqlite3_changes64(db) : 0;
  stmt.reset();
  const auto rows = writes ? result.changes : static_cast<std::int64_t>(result.rows.size());
  if (statement.expect) {
    const auto& expect = *statement.expect;
    const bool met = expect.kind == RowCount::kExactly ? rows == expect.rows : rows >= expect.rows;
    if (!met) {
      ran.failure = {AbortCode::kRowsMismatch,
                     fmt::format("expected {} {} row{}, got {}",
                                 expect.kind == RowCount::kExactly ? "exactly" : "at least",
                                 expect.rows, expect.rows == 1 ? "" : "s", rows),
                     {},
                     number};
      return false;
    }
  }
  ran.results.push_back(std::move(result));
  return true;
}

void Executor::classify(int rc, std::int32_t number, Ran& ran) {
  if (limits_.exceeded().code != AbortCode::kNone) {
    ran.failure = limits_.exceeded();
    ran.failure.statement = number;
    return;
  }
  const std::string message = sqlite3_errmsg(database_.connection().get());
  AbortCode code = AbortCode::kSqlError;
  if ((rc & 0xff) == SQLITE_CONSTRAINT) {
    // RESTRICT is a trigger of SQLite's own.
    const bool foreign_key =
        rc == SQLITE_CONSTRAINT_FOREIGNKEY ||
        (rc == SQLITE_CONSTRAINT_TRIGGER && message == "FOREIGN KEY constraint failed");
    code = foreign_key ? AbortCode::kForeignKey : AbortCode::kConstraint;
    ran.constraint = rc == SQLITE_CONSTRAINT_FOREIGNKEY || rc == SQLITE_CONSTRAINT_UNIQUE ||
                     rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID ||
                     rc == SQLITE_CONSTRAINT_TRIGGER;
  } else if ((rc & 0xff) == SQLITE_INTERRUPT) {
    code = AbortCode::kStatementInterrupted;
  } else if ((rc & 0xff) == SQLITE_TOOBIG) {
    code = AbortCode::kBranchTooBig;
  }
  ran.failure = {code, message, {}, number};
}

}  // namespace troth::participant::sqlite
