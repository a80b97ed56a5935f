// What a branch did must come out the same when it is applied, whatever SQLite did beside the
// statement itself: triggers, foreign-key actions, REPLACE. Each case runs on a stock file too.
#include "tests/participant/stock_twin.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;
using tests::StockTwin;

TEST_CASE("triggers with subqueries are not evaluated when their rows are applied") {
  StockTwin twin(
      "CREATE TABLE part(id INTEGER PRIMARY KEY, bin INT, low INT DEFAULT 0);"
      "CREATE TABLE watched(bin INT); CREATE TABLE move(id INTEGER PRIMARY KEY, part INT);"
      "INSERT INTO part VALUES (1,40,0),(2,41,0); INSERT INTO watched VALUES (41);"
      "CREATE TRIGGER a AFTER INSERT ON move BEGIN "
      "UPDATE part SET low=1 WHERE bin IN (SELECT bin FROM watched);"
      "UPDATE part SET low=low+2 WHERE bin = (SELECT max(bin) FROM watched);"
      "UPDATE part SET low=low+4 WHERE (id, bin) IN (SELECT 1, 40); END;"
      "CREATE TRIGGER b AFTER INSERT ON move WHEN new.part NOT IN (SELECT bin FROM watched) BEGIN "
      "DELETE FROM watched WHERE bin IN watched; END;");
  CHECK(twin.run("INSERT INTO move VALUES (1, 1)"));
  twin.check_same();
  CHECK(twin.run("INSERT INTO move SELECT 2, 41"));
  twin.check_same();
}

TEST_CASE("a RAISE that only an earlier statement of its trigger makes true is no error of redo") {
  StockTwin twin(
      "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE tally(n INT, m INT);"
      "INSERT INTO tally VALUES (0,0);"
      "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE tally SET n=n+1;"
      "UPDATE tally SET m=m+1 WHERE CASE n WHEN 0 THEN RAISE(ABORT,'none') ELSE 1 END; END;");
  CHECK(twin.run("INSERT INTO t VALUES (1)"));
  twin.check_same();
}

TEST_CASE("a trigger that gives a row another number is redone by its rows") {
  StockTwin twin(
      "CREATE TABLE room(id INTEGER PRIMARY KEY);"
      "CREATE TABLE guest(id INTEGER PRIMARY KEY, room INT REFERENCES room ON DELETE SET NULL, "
      "note TEXT);"
      "CREATE TABLE line(who TEXT); CREATE TABLE night(id INTEGER PRIMARY KEY, date TEXT);"
      "INSERT INTO room VALUES (1),(2); INSERT INTO guest VALUES (21,1,'late'),(32,2,'early');"
      "INSERT INTO line VALUES ('ann'),('bo'); INSERT INTO night VALUES (1,'monday');"
      "CREATE TRIGGER a AFTER UPDATE ON night BEGIN"
      " UPDATE guest SET id=id+100, note=note||'!' WHERE id<100;"
      " UPDATE line SET rowid=rowid+500 WHERE who='ann'; END;");
  CHECK(twin.run("UPDATE night SET date='tuesday'"));
  CHECK(twin.run("DELETE FROM room WHERE id=1"));
  twin.check_same();
}

TEST_CASE("REPLACE may leave an orphan that SQLite accepts; so may redo") {
  StockTwin twin("CREATE TABLE t(k INTEGER PRIMARY KEY, f INT REFERENCES t ON DELETE SET NULL)");
  CHECK(twin.run("REPLACE INTO t VALUES (10,60),(20,NULL)"));
  twin.check_same();
}

TEST_CASE("what does not come out the same in the rehearsal is refused by name") {
  // SQLite 3.40 breaks its own index over two clauses for one key.
  SqliteWorld w(
      "CREATE TABLE seat(no INTEGER PRIMARY KEY, guest INT UNIQUE);"
      "INSERT INTO seat VALUES (1,70),(2,80)");
  const auto gtid = w.start(
      "REPLACE INTO seat VALUES (1,90) ON CONFLICT(guest) DO UPDATE SET no=44 "
      "ON CONFLICT(guest) DO UPDATE SET no=45");
  REQUIRE(w.executed(gtid) != nullptr);
  CHECK(w.executed(gtid)->vote == Vote::kAbort);
  CHECK(w.failure(gtid) == AbortCode::kRefusedNotRepeatable);
  w.flush();
  CHECK(w.look("PRAGMA integrity_check") == "ok");
}

TEST_CASE("rows that no name leads to are refused, not written by guess") {
  SqliteWorld w(
      "CREATE TABLE t(rowid INT, oid INT, _rowid_ INT); INSERT INTO t VALUES (2,2,2),(1,1,1)");
  CHECK(w.failure(w.start("UPDATE t SET oid=9 WHERE oid=1")) == AbortCode::kRefusedHiddenRowid);
  CHECK(w.failure(w.start("INSERT INTO t VALUES (3,3,3)")) == AbortCode::kRefusedHiddenRowid);
  CHECK(w.executed(w.start("SELECT * FROM t"))->vote == Vote::kReadOnly);
}

TEST_CASE("RESTRICT forbids at once, deferred or not") {
  StockTwin twin(
      "CREATE TABLE a(id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1),(2),(3);"
      "CREATE TABLE b(a INT REFERENCES a ON DELETE RESTRICT ON UPDATE RESTRICT DEFERRABLE "
      "INITIALLY DEFERRED); INSERT INTO b VALUES (1)");
  CHECK(!twin.run_all({"DELETE FROM a WHERE id=1", "DELETE FROM b"}));
  CHECK(twin.refusal == AbortCode::kForeignKey);
  CHECK(!twin.run_all({"UPDATE a SET id=9 WHERE id=1", "UPDATE b SET a=9"}));
  CHECK(twin.run_all({"DELETE FROM a WHERE id=2"}));
  twin.check_same();
}

TEST_CASE("the word deferred in a comment defers nothing") {
  StockTwin twin(
      "CREATE TABLE a(id INTEGER PRIMARY KEY, n INT /* may be deferred */);"
      "CREATE TABLE b(a INT REFERENCES a);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY);"
      "CREATE TABLE d(c INT REFERENCES c DEFERRABLE INITIALLY DEFERRED)");
  CHECK(!twin.run_all({"INSERT INTO b VALUES (5)", "INSERT INTO a VALUES (5,0)"}));
  CHECK(twin.refusal == AbortCode::kForeignKey);
  CHECK(twin.run_all({"INSERT INTO d VALUES (5)", "INSERT INTO c VALUES (5)"}));
  CHECK(!twin.run_all({"INSERT INTO d VALUES (6)", "INSERT INTO c VALUES (7)"}));
  twin.check_same();
}

TEST_CASE("a branch that adopts orphans gives the next branch of the same commit nothing") {
  SqliteWorld w(
      "CREATE TABLE kind(id INTEGER PRIMARY KEY);"
      "CREATE TABLE thing(kind INT REFERENCES kind DEFERRABLE INITIALLY DEFERRED);"
      "CREATE TABLE node(id INTEGER PRIMARY KEY, up INT REFERENCES node);"
      "INSERT INTO thing VALUES (7),(7); INSERT INTO node VALUES (100,2),(101,2)");
  const auto adopt =
      w.start({{"INSERT INTO thing VALUES (7)", {}, {}}, {"INSERT INTO kind VALUES (7)", {}, {}}});
  REQUIRE(w.votes_commit(adopt));
  w.apply(adopt);
  CHECK(w.failure(w.start("INSERT INTO thing VALUES (8)")) == AbortCode::kForeignKey);
  const auto tree = w.start("INSERT INTO node VALUES (1,2),(2,NULL)");
  REQUIRE(w.votes_commit(tree));
  w.apply(tree);
  CHECK(w.failure(w.start("INSERT INTO node VALUES (50,999)")) == AbortCode::kForeignKey);
  w.flush();
}

TEST_CASE("a table without a name, leading semicolons, a byte order mark, deep expressions") {
  std::string deep = "1";
  for (int i = 0; i < 600; ++i) deep += "+1";
  StockTwin twin("CREATE TABLE \"\"(x); CREATE TABLE t(a CHECK(a < " + deep + "))");
  CHECK(twin.run("INSERT INTO \"\" VALUES (1)"));
  CHECK(twin.run(";;\n; INSERT INTO t VALUES (5)"));
  CHECK(twin.run("\xEF\xBB\xBF/* x */INSERT INTO t VALUES (6)"));
  CHECK(!twin.run("INSERT INTO t VALUES (700)"));
  CHECK(twin.run("SELECT * FROM t WHERE a < " + deep));
  twin.check_same();
}
