#include "participant/sqlite/statement_analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "participant/sqlite/bytecode.h"
#include "participant/sqlite/empty_copy.h"
#include "participant/sqlite/header_pragma.h"
#include "participant/sqlite/table_functions.h"
#include "participant/sqlite/text_encoding.h"
#include "participant/sqlite/virtual_columns.h"
#include "participant/sqlite/virtual_tables.h"
#include "troth/sqlite_refusals.h"

namespace troth::participant::sqlite {

namespace {

constexpr const char* kNoSuchChange = "statements change the schema by CREATE, DROP and ALTER only";

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

std::string_view behind_keyword(std::string_view sql) {
  sql = without_space(sql);
  return sql.substr(first_keyword(sql).size());
}

bool may_replace(const std::string& text) {
  return upper(text).find("REPLACE") != std::string::npos;
}

bool becomes_another_text(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && !survives_utf16(*text);
}

bool has_conflict_clause(const std::string& text) {
  const auto folded = upper(text);
  return folded.find("IGNORE") != std::string::npos || folded.find("CONFLICT") != std::string::npos;
}

}  // namespace

std::string_view without_space(std::string_view sql) {
  while (!sql.empty()) {
    if (std::string_view(" \t\n\f\r;").find(sql.front()) != std::string_view::npos) {
      sql.remove_prefix(1);
    } else if (sql.rfind("\xEF\xBB\xBF", 0) == 0) {  // a byte order mark
      sql.remove_prefix(3);
    } else if (sql.rfind("--", 0) == 0) {
      const auto end = sql.find('\n');
      sql = end == std::string_view::npos ? std::string_view{} : sql.substr(end + 1);
    } else if (sql.rfind("/*", 0) == 0) {
      const auto end = sql.find("*/", 2);
      sql = end == std::string_view::npos ? std::string_view{} : sql.substr(end + 2);
    } else {
      break;
    }
  }
  return sql;
}

std::string first_keyword(std::string_view sql) {
  sql = without_space(sql);
  const auto end =
      std::find_if(sql.begin(), sql.end(), [](unsigned char c) { return std::isalpha(c) == 0; });
  return upper(sql.substr(0, static_cast<std::size_t>(end - sql.begin())));
}

bool is_schema_statement(std::string_view sql) {
  const auto keyword = first_keyword(sql);
  if (keyword == "CREATE" || keyword == "DROP" || keyword == "ALTER") return true;
  const auto pragma = header_pragma(sql);
  return pragma && pragma->sets;
}

Result<std::unique_ptr<StatementAnalyzer>> StatementAnalyzer::create(const Schema& schema) {
  auto analyzer = std::unique_ptr<StatementAnalyzer>(new StatementAnalyzer(schema));
  TROTH_ASSIGN_OR_RETURN(analyzer->db_, empty_copy(schema));
  TROTH_TRY(analyzer->load_roots());
  TROTH_ASSIGN_OR_RETURN(analyzer->refused_functions_, declare_table_functions(*analyzer->db_));
  sqlite3_set_authorizer(analyzer->db_->get(), &StatementAnalyzer::authorize, analyzer.get());
  return analyzer;
}

Status StatementAnalyzer::load_roots() {
  TROTH_ASSIGN_OR_RETURN(
      auto rows,
      db_->prepare("SELECT type, name, tbl_name, rootpage FROM sqlite_schema WHERE rootpage > 0"));
  while (rows.step() == SQLITE_ROW) {
    const auto* table = schema_.find(rows.text(2));
    if (table == nullptr || (table->is_system && rows.text(2).rfind("sqlite_", 0) == 0)) continue;
    RootPage root{table->number, std::nullopt, false};
    if (rows.text(0) == "index") {
      root.plain_index = true;
      for (const auto& index : table->unique)
        if (index.name == rows.text(1)) root.index = index.number;
    }
    // The primary key of a WITHOUT ROWID table is the table's own b-tree: a search in it is a
    // search of that index.
    if (rows.text(0) == "table" && table->without_rowid) {
      for (const auto& index : table->unique)
        if (index.primary_key) root.index = index.number;
    }
    roots_[rows.integer(3)] = root;
  }
  return {};
}

void StatementAnalyzer::refuse(AbortCode code, std::string detail) {
  if (refusal_.code == AbortCode::kNone) refusal_ = {code, std::move(detail), {}, -1};
}

int StatementAnalyzer::authorize(void* self, int action, const char* a, const char* b,
                                 const char* db, const char* trigger) {
  auto* analyzer = static_cast<StatementAnalyzer*>(self);
  if (analyzer->watching_ && a != nullptr)
    analyzer->note_virtual_table(action, a, trigger == nullptr);
  return analyzer->watching_ ? analyzer->check(action, a, b, db) : SQLITE_OK;
}

void StatementAnalyzer::check_function(const std::string& name) {
  if (schema_.find(name) != nullptr) return;
  const auto folded = folded_name(name);
  if (refused_functions_.count(folded) == 0) return;
  if (folded.rfind("pragma_", 0) == 0)
    refuse(sqlite_refusal::kPragma,
           fmt::format("{}() reads the whole file, or belongs to the agent's connection; ask the "
                       "file with sqlite3, which may read it beside the agent",
                       name));
  refuse(sqlite_refusal::kVirtualTable,
         fmt::format("{} shows what belongs to SQLite's connection, not rows", name));
}

void StatementAnalyzer::check_written_table(const std::string& name) {
  const auto* table = schema_.find(name);
  if (table == nullptr) return;
  writes_sequence_ |= table->is_sequence;
  if (table->is_system && !table->is_sequence)
    refuse(AbortCode::kRefusedSystemTable,
           fmt::format("table {} belongs to SQLite or to troth and is not written by statements",
                       name));
  if (table->is_shadow)
    refuse(
        AbortCode::kRefusedSystemTable,
        fmt::format("table {} holds the rows of a virtual table; write that table instead", name));
  if (table->is_virtual && !keeps_rows_in_shadows(table->module))
    refuse(sqlite_refusal::kVirtualTable,
           fmt::format("{} is a virtual table of module {}: what it writes cannot be undone and "
                       "redone; write an ordinary table",
                       name, table->module));
  if (!can_capture(*table)) refuse(sqlite_refusal::kVirtualColumn, why_not_captured(*table));
}

// An INSERT by a trigger brings all that FTS needs with it; one by a client may be a command.
void StatementAnalyzer::note_virtual_table(int action, const std::string& name, bool of_client) {
  const bool writes = action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;
  if (!writes && action != SQLITE_READ) return;
  const auto* table = schema_.find(name);
  if (table == nullptr || !table->is_virtual) return;
  auto& use = virtual_tables_[table->number];
  use.written |= writes;
  use.shows_content |= action != SQLITE_INSERT || of_client;
}

// Is it tied to other tables through a foreign key, at this place?
void StatementAnalyzer::note_effects(int action, const std::string& name,
                                     const std::string& column) {
  const auto* table = schema_.find(name);
  if (table == nullptr) return;
  rehearsed_ |= table->has_conflict_clause || table->has_virtual_column;
  if (!table->tied_by_foreign_key) return;
  const auto folded = folded_name(column);
  const bool touches_key =
      action != SQLITE_UPDATE || folded == "rowid" || table->has_generated_key ||
      std::any_of(table->columns.begin(), table->columns.end(), [&](const ColumnInfo& c) {
        return c.in_foreign_key && folded_name(c.name) == folded;
      });
  rehearsed_ |= touches_key && !table->plain_foreign_keys;
}

int StatementAnalyzer::check(int action, const char* a, const char* b, const char* db) {
  const std::string first = a == nullptr ? "" : a;
  const std::string second = b == nullptr ? "" : b;
  if (db != nullptr && std::strcmp(db, "temp") == 0)
    refuse(AbortCode::kRefusedTemp,
           "temporary tables do not survive a crash; use an ordinary table");
  switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
      refuse(AbortCode::kRefusedTxnControl,
             "the coordinator begins and ends transactions; leave BEGIN, COMMIT, ROLLBACK and "
             "SAVEPOINT out");
      break;
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
      refuse(sqlite_refusal::kAttach,
             "a branch works in one database; run an agent for the other file and name it as a "
             "participant");
      break;
    case SQLITE_PRAGMA:
      if (!is_header_number(first))
        refuse(sqlite_refusal::kPragma,
               "PRAGMA changes the connection, not the data; use pragma table functions such as "
               "pragma_table_info() to read");
      break;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      if (first == "sqlite_master" || first == "sqlite_schema") {
        refuse(AbortCode::kRefusedDdl, kNoSuchChange);
      } else {
        check_written_table(first);
        check_function(first);
        note_effects(action, first, second);
      }
      break;
    case SQLITE_FUNCTION: {
      const auto function = upper(second);
      if (function == "LOAD_EXTENSION" || function == "FTS3_TOKENIZER")
        refuse(AbortCode::kRefusedFunction, second + "() would run foreign code in the agent");
      if (function == "CHANGES" || function == "TOTAL_CHANGES" || function == "LAST_INSERT_ROWID")
        refuse(AbortCode::kRefusedFunction,
               fmt::format("{}() would see other branches of the same connection; use RETURNING",
                           second));
      break;
    }
    case SQLITE_READ:
      check_function(first);
      break;
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
      break;
    default:
      if (action != SQLITE_COPY) refuse(AbortCode::kRefusedDdl, kNoSuchChange);
  }
  return refusal_.code == AbortCode::kNone ? SQLITE_OK : SQLITE_DENY;
}

// It runs nothing: it shows how SQLite would run the statement behind it, and so locks nothing.
StatementInfo StatementAnalyzer::analyze_explain(std::string_view sql) {
  sql = behind_keyword(sql);
  if (first_keyword(sql) == "QUERY") sql = behind_keyword(behind_keyword(sql));  // QUERY PLAN
  StatementInfo info;
  if (first_keyword(sql) == "EXPLAIN") {
    info.refusal = {AbortCode::kSqlError, "EXPLAIN stands before a statement, once", {}, -1};
    return info;
  }
  const auto explained = analyze(std::string(sql));
  info.refusal = explained.refusal;
  info.parameters = explained.parameters;
  return info;
}

StatementInfo StatementAnalyzer::analyze(const std::string& sql) {
  if (first_keyword(sql) == "EXPLAIN") return analyze_explain(sql);
  auto info = analyze_alone(sql);
  if (is_schema_statement(sql)) {
    info.schema_change = true;
    if (info.refusal.code == AbortCode::kNone)  // IF NOT EXISTS, and it does
      info.refusal = {AbortCode::kRefusedDdl, kNoSuchChange, {}, -1};
    return info;
  }
  if (info.writes && info.refusal.code == AbortCode::kNone) add_cascades(info);
  for (const auto& [table, mode] : info.tables)
    if (schema_.table(table).autoincrement && mode != LockMode::kIS && mode != LockMode::kS)
      info.sequences.push_back(table);
  if (info.writes && schema_.has_foreign_keys()) info.quick = false;  // may look for children
  return info;
}

StatementInfo StatementAnalyzer::analyze_alone(const std::string& sql) {
  StatementInfo info;
  refusal_ = {};
  const auto refused = [&](AbortCode code, std::string detail) {
    info.refusal = {code, std::move(detail), {}, -1};
    return info;
  };
  const auto keyword = first_keyword(sql);
  if (keyword.empty()) return refused(AbortCode::kSqlError, "the statement is empty");
  // These never reach the authorizer.
  if (keyword == "VACUUM" || keyword == "REINDEX" || keyword == "ANALYZE")
    return refused(AbortCode::kRefusedDdl,
                   keyword + " is maintenance, not part of a transaction; send it alone");
  const auto text = without_space(sql);
  rehearsed_ = writes_sequence_ = false;
  virtual_tables_.clear();
  watching_ = true;
  std::string_view rest;
  auto statement = db_->prepare(text, false, &rest);
  watching_ = false;
  if (refusal_.code != AbortCode::kNone) return refused(refusal_.code, refusal_.detail);
  if (!statement) return refused(AbortCode::kSqlError, statement.error().context);
  if (!without_space(rest).empty())
    return refused(AbortCode::kSqlError,
                   "one statement at a time: there is text behind the first one");
  info.writes = sqlite3_stmt_readonly(statement->get()) == 0;
  info.parameters = sqlite3_bind_parameter_count(statement->get());
  auto explain = db_->prepare(fmt::format("EXPLAIN {}", text));
  if (!explain) return refused(AbortCode::kSqlError, explain.error().context);
  std::vector<Instruction> listing;
  bool rolls_back = false, has_program = false;
  while (explain->step() == SQLITE_ROW) {
    Instruction op{explain->integer(0),
                   explain->text(1),
                   static_cast<int>(explain->integer(2)),
                   static_cast<int>(explain->integer(3)),
                   static_cast<int>(explain->integer(4)),
                   explain->text(5),
                   static_cast<int>(explain->integer(6))};
    has_program |= op.opcode == "Program";
    rolls_back |= op.opcode == "Halt" && op.p1 != 0 && op.p2 == 1;
    listing.push_back(std::move(op));
  }
  if (rolls_back)
    return refused(
        sqlite_refusal::kRollbackClause,
        "a ROLLBACK conflict clause would end every branch of the database; use OR ABORT");
  info.rehearsed =
      info.writes && (rehearsed_ || has_program || has_conflict_clause(sql) || may_replace(sql));
  bool conflict_clause = has_conflict_clause(sql);
  if (info.writes)
    for (const auto& definition : schema_.definitions())
      conflict_clause |= has_conflict_clause(definition.sql);
  read_bytecode(listing, roots_, schema_, conflict_clause || force_scans_, info);
  info.work = ValueWork(listing);
  if (writes_sequence_) lock_sequences(info);
  if (header_pragma(text)) lock_schema(info);
  lock_virtual_tables(info);
  if (force_scans_)
    for (auto& [table, mode] : info.tables) mode = combined(mode, LockMode::kS);
  return info;
}

// A module reads and writes its shadow tables, and an FTS table the rows it shows, beside the
// bytecode.
void StatementAnalyzer::lock_virtual_tables(StatementInfo& info) const {
  const auto need = [&](std::uint32_t number, LockMode mode) {
    const auto [entry, is_new] = info.tables.emplace(number, mode);
    if (!is_new) entry->second = combined(entry->second, mode);
  };
  const auto need_all = [&] {
    for (std::uint32_t number = 0; number < schema_.size(); ++number) {
      const auto& table = schema_.table(number);
      if (!table.is_gone && !table.is_virtual && !table.is_system) need(number, LockMode::kS);
    }
  };
  for (const auto& [number, use] : virtual_tables_) {
    const bool written = use.written;
    const auto& table = schema_.table(number);
    info.quick = false;
    info.reads_virtual = true;
    info.writes_virtual |= written;
    info.rehearsed |= written;
    for (const auto shadow : table.shadows) need(shadow, written ? LockMode::kSIX : LockMode::kS);
    if (!keeps_rows_in_shadows(table.module)) {
      need_all();  // it may show any table
    } else if (use.shows_content && table.content && !table.content->empty()) {
      const auto* content = schema_.find(*table.content);
      if (content == nullptr) {
        need_all();  // a view
      } else {
        need(content->number, LockMode::kS);
      }
    }
  }
}

// Every AUTOINCREMENT table raises its counter without a lock on sqlite_sequence.
void StatementAnalyzer::lock_sequences(StatementInfo& info) const {
  info.rehearsed = true;
  info.quick = false;
  for (std::uint32_t number = 0; number < schema_.size(); ++number) {
    const auto& table = schema_.table(number);
    if (!table.is_gone && (table.autoincrement || table.is_sequence))
      info.tables[number] = LockMode::kX;
  }
}

void StatementAnalyzer::lock_schema(StatementInfo& info) const {
  if (const auto lock = schema_.whole(LockMode::kS)) info.tables[lock->resource.table] = lock->mode;
}

void locks_before_execution(const Schema& schema, const StatementInfo& info,
                            const std::vector<Value>& params, std::vector<LockRequest>& out) {
  for (const auto& [table, mode] : info.tables)
    out.push_back({{table, Resource::kWholeTable, {}}, mode});
  for (const auto& read : info.points) {
    const auto& table = schema.table(read.table);
    const auto whole = [&] {
      out.push_back({{read.table, Resource::kWholeTable, {}}, LockMode::kS});
    };
    const auto value_of = [&](const KeyPart& part) -> const Value& {
      return part.parameter == 0 ? part.literal
                                 : params.at(static_cast<std::size_t>(part.parameter - 1));
    };
    if (read.index == 0) {
      const auto& rowid = value_of(read.key[0]);
      if (is_null(rowid)) continue;
      if (auto bytes = canonical(rowid, Affinity::kInteger, Collation::kBinary)) {
        out.push_back({{read.table, 0, *std::move(bytes)}, read.mode});
      } else {
        whole();
      }
      continue;
    }
    std::vector<Value> key;
    for (const auto& part : read.key) key.push_back(value_of(part));
    if (schema.stores_utf16() && std::any_of(key.begin(), key.end(), becomes_another_text)) {
      whole();
      continue;
    }
    for (const auto& index : table.unique) {
      if (index.number != read.index) continue;
      bool null_key = false;
      const auto bytes = canonical_key(table, index, key, null_key);
      // NULL equals nothing through =, but many rows through IS: both look alike here, so the table
      // is locked.
      if (bytes) {
        out.push_back({{read.table, read.index, *bytes}, read.mode});
      } else {
        whole();
      }
    }
  }
}

Status StatementAnalyzer::self_test() {
  TROTH_ASSIGN_OR_RETURN(
      auto probe,
      Connection::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                       nullptr));
  TROTH_TRY(
      probe->execute("CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v INT); CREATE TABLE "
                     "w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;"));
  TROTH_ASSIGN_OR_RETURN(const auto schema, Schema::load(*probe));
  TROTH_ASSIGN_OR_RETURN(auto analyzer, create(schema));
  struct Row {
    const char* sql;
    std::size_t points;
    bool scans;
  };
  const Row rows[] = {
      {"SELECT v FROM t WHERE id = ?", 1, false},
      {"UPDATE t SET v = v + 1 WHERE id = ?", 1, false},
      {"DELETE FROM t WHERE id = 7", 1, false},
      {"SELECT * FROM t WHERE u = ?", 1, false},
      {"SELECT * FROM w WHERE k = ?", 1, false},
      {"SELECT * FROM t WHERE id IN (1, 2)", 0, true},
      {"SELECT * FROM t WHERE id = 1 OR id = 2", 0, true},
      {"SELECT * FROM t WHERE v = 1", 0, true},
      {"SELECT count(*) FROM t", 0, true},
      {"SELECT * FROM t WHERE id > ?", 0, true},
      {"SELECT * FROM t a JOIN w b ON a.u = b.k", 0, true},
      {"INSERT INTO t(u, v) VALUES (?, ?)", 0, false},
  };
  for (const auto& row : rows) {
    const auto info = analyzer->analyze(row.sql);
    const bool scans = std::any_of(info.tables.begin(), info.tables.end(), [](const auto& t) {
      return t.second == LockMode::kS || t.second == LockMode::kSIX;
    });
    const bool safe = row.scans ? scans : scans || info.points.size() >= row.points;
    if (info.refusal.code != AbortCode::kNone || !safe || (!row.scans && scans)) {
      force_scans_ = true;  // this SQLite compiles differently: lock whole tables rather than guess
      return fail(ErrorCode::kUnsupported,
                  fmt::format("SQLite {} compiles \"{}\" in a way this agent does not know; whole "
                              "tables are locked instead",
                              sqlite3_libversion(), row.sql));
    }
  }
  return {};
}

}  // namespace troth::participant::sqlite
