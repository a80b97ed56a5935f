// The command `repair` on the file: work as SQL, forced into place, and taken back.
#include "participant/sqlite/file_repair.h"
#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::participant;
using participant::sqlite::FileRepair;
using tests::SqliteWorld;

namespace {

constexpr const char* kTables =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v, u UNIQUE); INSERT INTO t "
    "VALUES(1,10,'a'),(2,20,'b');"
    "CREATE TABLE k(a TEXT, b INT, v, g AS (v || '!'), PRIMARY KEY(a, b)); INSERT INTO k "
    "VALUES('x',1,'old');"
    "CREATE TABLE w(a TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES('x','old');"
    "CREATE TABLE n(v); INSERT INTO n(rowid, v) VALUES(7,'old');";

// The redo of statements that were executed and never applied; the agent is stopped.
std::string redo_of(SqliteWorld& w, const std::vector<std::string>& sql) {
  std::vector<Statement> statements;
  for (const auto& text : sql) statements.push_back({text, {}, {}});
  const auto gtid = w.start(std::move(statements));
  REQUIRE(w.votes_commit(gtid));
  auto redo = w.executed(gtid)->redo;
  w.manager->close();
  w.manager.reset();
  return redo;
}

std::unique_ptr<FileRepair> open(SqliteWorld& w) {
  static const SystemClock clock;
  auto file = FileRepair::open(w.options, clock);
  REQUIRE_MESSAGE(file.has_value(), (file ? "" : file.error().context));
  return std::move(*file);
}

std::string all(const SqliteWorld& w) {
  return w.look(
      "SELECT (SELECT group_concat(id || v || u) FROM (SELECT * FROM t ORDER BY id)) || '|' || "
      "(SELECT group_concat(a || b || v) FROM k) || '|' || (SELECT group_concat(a || v) FROM w) || "
      "'|' || "
      "(SELECT group_concat(rowid || v) FROM n)");
}

const std::vector<std::string> kWork = {
    "UPDATE t SET v = 11 WHERE id = 1", "DELETE FROM t WHERE id = 2",
    "INSERT INTO t VALUES(3, 30, 'c')", "UPDATE k SET v = 'it''s new'",
    "UPDATE w SET v = x'00ff'",         "UPDATE n SET v = 1.5",
    "UPDATE t SET v = 31 WHERE id = 3"};

}  // namespace

TEST_CASE("work is shown as SQL that does it") {
  SqliteWorld w(kTables);
  const auto redo = redo_of(w, kWork);
  const auto shown = open(w)->statements(redo);
  REQUIRE(shown.has_value());
  std::string sql;
  for (const auto& statement : *shown) sql += statement + "\n";
  CHECK(sql.find("UPDATE \"k\" SET \"v\" = 'it''s new' WHERE \"a\" = 'x' AND \"b\" = 1;") !=
        std::string::npos);
  REQUIRE(w.stock(sql) == SQLITE_OK);
  CHECK(w.look("SELECT group_concat(id || v || u) FROM (SELECT * FROM t ORDER BY id)") ==
        "111a,331c");
  CHECK(w.look("SELECT hex(v) FROM w") == "00FF");
  CHECK(w.look("SELECT rowid || v FROM n") == "71.5");
}

TEST_CASE("forced work is what the log says, whatever the file held") {
  const char* const meddlings[] = {"SELECT 1",
                                   "DELETE FROM t; DELETE FROM k; DELETE FROM w; DELETE FROM n",
                                   "UPDATE t SET v = 99, u = u || '?'; INSERT INTO t VALUES(3, 99, "
                                   "'z'); UPDATE k SET v = 99; UPDATE w SET v = 99"};
  for (const char* meddling : meddlings) {
    CAPTURE(std::string(meddling));
    SqliteWorld w(kTables);
    const auto redo = redo_of(w, kWork);
    REQUIRE(w.stock(meddling) == SQLITE_OK);
    {
      const auto file = open(w);
      const auto forced = file->force(redo);
      REQUIRE_MESSAGE(forced.has_value(), (forced ? "" : forced.error().context));
      REQUIRE(file->commit({500}).has_value());
    }
    CHECK(w.look("SELECT v FROM t WHERE id = 1") == "11");
    CHECK(w.look("SELECT count(*) FROM t WHERE id = 2") == "0");
    CHECK(w.look("SELECT v || u FROM t WHERE id = 3") == "31c");
    CHECK(w.look("SELECT v FROM k") == "it's new");
    CHECK(w.look("SELECT hex(v) FROM w") == "00FF");
    CHECK(w.look("SELECT rowid || v FROM n") == "71.5");
    CHECK(w.look("SELECT lsn FROM troth_applied") == "500");
    CHECK(w.look("PRAGMA integrity_check") == "ok");
  }
}

TEST_CASE("what cannot be forced leaves the file as it was") {
  SqliteWorld w(kTables);
  const auto redo =
      redo_of(w, {"UPDATE t SET v = 5 WHERE id = 1", "INSERT INTO t VALUES(3, 30, 'c')"});
  REQUIRE(w.stock("INSERT INTO t VALUES(8, 8, 'c')") == SQLITE_OK);  // in the way by another key
  const auto before = all(w);
  {
    const auto file = open(w);
    CHECK_FALSE(file->apply(redo).has_value());
    const auto forced = file->force(redo);
    REQUIRE_FALSE(forced.has_value());
    CHECK(forced.error().context.find("UNIQUE") != std::string::npos);
    REQUIRE(file->commit({}).has_value());
  }
  CHECK(all(w) == before);
}

TEST_CASE("rows of a branch in doubt are restored, so that it fits again") {
  SqliteWorld w(kTables);
  const auto before = all(w);
  const auto redo = redo_of(w, kWork);
  REQUIRE(w.stock("DELETE FROM t; INSERT INTO t VALUES(3, 5, 'other'); UPDATE k SET v = 1; DELETE "
                  "FROM w; UPDATE n SET v = 2") == SQLITE_OK);
  const auto file = open(w);
  CHECK_FALSE(file->fits(redo).has_value());
  REQUIRE(file->restore(redo).has_value());
  CHECK(file->fits(redo).has_value());
  REQUIRE(file->commit({}).has_value());
  CHECK(all(w) == before);
}

TEST_CASE("large values that an update left alone survive forcing and restoring") {
  SqliteWorld w(
      "CREATE TABLE l(id INTEGER PRIMARY KEY, n INT, photo BLOB);"
      "INSERT INTO l VALUES(1, 0, zeroblob(1000))");
  const auto redo = redo_of(w, {"UPDATE l SET photo = zeroblob(2000)", "UPDATE l SET n = 1"});
  const auto shown = [&] { return w.look("SELECT n || ' ' || length(photo) FROM l"); };
  const auto with_file = [&](const auto& work) {
    const auto file = open(w);
    const auto done = work(*file);
    REQUIRE(file->commit({}).has_value());
    return done;
  };
  const auto force = [&](FileRepair& file) { return file.force(redo); };
  const auto restore = [&](FileRepair& file) { return file.restore(redo); };
  SUBCASE("restored") {
    REQUIRE(w.stock("UPDATE l SET n = 9") == SQLITE_OK);
    REQUIRE(with_file(restore).has_value());
    CHECK(shown() == "0 1000");
  }
  SUBCASE("forced") {
    REQUIRE(w.stock("UPDATE l SET n = 9, photo = NULL") == SQLITE_OK);
    REQUIRE(with_file(force).has_value());
    CHECK(shown() == "1 2000");
  }
  SUBCASE("one that nobody has any more is never made up") {
    const auto second = [&] {
      SqliteWorld other(
          "CREATE TABLE l(id INTEGER PRIMARY KEY, n INT, photo BLOB);"
          "INSERT INTO l VALUES(1, 0, zeroblob(1000))");
      return redo_of(other, {"UPDATE l SET n = 1"});
    }();
    REQUIRE(w.stock("DELETE FROM l") == SQLITE_OK);
    for (const bool forced : {true, false}) {
      const auto done = with_file(
          [&](FileRepair& file) { return forced ? file.force(second) : file.restore(second); });
      REQUIRE_FALSE(done.has_value());
      CHECK(done.error().context.find("photo") != std::string::npos);
      CHECK(w.look("SELECT count(*) FROM l") == "0");
    }
  }
}
