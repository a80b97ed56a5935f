#include "participant/sqlite/schema_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <set>

#include "participant/sqlite/empty_copy.h"
#include "participant/sqlite/executor.h"
#include "participant/sqlite/header_pragma.h"
#include "participant/sqlite/redo_locks.h"
#include "troth/sqlite_refusals.h"

namespace troth::participant::sqlite {

namespace {

// Rows alone: 1, 3, 4 and 7 (redo.cc). 2 has DDL only, 5 no locks: a change was decided by its node.
constexpr std::uint8_t kSchemaRedoFormat = 6, kChangeWithoutLocks = 5, kDdlOnly = 2;

// What SQLite asks for permission while it compiles DDL.
class Watcher {
 public:
  Watcher(const Schema& schema, SchemaChange& change) : schema_(schema), change_(change) {}
  void begin(bool creates) {
    creates_ = creates;
    creates_table_ = false;
  }
  bool reaches_far() const { return reaches_far_; }

  static int authorize(void* self, int action, const char* a, const char* b, const char*,
                       const char*) {
    return static_cast<Watcher*>(self)->check(action, a == nullptr ? "" : a, b == nullptr ? "" : b);
  }

 private:
  int check(int action, const std::string& a, const std::string& b) {
    switch (action) {
      case SQLITE_CREATE_TABLE:
        creates_table_ = true;
        if (a != "sqlite_sequence") name(a);
        break;
      case SQLITE_CREATE_VIEW:
      case SQLITE_DROP_VIEW:
        name(a);
        break;
      case SQLITE_DROP_TABLE:
        reaches_far_ = true;
        name(a);
        break;
      case SQLITE_ALTER_TABLE:
        reaches_far_ = true;
        name(b);
        break;
      case SQLITE_CREATE_INDEX:
      case SQLITE_DROP_INDEX:
      case SQLITE_CREATE_TRIGGER:
      case SQLITE_DROP_TRIGGER:
        name(b);
        break;
      case SQLITE_CREATE_VTABLE:
      case SQLITE_DROP_VTABLE:
        refuse_virtual(a);
        break;
      case SQLITE_CREATE_TEMP_INDEX:
      case SQLITE_CREATE_TEMP_TABLE:
      case SQLITE_CREATE_TEMP_TRIGGER:
      case SQLITE_CREATE_TEMP_VIEW:
        refuse(AbortCode::kRefusedTemp,
               "temporary objects do not survive a crash; use ordinary ones");
        break;
      case SQLITE_SELECT:
        if (creates_ && creates_table_)
          refuse(AbortCode::kRefusedDdl,
                 "CREATE TABLE ... AS SELECT mixes rows and schema; create the table, then INSERT "
                 "... SELECT in a transaction of its own");
        break;
      default:
        break;
    }
    return change_.refusal.code == AbortCode::kNone ? SQLITE_OK : SQLITE_DENY;
  }

  void name(const std::string& object) {
    const auto folded = folded_name(object);
    const auto* table = schema_.find(folded);
    if (folded.rfind("troth_", 0) == 0 || (table != nullptr && table->is_system))
      refuse(AbortCode::kRefusedSystemTable,
             fmt::format("{} belongs to SQLite or to troth; choose another name", object));
    if (table != nullptr && table->is_virtual) refuse_virtual(object);
    change_.names.insert(folded);
  }
  void refuse_virtual(const std::string& object) {
    refuse(sqlite_refusal::kVirtualTable,
           fmt::format("{} is a virtual table, whose module changes what only it knows; stop the "
                       "agent and use sqlite3",
                       object));
  }
  void refuse(AbortCode code, std::string detail) {
    if (change_.refusal.code == AbortCode::kNone)
      change_.refusal = {code, std::move(detail), {}, -1};
  }

  const Schema& schema_;
  SchemaChange& change_;
  bool creates_ = false, creates_table_ = false, reaches_far_ = false;
};

Status run_one(Connection& db, const std::string& sql) {
  TROTH_ASSIGN_OR_RETURN(auto statement, db.prepare(sql));
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = statement.step();
  if (rc == SQLITE_DONE) return {};
  return fail(error_of(db.get(), "cannot change the schema"));
}

AbortReason refusal_of_form(const Statement& statement) {
  const auto sql_error = [](std::string detail) {
    return AbortReason{AbortCode::kSqlError, std::move(detail), {}, -1};
  };
  if (!statement.params.empty())
    return {
        AbortCode::kParameterCount,
        fmt::format("a schema change takes no parameters, {} were given", statement.params.size()),
        {},
        -1};
  if (statement.expect) return sql_error("a schema change has no rows to expect");
  return {};
}

// One statement on the empty copy, so that later ones find its result.
void rehearse(Connection& db, Watcher& watcher, const std::string& sql, SchemaChange& change) {
  watcher.begin(first_keyword(sql) == "CREATE");
  std::string_view rest;
  auto statement = db.prepare(sql, false, &rest);
  if (change.refusal.code != AbortCode::kNone) return;
  const auto cannot = [&](std::string detail) {
    change.refusal = {AbortCode::kSqlError, std::move(detail), {}, -1};
  };
  if (!statement) return cannot(statement.error().context);
  if (!without_space(rest).empty())
    return cannot("one statement at a time: there is text behind the first one");
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = statement->step();
  if (rc != SQLITE_DONE && change.refusal.code == AbortCode::kNone)
    cannot(sqlite3_errmsg(db.get()));
}

// Other statements find their tables only after the schema is changed. No other transaction works
// then.
void lock_every_table(const Schema& schema, SchemaChange& change) {
  for (std::uint32_t number = 0; number < schema.size(); ++number)
    if (const auto& table = schema.table(number); !table.is_gone && !table.is_virtual)
      change.locks.push_back({{number, Resource::kWholeTable, {}}, LockMode::kX});
}

void find_locks(const Schema& schema, StatementAnalyzer& analyzer, bool reaches_far,
                SchemaChange& change) {
  std::set<std::uint32_t> tables;
  for (const auto& name : change.names) {
    if (const auto* table = schema.find(name)) {
      tables.insert(table->number);
    } else {  // a view, if it exists: branches that used it hold locks on its tables
      for (const auto& [number, mode] : analyzer.analyze("SELECT * FROM " + quoted(name)).tables)
        tables.insert(number);
    }
  }
  // Dropping a parent deletes its rows, and a new name is written into its children.
  if (reaches_far) tables = schema.tied_by_foreign_keys(std::move(tables));
  for (std::uint32_t number = 0; number < schema.size(); ++number) {
    const auto& table = schema.table(number);
    const bool changed = tables.count(number) != 0;
    if (!changed &&
        (schema.notes_own_changes() || table.is_system || table.is_virtual || table.is_gone ||
         table.identity == RowIdentity::kIntegerPrimaryKey || table.without_rowid))
      continue;
    change.locks.push_back(
        {{number, Resource::kWholeTable, {}}, changed ? LockMode::kX : LockMode::kS});
  }
}

Result<std::string> digest_of(Connection& db) {
  TROTH_ASSIGN_OR_RETURN(
      auto rows,
      db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"));
  ByteWriter all;
  int rc = SQLITE_ROW;
  while ((rc = rows.step()) == SQLITE_ROW)
    for (int column = 0; column < 4; ++column) all.bytes(rows.text(column));
  if (rc != SQLITE_DONE) return fail(error_of(db.get(), "cannot read the schema"));
  return protocol::body_digest(all.take());
}

// The agent must be able to work with the result, now and at every later start.
AbortReason judge(const SchemaTrial& trial, const SchemaChange& change,
                  const std::set<std::string>& watched) {
  const auto refuse = [](AbortCode code, std::string detail) {
    return AbortReason{code, std::move(detail), {}, -1};
  };
  for (const auto& table : watched)
    if (change.names.count(table) == 0)
      return refuse(AbortCode::kRefusedDdl,
                    fmt::format("the change would alter rows of {} through a foreign key; do that "
                                "in a transaction before it",
                                table));
  int violations = 0;
  int unused = 0;
  sqlite3_db_status(trial.db.get(), SQLITE_DBSTATUS_DEFERRED_FKS, &violations, &unused, 0);
  if (violations > 0) return refuse(AbortCode::kForeignKey, "FOREIGN KEY constraint failed");
  const auto after = Schema::load(trial.db, &trial.schema);
  if (!after) return refuse(AbortCode::kRefusedDdl, after.error().context);
  for (std::uint32_t number = 0; number < after->size(); ++number) {
    const auto& table = after->table(number);
    if (table.is_system && folded_name(table.name).rfind("troth_", 0) == 0 &&
        trial.schema.find(table.name) == nullptr)  // by RENAME
      return refuse(AbortCode::kRefusedSystemTable, "names with troth_ belong to troth");
  }
  const auto analyzer = StatementAnalyzer::create(*after);
  if (!analyzer) return refuse(AbortCode::kRefusedDdl, analyzer.error().context);
  return {};
}

// In their order; `each` runs one statement of DDL.
template <class RunDdl>
Status redo_steps(const std::vector<ChangeStep>& steps, const ApplyRows& apply_rows,
                  const RunDdl& each) {
  for (const auto& step : steps) {
    if (step.rows) {
      TROTH_TRY(apply_rows(step.content));
    } else if (const auto done = each(step.content); !done) {
      return fail(done.error(), fmt::format("cannot redo \"{}\"", step.content));
    }
  }
  return {};
}

Status run_limited(const SchemaTrial& trial, const std::string& sql) {
  const StatementLimits::Running running(trial.limits, trial.db.get(), sql);
  return run_one(trial.db, sql);
}

// One statement of DDL.
AbortReason run_change(const SchemaTrial& trial, const std::string& sql) {
  const auto done = run_limited(trial, sql);
  if (auto exceeded = trial.limits.exceeded(); exceeded.code != AbortCode::kNone) return exceeded;
  if (done) return {};
  const int extended = sqlite3_extended_errcode(trial.db.get());
  const int rc = extended & 0xff;
  const auto code = extended == SQLITE_CONSTRAINT_FOREIGNKEY ? AbortCode::kForeignKey
                    : rc == SQLITE_CONSTRAINT                ? AbortCode::kConstraint
                                                             : AbortCode::kSqlError;
  return {code, done.error().context, {}, -1};
}

// What a trial has done so far.
struct Progress {
  std::vector<ChangeStep> steps;
  std::set<std::string> watched;  // tables whose rows DDL has changed
  bool changed = false;           // rows, or numbers in the header
};

Status run_rows(const SchemaTrial& trial, const std::vector<Statement>& statements,
                Progress& progress, TriedSchemaChange& tried) {
  TROTH_ASSIGN_OR_RETURN(auto ran, trial.run_rows(statements));
  tried.failure = std::move(ran.failure);
  std::move(ran.results.begin(), ran.results.end(), std::back_inserter(tried.results));
  if (ran.redo.empty()) return {};
  progress.changed = true;
  progress.steps.push_back({true, std::move(ran.redo)});
  return {};
}

// In order: DDL one by one, other statements between them together.
Status run_all(const SchemaTrial& trial, const std::vector<Statement>& statements,
               Progress& progress, TriedSchemaChange& tried) {
  for (std::size_t i = 0; i < statements.size();) {
    const auto first = i;
    if (is_schema_statement(statements[i].sql)) {
      trial.capture.watch();
      tried.failure = run_change(trial, statements[i].sql);
      trial.capture.end();
      progress.watched.insert(trial.capture.watched().begin(), trial.capture.watched().end());
      progress.steps.push_back({false, statements[i].sql});
      progress.changed |= header_pragma(statements[i].sql).has_value();
      tried.results.emplace_back();
      ++i;
    } else {
      while (i < statements.size() && !is_schema_statement(statements[i].sql)) ++i;
      TROTH_TRY(run_rows(trial,
                         {statements.begin() + static_cast<std::ptrdiff_t>(first),
                          statements.begin() + static_cast<std::ptrdiff_t>(i)},
                         progress, tried));
    }
    if (tried.failure.code == AbortCode::kNone) continue;
    tried.failure.statement =
        static_cast<std::int32_t>(first) + std::max(tried.failure.statement, 0);
    return {};
  }
  return {};
}

}  // namespace

SchemaChange analyze_schema_change(const Schema& schema, StatementAnalyzer& analyzer,
                                   const std::vector<ChangeStep>& earlier,
                                   const std::vector<Statement>& statements) {
  SchemaChange change;
  const auto copy = empty_copy(schema);
  if (!copy) {
    change.refusal = {AbortCode::kInternal, copy.error().context, {}, -1};
    return change;
  }
  Watcher watcher(schema, change);
  sqlite3_set_authorizer((*copy)->get(), &Watcher::authorize, &watcher);
  bool mixed = false;
  for (const auto& step : earlier) {
    mixed |= step.rows;
    if (!step.rows) rehearse(**copy, watcher, step.content, change);
  }
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (!is_schema_statement(statements[i].sql)) {
      mixed = true;
      continue;
    }
    change.refusal = refusal_of_form(statements[i]);
    if (change.refusal.code == AbortCode::kNone)
      rehearse(**copy, watcher, statements[i].sql, change);
    if (change.refusal.code == AbortCode::kNone) continue;
    change.refusal.statement = static_cast<std::int32_t>(i);
    return change;
  }
  if (const auto lock = schema.whole(LockMode::kX)) change.locks.push_back(*lock);
  if (mixed) {
    lock_every_table(schema, change);
  } else {
    find_locks(schema, analyzer, watcher.reaches_far(), change);
  }
  return change;
}

std::string encode_schema_redo(const SchemaRedo& redo) {
  ByteWriter out;
  out.u8(kSchemaRedoFormat);
  out.signed_varint(redo.version_before);
  out.varint(redo.steps.size());
  for (const auto& step : redo.steps) {
    out.u8(step.rows ? 1 : 0);
    out.bytes(step.content);
  }
  out.bytes(redo.digest_after);
  out.bytes(redo.locks);
  return out.take();
}

bool is_schema_redo(std::string_view bytes) {
  const auto format = bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes.front());
  return format == kSchemaRedoFormat || format == kChangeWithoutLocks || format == kDdlOnly;
}

Result<SchemaRedo> decode_schema_redo(std::string_view bytes) {
  ByteReader in(bytes);
  SchemaRedo redo;
  const auto format = in.u8();
  if (format != kSchemaRedoFormat && format != kChangeWithoutLocks && format != kDdlOnly)
    in.fail_here();
  redo.version_before = in.signed_varint();
  const std::size_t n = in.count(1);
  for (std::size_t i = 0; i < n && in.ok(); ++i) {
    ChangeStep step;
    step.rows = format != kDdlOnly && in.u8() != 0;
    step.content = in.bytes();
    redo.steps.push_back(std::move(step));
  }
  redo.digest_after = in.bytes();
  if (format == kSchemaRedoFormat) redo.locks = in.bytes();
  TROTH_TRY(in.finish("the redo of a schema change"));
  return redo;
}

Result<std::vector<LockRequest>> locks_of(const Schema& schema, const SchemaRedo& redo) {
  if (schema.version() != redo.version_before)
    return fail(ErrorCode::kCorruption,
                fmt::format("the schema has version {} and not {}: the file was changed while the "
                            "agent was down, and a change of the schema is in doubt",
                            schema.version(), redo.version_before));
  if (redo.locks.empty()) return std::vector<LockRequest>{};
  ByteReader in(redo.locks);
  auto locks = get_locks(in, schema, false);
  TROTH_TRY(in.finish("the locks of a schema change"));
  return locks;
}

Result<TriedSchemaChange> try_schema_change(const SchemaTrial& trial, const SchemaChange& change,
                                            const std::vector<ChangeStep>& earlier,
                                            const std::vector<Statement>& statements) {
  TriedSchemaChange tried;
  TROTH_TRY(trial.db.execute("SAVEPOINT troth_change"));
  TROTH_ASSIGN_OR_RETURN(const auto before, trial.db.integer("PRAGMA schema_version"));
  Progress progress;
  progress.steps = earlier;
  progress.changed = !earlier.empty();
  trial.effects.off();
  auto ran = redo_steps(earlier, trial.apply_rows,
                        [&](const std::string& sql) { return run_limited(trial, sql); });
  trial.effects.on();
  if (ran) ran = run_all(trial, statements, progress, tried);
  if (trial.limits.exceeded().code != AbortCode::kNone) tried.failure = trial.limits.exceeded();
  if (!trial.db.in_transaction()) return tried;  // interrupted: SQLite rolled everything back
  if (tried.failure.code == AbortCode::kNone) TROTH_TRY(ran);
  if (tried.failure.code == AbortCode::kNone)
    tried.failure = judge(trial, change, progress.watched);
  if (tried.failure.code == AbortCode::kNone) {
    TROTH_ASSIGN_OR_RETURN(const auto after, trial.db.integer("PRAGMA schema_version"));
    if (after != before || progress.changed || trial.recorded) {
      tried.redo.emplace();
      tried.redo->version_before = before;
      tried.redo->steps = std::move(progress.steps);
      ByteWriter locks;
      put_locks(locks, trial.schema, change.locks);
      tried.redo->locks = locks.take();
      TROTH_ASSIGN_OR_RETURN(tried.redo->digest_after, digest_of(trial.db));
    }
  }
  TROTH_TRY(trial.db.execute("ROLLBACK TO troth_change"));
  TROTH_TRY(trial.db.execute("RELEASE troth_change"));
  return tried;
}

Status apply_schema_change(Connection& db, const SchemaRedo& redo, const ApplyRows& apply_rows) {
  const auto named =
      redo.steps.empty() || redo.steps.front().rows ? "the change" : redo.steps.front().content;
  TROTH_ASSIGN_OR_RETURN(const auto version, db.integer("PRAGMA schema_version"));
  if (version != redo.version_before)
    return fail(ErrorCode::kCorruption,
                fmt::format("the schema has version {} and not {}: the file was changed while the "
                            "agent was down, before \"{}\" could be redone",
                            version, redo.version_before, named));
  TROTH_TRY(
      redo_steps(redo.steps, apply_rows, [&](const std::string& sql) { return run_one(db, sql); }));
  TROTH_ASSIGN_OR_RETURN(const auto digest, digest_of(db));
  if (digest != redo.digest_after)
    return fail(ErrorCode::kCorruption,
                fmt::format("\"{}\" came out differently when it was redone", named));
  return OwnChanges::note(db, redo.version_before);
}

}  // namespace troth::participant::sqlite
