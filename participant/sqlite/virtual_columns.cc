#include "participant/sqlite/virtual_columns.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::participant::sqlite {

namespace {

struct Seen {
  std::int64_t old_row[2] = {}, new_row[2] = {};
};

void read(int (*get)(sqlite3*, int, sqlite3_value**), sqlite3* db, const int (&columns)[2],
          std::int64_t (&out)[2]) {
  for (int i = 0; i < 2; ++i) {
    sqlite3_value* value = nullptr;
    if (get(db, columns[i], &value) == SQLITE_OK && value != nullptr)
      out[i] = sqlite3_value_int64(value);
  }
}

// Columns a, VIRTUAL, b: the hook's value of b is known, in both kinds of tables.
bool probe(const char* create, const int (&old_places)[2]) {
  const auto db = Connection::open(
      ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (!db || !(*db)->execute(create) || !(*db)->execute("INSERT INTO t(a, b) VALUES(10, 20)"))
    return false;
  struct Context {
    const int (&old_places)[2];
    Seen seen;
  } context{old_places, {}};
  sqlite3_preupdate_hook(
      (*db)->get(),
      [](void* out, sqlite3* hooked, int, const char*, const char*, sqlite3_int64, sqlite3_int64) {
        auto& to = *static_cast<Context*>(out);
        read(sqlite3_preupdate_old, hooked, to.old_places, to.seen.old_row);
        read(sqlite3_preupdate_new, hooked, {0, 1}, to.seen.new_row);
      },
      &context);
  if (!(*db)->execute("UPDATE t SET b = 21")) return false;
  const auto& seen = context.seen;
  return seen.old_row[0] == 10 && seen.old_row[1] == 20 && seen.new_row[0] == 10 &&
         seen.new_row[1] == 21;
}

bool reports_as_expected() {
  static const bool expected =
      probe("CREATE TABLE t(a INT, v AS (a+1), b INT)", {0, 1}) &&
      probe("CREATE TABLE t(a INT PRIMARY KEY, v AS (a+1), b INT) WITHOUT ROWID", {0, 2});
  return expected;
}

bool stands_before_key(const TableInfo& table) {
  return table.rowid_column > 0 &&
         std::any_of(table.columns.begin(), table.columns.begin() + table.rowid_column,
                     [](const ColumnInfo& column) { return column.virtual_column; });
}

}  // namespace

bool can_capture(const TableInfo& table) {
  return !table.has_virtual_column || (reports_as_expected() && !stands_before_key(table));
}

std::string why_not_captured(const TableInfo& table) {
  return fmt::format(
      "{} has a VIRTUAL generated column {}, which SQLite {} does not report reliably; declare it "
      "behind the key or make it STORED",
      table.name, stands_before_key(table) ? "before its INTEGER PRIMARY KEY" : "",
      sqlite3_libversion());
}

}  // namespace troth::participant::sqlite
