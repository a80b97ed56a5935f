#include "participant/sqlite/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "participant/sqlite/missing_code.h"

namespace troth::participant::sqlite {

namespace {

constexpr std::size_t kMaxCachedStatements = 4096;
constexpr std::size_t kMaxCachedText = std::size_t{32} << 20;

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
      clock_(clock),
      kept_(database.connection(), virtual_tables_),
      savepoint_(database.connection(), "troth_branch") {}

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
    // Its last duration says nothing about other parameters, unless it cannot take long.
    return known != nullptr && known->second.quick && known->second.info.quick;
  });
}

bool Executor::are_long_reads(const std::vector<Statement>& statements) {
  return std::any_of(statements.begin(), statements.end(), [&](const auto& statement) {
    const auto* known = find(statement.sql);
    return known != nullptr && known->second.long_read;
  });
}

void Executor::note_long_reads(const std::vector<Statement>& statements, bool were_long) {
  for (const auto& statement : statements)
    if (auto* known = find(statement.sql)) known->second.long_read = were_long;
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
  if (!kept_.is_of(before.gtid)) TROTH_TRY(kept_.drop());
  if (!kept_.any() && before.operations.empty() && only_reads(statements)) {
    run_statements(statements, before, complete, ran);
    return ran;  // there is nothing to be taken out
  }
  const bool keep = !complete;
  const bool was_kept = kept_.any();
  if (keep && !was_kept) TROTH_TRY(kept_.begin(before.gtid));
  const bool in_place = kept_.any();  // below the savepoint of this run
  if (!in_place) TROTH_TRY(savepoint_.begin());
  TROTH_TRY(put_in_place(statements, before, was_kept, pending, ran));
  if (in_place) TROTH_TRY(savepoint_.begin());
  if (ran.failure.code == AbortCode::kNone) run_statements(statements, before, complete, ran);
  if (!db.in_transaction()) {  // SQLite rolled everything back (interrupt, full): the caller
    kept_.forget();            // repairs the outer transaction
    return ran;
  }
  const bool rehearsed = ran.failure.code == AbortCode::kNone && !ran.operations.empty() &&
                         needs_rehearsal(statements);
  if (rehearsed) {
    TROTH_TRY(rehearsal_.note(ran.operations));
    TROTH_TRY(savepoint_.rollback());
    TROTH_TRY(rehearse(before, in_place, ran));
    // Perhaps it met the row of another branch that overlay() has put in place: REPLACE takes it out.
    ran.constraint = ran.failure.code != AbortCode::kNone && !pending.empty();
  }
  const bool saw_virtual = reads_virtual(statements);
  if (saw_virtual && kept_.any()) kept_.saw_virtual_tables();
  TROTH_TRY(end(before, keep, rehearsed, ran));
  if (saw_virtual && !kept_.any()) TROTH_TRY(virtual_tables_.forget());
  return ran;
}

// Of one run. Rows that were rehearsed are those that were applied: SQLite's count of open foreign
// keys does not know them.
Status Executor::end(const Before& before, bool keep, bool rehearsed, const Ran& ran) {
  const bool counted = !rehearsed || ran.open_violations == before.open_violations;
  if (keep && ran.failure.code == AbortCode::kNone && counted) return savepoint_.release();
  if (kept_.any()) return kept_.drop();
  TROTH_TRY(savepoint_.rollback());
  return savepoint_.release();
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

// The work of these statements, applied after the branch's earlier work, must give the same rows.
Status Executor::rehearse(const Before& before, bool in_place, Ran& ran) {
  if (!in_place) TROTH_TRY(applier_.apply(before.operations));
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
                              bool was_kept, const PendingInserts& pending, Ran& ran) {
  if (!overlay(statements, before, pending, ran)) return {};
  if (!was_kept) {
    TROTH_TRY(applier_.apply(before.operations));
    TROTH_TRY(violations_.restore(before.open_violations));
  }
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
    // Once is enough: while the work is kept, no other branch adds a row.
    if (kept_.any() && !kept_.first_time(table)) continue;
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
  ResultRoom room{options_.max_result_bytes};
  if (const auto noted = note_sequences(statements); !noted)
    ran.failure = {AbortCode::kInternal, noted.error().context, {}, -1};
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const auto number = static_cast<std::int32_t>(i);
    if (ran.failure.code != AbortCode::kNone) break;
    if (!run_one(statements[i], number, room, ran)) break;
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

bool Executor::run_one(const Statement& statement, std::int32_t number, ResultRoom& room,
                       Ran& ran) {
  auto& known = lookup(statement.sql);
  auto longest = known.info.work.longest_value(statement.params);
  if (known.info.writes_virtual) {
    // A module does not always notice that SQLite refused a value of its own.
    constexpr std::int64_t kLeast = std::int64_t{8} << 20, kModules = std::int64_t{32} << 20;
    if (longest < kLeast) {
      ran.failure = {
          AbortCode::kBranchTooBig,
          "the statement writes a virtual table and has so many comparisons and function "
          "calls that its values would have to be short; split it",
          {},
          number};
      return false;
    }
    longest = std::max(longest, kModules);
  }
  const StatementCall call{statement, known.statement, number, longest};
  auto run = run_statement(database_.connection(), limits_, call, room);
  if (run.failure.code != AbortCode::kNone) {
    ran.failure = std::move(run.failure);
    ran.constraint = run.constraint;
    return false;
  }
  ran.results.push_back(std::move(run.result));
  return true;
}

}  // namespace troth::participant::sqlite
