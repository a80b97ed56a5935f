#include "participant/sqlite/added_column.h"

#include <fmt/format.h>

namespace troth::participant::sqlite {

namespace {

const char* type_of(Affinity affinity) {
  switch (affinity) {
    case Affinity::kText:
      return "TEXT";
    case Affinity::kNumeric:
      return "NUMERIC";
    case Affinity::kInteger:
      return "INTEGER";
    case Affinity::kReal:
      return "REAL";
    case Affinity::kBlob:
      break;
  }
  return "BLOB";
}

Result<std::unique_ptr<Connection>> memory() {
  return Connection::open(
      ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
}

const sqlite3_value* find_missing_column() {
  const auto db = memory();
  if (!db || !(*db)->execute("CREATE TABLE t(a); INSERT INTO t VALUES(NULL); ALTER TABLE t ADD "
                             "COLUMN b; ALTER TABLE t ADD COLUMN c"))
    return nullptr;
  const sqlite3_value* seen[3] = {};
  sqlite3_preupdate_hook(
      (*db)->get(),
      [](void* out, sqlite3* hooked, int, const char*, const char*, sqlite3_int64, sqlite3_int64) {
        for (int column = 0; column < 3; ++column) {
          sqlite3_value* value = nullptr;
          sqlite3_preupdate_old(hooked, column, &value);
          static_cast<const sqlite3_value**>(out)[column] = value;
        }
      },
      seen);
  if (!(*db)->execute("DELETE FROM t")) return nullptr;
  return seen[1] == seen[2] && seen[0] != seen[1] ? seen[1] : nullptr;
}

}  // namespace

const sqlite3_value* missing_column() {
  static const sqlite3_value* const address = find_missing_column();
  return address;
}

Result<Value> OlderRows::show(const std::string& default_text, Affinity affinity) {
  if (default_text.empty()) return Value();
  if (scratch_ == nullptr) {
    TROTH_ASSIGN_OR_RETURN(scratch_, memory());
  }
  TROTH_TRY(
      scratch_->execute("DROP TABLE IF EXISTS t; CREATE TABLE t(a); INSERT INTO t VALUES(NULL)"));
  // The catalogue keeps an expression without the parentheses it needs.
  const auto add = [&](const char* open, const char* close) {
    return scratch_->execute(fmt::format("ALTER TABLE t ADD COLUMN b {} DEFAULT {}{}\n{}",
                                         type_of(affinity), open, default_text, close));
  };
  if (!add("", "") && !add("(", ")")) return Value();
  TROTH_ASSIGN_OR_RETURN(auto row, scratch_->prepare("SELECT b FROM t"));
  if (row.step() != SQLITE_ROW) return fail(error_of(scratch_->get(), "a column's default"));
  return row.column(0);
}

}  // namespace troth::participant::sqlite
