#include "tests/differential/stock.h"

#include <fmt/format.h>

namespace troth::tests::differential {

using participant::sqlite::Connection;
using participant::sqlite::quoted;

namespace {

constexpr int kMostInstructions = 3'000'000;

std::string text_of(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&value)) return fmt::format("{:a}r", *real);
  if (const auto* text = std::get_if<std::string>(&value)) return "'" + *text + "'";
  if (const auto* blob = std::get_if<Blob>(&value)) return "x'" + blob->bytes + "'";
  return "NULL";
}

// All rows as text, sorted: "error" if it cannot be read.
std::string rows_of(Connection& db, const std::string& sql) {
  auto rows = db.prepare(sql);
  if (!rows) return "error: " + rows.error().context + "\n";
  std::string out;
  int rc = 0;
  while ((rc = rows->step()) == SQLITE_ROW) {
    for (int c = 0; c < sqlite3_column_count(rows->get()); ++c)
      out += (c == 0 ? "" : "|") + text_of(rows->column(c));
    out += "\n";
  }
  if (rc != SQLITE_DONE) out += std::string("error: ") + sqlite3_errmsg(db.get()) + "\n";
  return out;
}

std::string rowid_of(Connection& db, const std::string& table) {
  for (const char* name : {"_rowid_", "rowid", "oid"}) {
    auto shadowing = db.integer(
        fmt::format("SELECT count(*) FROM pragma_table_xinfo({}) WHERE lower(name)='{}' AND pk=0",
                    "'" + table + "'", name));
    if (shadowing && *shadowing == 0) return name;
  }
  return "NULL";
}

}  // namespace

std::string text_of(const StatementResult& result) {
  std::string out = fmt::format("changes {}\n", result.changes);
  for (const auto& column : result.columns) out += column + " ";
  out += "\n";
  for (const auto& row : result.rows) {
    for (const auto& value : row) out += text_of(value) + "|";
    out += "\n";
  }
  return out;
}

Result<Stock> Stock::open(const std::string& path) {
  TROTH_ASSIGN_OR_RETURN(
      auto db, Connection::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
  TROTH_TRY(db->execute("PRAGMA foreign_keys=ON; PRAGMA synchronous=OFF"));
  return Stock(std::move(db));
}

Stock::Ran Stock::run(const std::vector<std::string>& statements) {
  Ran ran;
  const auto fail_with = [&](int rc, const char* message, std::size_t at) {
    ran.end = (rc & 0xff) == SQLITE_CONSTRAINT  ? End::kConstraint
              : (rc & 0xff) == SQLITE_INTERRUPT ? End::kTooLong
                                                : End::kError;
    ran.message = message;
    ran.failed_at = at;
    rollback();
    return ran;
  };
  static_cast<void>(db_->execute("BEGIN"));
  for (std::size_t i = 0; i < statements.size(); ++i) {
    sqlite3_progress_handler(
        db_->get(), kMostInstructions, [](void*) { return 1; }, nullptr);
    auto statement = db_->prepare(statements[i]);
    if (!statement) return fail_with(SQLITE_ERROR, statement.error().context.c_str(), i);
    StatementResult result;
    const int columns = sqlite3_column_count(statement->get());
    for (int c = 0; c < columns; ++c)
      result.columns.emplace_back(sqlite3_column_name(statement->get(), c));
    int rc = 0;
    while ((rc = statement->step()) == SQLITE_ROW) {
      auto& row = result.rows.emplace_back();
      for (int c = 0; c < columns; ++c) row.push_back(statement->column(c));
    }
    sqlite3_progress_handler(db_->get(), 0, nullptr, nullptr);
    if (rc != SQLITE_DONE) {
      const std::string message = sqlite3_errmsg(db_->get());
      *statement = {};
      return fail_with(rc, message.c_str(), i);
    }
    if (sqlite3_stmt_readonly(statement->get()) == 0)
      result.changes = sqlite3_changes64(db_->get());
    ran.results.push_back(std::move(result));
  }
  return ran;
}

bool Stock::commit() {
  if (db_->execute("COMMIT")) return true;
  rollback();
  return false;
}

void Stock::rollback() {
  if (db_->in_transaction()) static_cast<void>(db_->execute("ROLLBACK"));
}

std::string content_of(Connection& db) {
  std::string out = rows_of(
      db,
      "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'troth\\_%' ESCAPE '\\' "
      "ORDER BY 1, 2");
  auto tables = db.prepare(
      "SELECT name, wr FROM pragma_table_list WHERE schema='main' AND type IN ('table','virtual') "
      "AND name NOT "
      "LIKE 'troth\\_%' ESCAPE '\\' AND name <> 'sqlite_schema' ORDER BY name");
  if (!tables) return "error: " + tables.error().context;
  while (tables->step() == SQLITE_ROW) {
    const auto name = tables->text(0);
    const bool no_rowid = tables->integer(1) != 0 || name == "sqlite_sequence";
    auto columns = db.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1");
    if (!columns) return "error: " + columns.error().context;
    columns->bind_text(1, name);
    std::string shown = no_rowid ? "NULL" : rowid_of(db, name);
    // UTF-8 does not show all that UTF-16 holds.
    while (columns->step() == SQLITE_ROW)
      shown += fmt::format(", {0}, hex({0})", quoted(columns->text(0)));
    out += "[" + name + "]\n" +
           rows_of(db, fmt::format("SELECT {} FROM main.{} ORDER BY 1, 2", shown, quoted(name)));
  }
  return out;
}

std::string checks_of(Connection& db) {
  return rows_of(db, "PRAGMA integrity_check") + "|" +
         rows_of(db, "SELECT * FROM pragma_foreign_key_check ORDER BY 1, 2, 3, 4");
}

}  // namespace troth::tests::differential
