// VACUUM, ANALYZE, REINDEX and PRAGMA optimize beside prepared branches and unflushed work.
#include "tests/participant/sqlite_world.h"
#include "troth/sqlite_refusals.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;

namespace {

// Rows 1 and 2 of nokey and of named have been deleted: VACUUM numbers the others anew.
constexpr const char* kTables =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(5, 1), (9, 2);"
    "CREATE INDEX by_v ON t(v);"
    "CREATE TABLE nokey(v); INSERT INTO nokey VALUES(1), (2), (3), (4); DELETE FROM nokey WHERE v "
    "< 3;"
    "CREATE TABLE named(k TEXT PRIMARY KEY, v); INSERT INTO named VALUES('a', 1), ('b', 2), ('c', "
    "3);"
    "DELETE FROM named WHERE v < 3;"
    "CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES('a', 1);";

void flush(SqliteWorld& w) {
  w.flush();
  w.manager->collect(w.events);
}
bool done(const SqliteWorld& w, const Gtid& gtid) {
  const auto* e = w.executed(gtid);
  if (e != nullptr && e->vote == Vote::kAbort) MESSAGE(e->reason.detail);
  return e != nullptr && e->vote == Vote::kReadOnly;
}

}  // namespace

TEST_CASE("maintenance runs, leaves the rows as they are, and statements go on") {
  for (const char* sql :
       {"VACUUM", "vacuum main", "ANALYZE", "ANALYZE t", "REINDEX", "REINDEX by_v",
        "/* nightly */ PRAGMA optimize;", "PRAGMA main.optimize(65534)"}) {
    CAPTURE(std::string(sql));
    SqliteWorld w(kTables);
    const auto maintained = w.start_alone({sql});
    CHECK(done(w, maintained));
    w.discard(maintained);
    w.commit("UPDATE t SET v = v + 1 WHERE v = 1");
    w.commit("INSERT INTO nokey VALUES(5)");
    w.commit("INSERT INTO named VALUES('d', 4)");
    w.crash();
    CHECK(w.look("SELECT group_concat(id || ':' || v) FROM t") == "5:2,9:2");
    CHECK(w.look("SELECT group_concat(v) FROM nokey") == "3,4,5");
    CHECK(w.look("PRAGMA integrity_check") == "ok");
    CHECK(w.manager->status().locks == 0);
  }
}

TEST_CASE("VACUUM waits for branches that name rows by hidden rowids, and for no others") {
  struct Row {
    const char* held;  // by a prepared branch
    bool waits;
  };
  const Row rows[] = {
      {"UPDATE t SET v = 7 WHERE id = 9", false},   {"UPDATE w SET v = 7", false},
      {"UPDATE nokey SET v = 7 WHERE v = 4", true}, {"INSERT INTO nokey VALUES(5)", true},
      {"INSERT INTO named VALUES('d', 4)", true},   {"SELECT rowid, v FROM nokey", true},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.held));
    SqliteWorld w(kTables);
    const auto holder = w.start(row.held);
    REQUIRE(w.executed(holder) != nullptr);
    const auto redo = w.executed(holder)->redo;
    auto vacuum = w.start_alone({"VACUUM"});
    CHECK(w.waits(vacuum) == row.waits);
    // The others do not wait for maintenance: it changes nothing that they hold.
    for (const char* other : {"ANALYZE", "REINDEX", "PRAGMA optimize"}) {
      if (row.waits) break;  // X on the schema goes in turn
      const auto beside = w.start_alone({other});
      if (w.executed(vacuum) != nullptr) w.discard(vacuum);
      CHECK(done(w, beside));
      w.discard(beside);
    }
    if (!row.waits) {
      w.crash();
      REQUIRE(w.manager->retake(holder, redo).has_value());
      w.apply(holder);
      flush(w);
      CHECK(w.look("SELECT max(v) FROM (SELECT v FROM t UNION ALL SELECT v FROM w)") == "7");
      CHECK(w.look("SELECT group_concat(rowid) FROM nokey") == "1,2");
      continue;
    }
    if (redo.empty()) {
      w.discard(holder);
    } else {
      w.apply(holder);
      CHECK(w.waits(vacuum));  // its work is not in the file yet
      flush(w);
    }
    CHECK(done(w, vacuum));
    w.discard(vacuum);
    CHECK(w.look("SELECT min(rowid) FROM nokey") == "1");
    CHECK(w.look("PRAGMA integrity_check") == "ok");
  }
}

TEST_CASE("branches in doubt from before ANALYZE find their rows after a restart") {
  SqliteWorld w(kTables);
  const auto holder = w.start("UPDATE nokey SET v = 7 WHERE v = 4");
  REQUIRE(w.votes_commit(holder));
  const auto redo = w.executed(holder)->redo;
  const auto analyzed = w.start_alone({"ANALYZE"});  // makes sqlite_stat1
  REQUIRE(done(w, analyzed));
  w.crash();
  REQUIRE(w.manager->retake(holder, redo).has_value());
  w.apply(holder);
  w.flush();
  CHECK(w.look("SELECT group_concat(v) FROM nokey") == "3,7");
}

TEST_CASE("it runs when everything applied is in the file, and a restart repeats nothing") {
  SqliteWorld w(kTables);
  const auto insert = w.start("INSERT INTO nokey VALUES(5)");
  const auto redo = w.executed(insert)->redo;
  w.apply(insert);
  const auto vacuum = w.start_alone({"VACUUM"});
  CHECK(w.waits(vacuum));
  const auto beside = w.start("UPDATE t SET v = 8 WHERE id = 5");  // does not wait for it
  CHECK(w.votes_commit(beside));
  w.apply(beside);
  flush(w);
  CHECK(done(w, vacuum));
  CHECK(w.look("SELECT group_concat(rowid || ':' || v) FROM nokey") == "1:3,2:4,3:5");
  const auto opened = [&] {
    w.manager->close();
    w.manager.reset();
    return w.open();
  }();
  REQUIRE(opened.has_value());
  CHECK(opened->applied >= Lsn{w.lsn - 1});
  CHECK(w.look("SELECT v FROM t WHERE id = 5") == "8");
}

TEST_CASE("one that is given up while it waits is forgotten") {
  SqliteWorld w(kTables);
  w.apply(w.start("INSERT INTO nokey VALUES(5)"));
  const auto vacuum = w.start_alone({"VACUUM"});
  w.discard(vacuum);
  flush(w);
  CHECK(w.waits(vacuum));
  CHECK(w.manager->status().locks == 0);
}

TEST_CASE("what is no maintenance alone is refused by name") {
  SqliteWorld w(kTables);
  CHECK(w.failure(w.start_alone({"VACUUM INTO '/tmp/copy.db'"})) == AbortCode::kRefusedDdl);
  CHECK(w.failure(w.start_alone({"VACUUM", "SELECT 1"})) == AbortCode::kRefusedDdl);
  CHECK(w.failure(w.start_alone({"CREATE TABLE x(a)", "ANALYZE"})) == AbortCode::kRefusedDdl);
  CHECK(w.failure(w.start("ANALYZE")) == AbortCode::kRefusedDdl);  // part of a bigger transaction
  CHECK(w.failure(w.start_alone({"REINDEX nowhere"})) == AbortCode::kSqlError);
  CHECK(w.failure(w.start_alone({"ANALYZE; DROP TABLE t"})) == AbortCode::kSqlError);
  CHECK(w.failure(w.start_alone({"PRAGMA integrity_check"})) == sqlite_refusal::kPragma);
  w.commit("INSERT INTO t VALUES(10, 10)");
  CHECK(w.manager->status().locks == 0);
}
