// What a branch did must come out the same when it is applied, whatever SQLite did beside the
// statement itself: triggers, foreign-key actions, REPLACE. Each case runs on a stock file too.
#include "tests/participant/stock_twin.h"
#include "troth/sqlite_refusals.h"

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
  CHECK(w.failure(w.start("UPDATE t SET oid=9 WHERE oid=1")) == sqlite_refusal::kHiddenRowid);
  CHECK(w.failure(w.start("INSERT INTO t VALUES (3,3,3)")) == sqlite_refusal::kHiddenRowid);
  CHECK(w.executed(w.start("SELECT * FROM t"))->vote == Vote::kReadOnly);
}

TEST_CASE("hidden rowids of tables with a key are redone, wherever they are used") {
  StockTwin twin(
      "CREATE TABLE word(w TEXT PRIMARY KEY, n INT); INSERT INTO word VALUES ('ox',1),('elk',2);"
      "CREATE TABLE film(id INT NOT NULL PRIMARY KEY, stamp TEXT);"
      "CREATE TABLE journal(film INT);"
      "CREATE TRIGGER s AFTER INSERT ON film BEGIN "
      "UPDATE film SET stamp='now' WHERE rowid=new.rowid; INSERT INTO journal VALUES (new.rowid); "
      "END;");
  CHECK(twin.run("INSERT INTO word(rowid, w) VALUES (50, 'emu')"));
  CHECK(twin.run("INSERT INTO word(w) VALUES ('asp')"));
  CHECK(twin.run("UPDATE word SET rowid=99 WHERE w='ox'"));
  CHECK(twin.run("UPDATE word SET oid=70, n=7 WHERE rowid=2"));
  CHECK(twin.run("REPLACE INTO word(rowid, w) VALUES (7, 'elk')"));
  CHECK(twin.run("INSERT INTO film(id) VALUES (30),(20)"));
  CHECK(twin.run("DELETE FROM word WHERE rowid=99"));
  twin.check_same();
}

TEST_CASE("undecided branches never choose the same hidden rowid") {
  SqliteWorld w("CREATE TABLE t(k TEXT PRIMARY KEY); INSERT INTO t VALUES ('a')");
  const auto one = w.start("INSERT INTO t VALUES ('b')");
  const auto two = w.start("INSERT INTO t VALUES ('c')");
  REQUIRE(w.votes_commit(one));
  REQUIRE(w.votes_commit(two));
  const auto same = w.start("INSERT INTO t(rowid, k) VALUES (3, 'd')");
  CHECK(w.waits(same));
  w.apply(two);
  w.apply(one);
  CHECK(w.failure(same) == AbortCode::kConstraint);
  w.flush();
  CHECK(w.look("SELECT group_concat(rowid||k) FROM (SELECT rowid, k FROM t ORDER BY 1)") ==
        "1a,2b,3c");
}

TEST_CASE("a record of version 0.1 says nothing of hidden rowids") {
  SqliteWorld w("CREATE TABLE t(k TEXT PRIMARY KEY); INSERT INTO t VALUES ('a')");
  const auto gtid = w.start("INSERT INTO t(rowid, k) VALUES (50, 'b')");
  REQUIRE(w.votes_commit(gtid));
  auto redo = w.executed(gtid)->redo;
  redo.front() = 3;
  w.crash();
  REQUIRE(w.manager->retake(gtid, redo).has_value());
  w.apply(gtid);
  w.flush();
  CHECK(w.look("SELECT group_concat(rowid||k) FROM (SELECT rowid, k FROM t ORDER BY 1)") ==
        "1a,2b");
}

TEST_CASE("a row with NULL in its primary key is named by its rowid") {
  StockTwin twin(
      "CREATE TABLE tag(name TEXT PRIMARY KEY, n INT);"
      "INSERT INTO tag VALUES (NULL,1),(NULL,2),('x',3);"
      "CREATE TABLE price(a INT, b INT, c INT, PRIMARY KEY(a,b));");
  CHECK(twin.run("INSERT INTO tag(n) VALUES (4)"));
  CHECK(twin.run("UPDATE tag SET n=n+10 WHERE name IS NULL"));
  CHECK(twin.run("UPDATE tag SET name=NULL"));
  CHECK(twin.run("UPDATE tag SET name='y' WHERE n=11"));
  CHECK(twin.run("DELETE FROM tag WHERE n=12"));
  CHECK(twin.run("INSERT INTO price VALUES (1,NULL,50),(1,NULL,60),(1,2,70)"));
  CHECK(twin.run("UPDATE price SET c=c+1 WHERE b IS NULL"));
  twin.check_same();
  SqliteWorld w("CREATE TABLE t(k TEXT PRIMARY KEY, v); INSERT INTO t VALUES (NULL,1),(NULL,2)");
  const auto one = w.start("UPDATE t SET v=5 WHERE rowid=1");
  REQUIRE(w.votes_commit(one));
  const auto redo = w.executed(one)->redo;
  w.crash();
  REQUIRE(w.manager->retake(one, redo).has_value());
  CHECK(w.waits(w.start("UPDATE t SET v=6 WHERE rowid=1")));
}

TEST_CASE("ids that AUTOINCREMENT used up are not given again") {
  StockTwin twin(
      "CREATE TABLE user(id INTEGER PRIMARY KEY AUTOINCREMENT, mail TEXT UNIQUE, n INT DEFAULT 0);"
      "CREATE TABLE note(id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);"
      "INSERT INTO user(mail) VALUES ('a')");
  CHECK(twin.run("INSERT OR IGNORE INTO user(mail) VALUES ('a')"));
  CHECK(twin.run("INSERT INTO user(mail) VALUES ('b')"));
  CHECK(twin.run("INSERT INTO user(mail) VALUES ('a') ON CONFLICT(mail) DO UPDATE SET n=n+1"));
  CHECK(twin.run("INSERT OR IGNORE INTO note(body) VALUES (NULL)"));
  CHECK(twin.run("INSERT INTO note(body) VALUES ('x')"));
  CHECK(twin.run("DELETE FROM user"));
  CHECK(twin.run("INSERT INTO user(mail) VALUES ('c')"));
  twin.check_same();
}

TEST_CASE("an id that an undecided branch used up is not given to another one") {
  SqliteWorld w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, u TEXT UNIQUE); INSERT INTO t(u) "
      "VALUES ('a')");
  const auto ignored = w.start("INSERT OR IGNORE INTO t(u) VALUES ('a')");
  REQUIRE(w.votes_commit(ignored));
  const auto redo = w.executed(ignored)->redo;
  w.crash();
  REQUIRE(w.manager->retake(ignored, redo).has_value());
  const auto next = w.start("INSERT INTO t(u) VALUES ('b')");
  CHECK(w.waits(next));
  w.apply(ignored);
  REQUIRE(w.votes_commit(next));
  w.apply(next);
  w.flush();
  CHECK(w.look("SELECT group_concat(id) FROM t") == "1,3");
  CHECK(w.look("SELECT seq FROM sqlite_sequence") == "3");
}

TEST_CASE("sqlite_sequence can be written") {
  StockTwin twin(
      "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO a(v) VALUES (1),(2);"
      "CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  CHECK(twin.run_all({"DELETE FROM a", "DELETE FROM sqlite_sequence WHERE name='a'"}));
  CHECK(twin.run("INSERT INTO a(v) VALUES (3)"));
  CHECK(twin.run("UPDATE sqlite_sequence SET seq=1000 WHERE name='a'"));
  CHECK(twin.run_all({"INSERT INTO b(v) VALUES (1)", "INSERT INTO a(v) VALUES (4)",
                      "UPDATE sqlite_sequence SET seq=seq+5", "INSERT INTO b(v) VALUES (2)"}));
  CHECK(twin.run_all({"DELETE FROM sqlite_sequence",
                      "INSERT INTO sqlite_sequence VALUES ('b', 50), ('a', 2000)"}));
  CHECK(twin.run("INSERT INTO b(v) VALUES (5)"));
  twin.check_same();
  SqliteWorld w("CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  const auto insert = w.start("INSERT INTO a(v) VALUES (1)");
  REQUIRE(w.votes_commit(insert));
  CHECK(w.waits(w.start("UPDATE sqlite_sequence SET seq=0")));
  for (const char* seq : {"70", "1", "0"}) {
    SqliteWorld twice(
        "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO a(v) VALUES (1)");
    const auto second =
        twice.start(std::string("INSERT INTO sqlite_sequence VALUES ('a', ") + seq + ")");
    CHECK(twice.failure(second) == AbortCode::kRefusedNotRepeatable);
  }
}

TEST_CASE("VIRTUAL generated columns are computed again, not stored") {
  StockTwin twin(
      "CREATE TABLE event(id INTEGER PRIMARY KEY, doc TEXT, kind AS (json_extract(doc,'$.k')), n);"
      "CREATE INDEX by_kind ON event(kind);"
      "CREATE TABLE mail(a TEXT, low TEXT AS (lower(a)), r REAL, i INT); CREATE UNIQUE INDEX u ON "
      "mail(low);"
      "CREATE TABLE s(v1 AS (b+1), b INT, k TEXT PRIMARY KEY, v2 AS (length(k)), r REAL, x) "
      "WITHOUT "
      "ROWID;"
      "CREATE TABLE owner(id INTEGER PRIMARY KEY); INSERT INTO owner VALUES (1),(2);"
      "CREATE TABLE pet(id INTEGER PRIMARY KEY, o INT REFERENCES owner ON DELETE CASCADE, w AS "
      "(o*2), name TEXT);"
      "INSERT INTO pet(o,name) VALUES (1,'a'),(2,'b')");
  CHECK(twin.run("INSERT INTO event(doc, n) VALUES ('{\"k\":\"in\"}', 1), ('{}', 2.0)"));
  CHECK(twin.run("UPDATE event SET n='x', id=id+5 WHERE kind='in'"));
  CHECK(twin.run("INSERT INTO mail(a,r,i) VALUES ('B@x',5,7),('c',1.5,8)"));
  CHECK(!twin.run("INSERT INTO mail(a) VALUES ('b@X')"));
  CHECK(twin.run("UPDATE mail SET i=i+1, r=r+1 WHERE low='b@x'"));
  CHECK(twin.run("INSERT INTO s(k,b,r,x) VALUES ('a',4,3,9),('bb',5,2.5,7)"));
  CHECK(twin.run("UPDATE s SET x=x+1, r=9 WHERE v2=2"));
  CHECK(twin.run("UPDATE s SET k='ccc', b=NULL WHERE k='a'"));
  CHECK(twin.run("DELETE FROM owner WHERE id=1"));
  CHECK(twin.run("DELETE FROM s WHERE k='bb'"));
  CHECK(twin.run("DELETE FROM mail WHERE i=9"));
  twin.check_same();
}

TEST_CASE("a view that triggers make writable is written behind a branch that was applied") {
  StockTwin twin(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, n INT); CREATE VIEW v AS SELECT n FROM t;"
      "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET n=n+1; END;"
      "CREATE TRIGGER b INSTEAD OF INSERT ON v BEGIN INSERT INTO t(n) VALUES (new.n); END;");
  CHECK(twin.run("INSERT INTO t(n) VALUES (1)"));
  CHECK(twin.run("INSERT INTO v VALUES (5)"));
  twin.check_same();
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
