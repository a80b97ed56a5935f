#include "participant/sqlite/open_violations.h"

#include <fmt/format.h>

namespace troth::participant::sqlite {

namespace {

// One more orphan than this below 0, and a violation of the branch itself goes unnoticed less
// often than in SQLite: refused, never let through.
constexpr std::int64_t kMostBelowZero = 100'000;

}  // namespace

bool OpenViolations::any() const {
  int violated = 0;
  int unused = 0;
  sqlite3_db_status(db_.get(), SQLITE_DBSTATUS_DEFERRED_FKS, &violated, &unused, 0);
  return violated != 0;
}

Status OpenViolations::create_tables(Connection& db) {
  return db.execute(
      "CREATE TEMP TABLE IF NOT EXISTS troth_parent(id INTEGER PRIMARY KEY);"
      "CREATE TEMP TABLE IF NOT EXISTS troth_child(id INTEGER PRIMARY KEY, parent INTEGER "
      "REFERENCES troth_parent DEFERRABLE INITIALLY DEFERRED)");
}

Status OpenViolations::add_orphans(std::int64_t from, std::int64_t number) {
  return db_.execute(
      fmt::format("WITH RECURSIVE n(i) AS (SELECT {0} UNION ALL SELECT i+1 FROM n WHERE i+1<{1}) "
                  "INSERT INTO temp.troth_child SELECT i, i FROM n",
                  from, from + number));
}

Result<std::int64_t> OpenViolations::count_here() {
  constexpr std::int64_t kFirst = 16, kGrowth = 4;
  TROTH_ASSIGN_OR_RETURN(auto next,
                         db_.integer("SELECT ifnull(max(id), 0) + 1 FROM temp.troth_child"));
  if (!any()) {
    std::int64_t added = 0;
    for (; !any() && added < kMostBelowZero; ++added) TROTH_TRY(add_orphans(next++, 1));
    return 1 - added;
  }
  std::int64_t removed = 0;
  for (std::int64_t number = kFirst; any(); number *= kGrowth) {
    effects_.off();
    TROTH_TRY(add_orphans(next, number));
    effects_.on();
    TROTH_ASSIGN_OR_RETURN(auto remove, db_.prepare("DELETE FROM temp.troth_child WHERE id=?1"));
    for (const auto end = next + number; next < end && any(); ++removed) {
      remove.bind(1, next++);
      if (remove.step() != SQLITE_DONE)
        return fail(error_of(db_.get(), "cannot count open foreign keys"));
      remove.reset();
    }
  }
  return removed;
}

Result<std::int64_t> OpenViolations::count() {
  effects_.on();
  TROTH_TRY(db_.execute("SAVEPOINT troth_count"));
  auto counted = count_here();
  TROTH_TRY(db_.execute("ROLLBACK TO troth_count"));
  TROTH_TRY(db_.execute("RELEASE troth_count"));
  return counted;
}

Status OpenViolations::restore(std::int64_t count) {
  if (count == 0) return {};
  const bool below = count < 0;
  if (below) {
    effects_.off();
  } else {
    effects_.on();
  }
  TROTH_TRY(add_orphans(1, below ? -count : count));
  if (!below) return {};
  effects_.on();
  return db_.execute("DELETE FROM temp.troth_child");
}

}  // namespace troth::participant::sqlite
