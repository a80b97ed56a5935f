// docs/reference/sql.md, row by row: what a stock sqlite3 does to a file, the agent does to its own
// through execution, redo and a restart in between. The table and this list are compared.
#include <fstream>
#include <set>
#include <sstream>

#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;

namespace {

struct Supported {
  const char* name;
  const char* schema;
  std::vector<const char*> statements;
  const char* look;
};

const std::vector<Supported>& supported() {
  static const std::vector<Supported> rows = {
      {"rowid table with an integer key",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
       {"INSERT INTO t VALUES (1,'a'),(5,'b')", "UPDATE t SET v='c' WHERE id=5",
        "DELETE FROM t WHERE id=1"},
       "SELECT group_concat(id||v) FROM t"},
      {"table without a primary key",
       "CREATE TABLE t(x, y)",
       {"INSERT INTO t VALUES (1,2),(1,2),(3,4)", "DELETE FROM t WHERE rowid=1",
        "UPDATE t SET y=9"},
       "SELECT group_concat(x||y) FROM t"},
      {"text key",
       "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v)",
       {"INSERT INTO t VALUES ('a',1),('b',2)", "UPDATE t SET v=v+1 WHERE k='b'",
        "DELETE FROM t WHERE k='a'"},
       "SELECT group_concat(k||v) FROM t"},
      {"composite key",
       "CREATE TABLE t(a INT NOT NULL, b TEXT NOT NULL, v, PRIMARY KEY(a,b))",
       {"INSERT INTO t VALUES (1,'x',1),(1,'y',2)", "UPDATE t SET v=7 WHERE a=1 AND b='y'"},
       "SELECT group_concat(a||b||v) FROM t"},
      {"WITHOUT ROWID",
       "CREATE TABLE t(a INT, b TEXT, v, PRIMARY KEY(a,b)) WITHOUT ROWID",
       {"INSERT INTO t VALUES (1,'x',1),(2,'y',2)", "UPDATE t SET a=3 WHERE a=1",
        "DELETE FROM t WHERE a=2"},
       "SELECT group_concat(a||b||v) FROM t"},
      {"STRICT",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, i INT, r REAL, x TEXT, b BLOB, y ANY) STRICT",
       {"INSERT INTO t VALUES (1,2,3,'4',x'05','six')", "UPDATE t SET r=4, y=7.5"},
       "SELECT group_concat(typeof(r)||r||typeof(y)||y||hex(b)) FROM t"},
      {"update of the key",
       "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v); CREATE TABLE u(id INTEGER PRIMARY KEY, v)",
       {"INSERT INTO t VALUES ('a',1),('b',2)", "UPDATE t SET k=k||'2'",
        "INSERT INTO u VALUES (1,1),(2,2)", "UPDATE u SET id=id+10"},
       "SELECT (SELECT group_concat(k||v) FROM t)||(SELECT group_concat(id||v) FROM u)"},
      {"upsert",
       "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v INT)",
       {"INSERT INTO t VALUES ('a',1)",
        "INSERT INTO t VALUES ('a',5),('b',6) ON CONFLICT(k) DO UPDATE SET v=v+excluded.v",
        "INSERT INTO t VALUES ('b',1),('c',1) ON CONFLICT DO NOTHING"},
       "SELECT group_concat(k||v) FROM t"},
      {"REPLACE, OR IGNORE",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v)",
       {"INSERT INTO t VALUES (1,'a',1),(2,'b',2)", "REPLACE INTO t VALUES (3,'a',9)",
        "INSERT OR IGNORE INTO t VALUES (2,'z',0),(4,'d',4)",
        "UPDATE OR REPLACE t SET u='b' WHERE id=4"},
       "SELECT group_concat(id||u||v) FROM t"},
      {"INSERT ... SELECT, UPDATE ... FROM",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); CREATE TABLE s(id INTEGER PRIMARY KEY, v "
       "INT);"
       "INSERT INTO s VALUES (1,10),(2,20)",
       {"INSERT INTO t SELECT id, v FROM s WHERE v>5",
        "UPDATE t SET v=t.v+s.v FROM s WHERE s.id=t.id"},
       "SELECT group_concat(id||':'||v) FROM t"},
      {"DELETE of everything",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1,1),(2,2)",
       {"DELETE FROM t", "INSERT INTO t VALUES (7,7)"},
       "SELECT group_concat(id) FROM t"},
      {"automatic ids and AUTOINCREMENT",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY "
       "AUTOINCREMENT, v)",
       {"INSERT INTO t(v) VALUES ('a'),('b')", "INSERT INTO u(v) VALUES ('a'),('b')",
        "DELETE FROM u", "INSERT INTO u(v) VALUES ('c')"},
       "SELECT (SELECT group_concat(id||v) FROM t)||(SELECT group_concat(id||v) FROM u)||(SELECT "
       "seq "
       "FROM sqlite_sequence)"},
      {"cascades and SET NULL, in chains",
       "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INT "
       "REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE); CREATE TABLE g(id INTEGER PRIMARY KEY, "
       "c "
       "INT REFERENCES c ON DELETE SET NULL); INSERT INTO p VALUES (1),(2); INSERT INTO c VALUES "
       "(1,1),(2,2); INSERT INTO g VALUES (1,1),(2,2)",
       {"UPDATE p SET id=10 WHERE id=1", "DELETE FROM p WHERE id=2"},
       "SELECT (SELECT group_concat(id||'>'||p) FROM c)||(SELECT "
       "group_concat(id||'>'||ifnull(c,'-')) "
       "FROM g)"},
      {"deferred foreign keys",
       "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INT "
       "REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
       {"INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1,1)", "UPDATE p SET id=id"},
       "SELECT count(*) FROM c"},
      {"triggers: BEFORE, AFTER, nested, WHEN",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); CREATE TABLE l(id INTEGER PRIMARY KEY, w); "
       "CREATE TABLE m(n INT); INSERT INTO m VALUES (0);"
       "CREATE TRIGGER a AFTER UPDATE ON t WHEN new.v>5 BEGIN INSERT INTO l(w) VALUES "
       "(old.v||'>'||new.v); END; CREATE TRIGGER b AFTER INSERT ON l BEGIN UPDATE m SET n=n+1; END;"
       "CREATE TRIGGER c BEFORE DELETE ON t BEGIN INSERT INTO l(w) VALUES ('gone '||old.id); END",
       {"INSERT INTO t VALUES (1,1),(2,2)", "UPDATE t SET v=v*5", "DELETE FROM t WHERE id=1"},
       "SELECT (SELECT group_concat(w) FROM l)||(SELECT n FROM m)"},
      {"triggers that delete",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, up INT, v INT); CREATE TABLE l(id INTEGER PRIMARY "
       "KEY, t INT); CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY "
       "KEY, "
       "p INT REFERENCES p ON DELETE CASCADE);"
       "CREATE TRIGGER a AFTER DELETE ON t BEGIN DELETE FROM l WHERE t=old.id; DELETE FROM t WHERE "
       "up=old.id; END; CREATE TRIGGER b AFTER UPDATE OF v ON t WHEN new.v<0 BEGIN DELETE FROM l; "
       "INSERT INTO l VALUES (100+new.id,NULL); END;"
       "CREATE TRIGGER d BEFORE DELETE ON c BEGIN DELETE FROM l WHERE id IN (SELECT max(id) FROM "
       "l); UPDATE t SET v=v-10 WHERE id=old.id; END;"
       "INSERT INTO t VALUES (1,NULL,1),(2,1,2),(3,1,3),(4,3,4),(5,NULL,5); INSERT INTO l VALUES "
       "(1,1),(2,2),(3,4),(4,5),(5,5); INSERT INTO p VALUES (1); INSERT INTO c VALUES (4,1),(5,1)",
       {"DELETE FROM t WHERE id<3", "INSERT INTO l VALUES (6,9),(7,9)", "UPDATE t SET v=v+1",
        "DELETE FROM p", "UPDATE t SET v=-1 WHERE id=5", "REPLACE INTO t VALUES (5,NULL,8)"},
       "SELECT (SELECT group_concat(id||':'||v) FROM t)||'/'||(SELECT group_concat(id) FROM l)"},
      {"INSTEAD OF triggers on views",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); CREATE VIEW w AS SELECT id, v*2 AS d FROM t;"
       "CREATE TRIGGER i INSTEAD OF INSERT ON w BEGIN INSERT INTO t VALUES (new.id, new.d/2); END",
       {"INSERT INTO w VALUES (1,10),(2,20)"},
       "SELECT group_concat(id||':'||v) FROM t"},
      {"STORED generated columns",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT GENERATED ALWAYS AS (a*2) STORED)",
       {"INSERT INTO t(id,a) VALUES (1,5)", "UPDATE t SET a=6"},
       "SELECT b FROM t"},
      {"partial indexes",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v, live INT); CREATE UNIQUE INDEX i ON t(v) WHERE "
       "live=1",
       {"INSERT INTO t VALUES (1,'a',1),(2,'a',0)", "UPDATE t SET live=0 WHERE id=1",
        "UPDATE t SET live=1 WHERE id=2"},
       "SELECT group_concat(id||live) FROM t"},
      {"indexes on expressions",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE UNIQUE INDEX i ON t(lower(v))",
       {"INSERT INTO t VALUES (1,'Ab'),(2,'Cd')", "UPDATE t SET v='aB' WHERE id=1"},
       "SELECT group_concat(v) FROM t WHERE lower(v)='ab'"},
      {"RETURNING",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)",
       {"INSERT INTO t(v) VALUES (1),(2) RETURNING id", "UPDATE t SET v=v+1 RETURNING v",
        "DELETE FROM t WHERE id=1 RETURNING *"},
       "SELECT group_concat(v) FROM t"},
      {"blobs and every storage class",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
       {"INSERT INTO t VALUES (1,zeroblob(100000)),(2,x'00ff'),(3,NULL),(4,-9223372036854775808),"
        "(5,1e300),(6,'ä'||char(0)||'b'),(7,-0.0)",
        "UPDATE t SET v=v||x'01' WHERE id=2"},
       "SELECT group_concat(typeof(v)||length(v)||hex(v)) FROM t WHERE id>1"},
      {"collations BINARY, NOCASE, RTRIM",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, b TEXT COLLATE RTRIM)",
       {"INSERT INTO t VALUES (1,'Abc','x  ')", "UPDATE t SET b='y' WHERE a='ABC' AND b='x'"},
       "SELECT group_concat(a||b) FROM t"},
      {"common table expressions and window functions",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT)",
       {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5) INSERT INTO t "
        "SELECT i, sum(i) OVER (ORDER BY i) FROM n",
        "WITH m AS (SELECT max(v) AS v FROM t) DELETE FROM t WHERE v=(SELECT v FROM m)"},
       "SELECT group_concat(v) FROM t"},
      {"JSON functions",
       "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)",
       {"INSERT INTO t VALUES (1,json_object('a',1))", "UPDATE t SET v=json_set(v,'$.b',2)"},
       "SELECT v FROM t"},
  };
  return rows;
}

/// The same statements by a stock sqlite3 on a file of its own.
std::string by_stock(const Supported& row) {
  tests::TempDir dir;
  auto db = std::move(*sqlite::Connection::open(
      dir.path() + "/stock.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
  std::string all = "PRAGMA foreign_keys=ON; " + std::string(row.schema) + ";";
  for (const char* sql : row.statements) all += std::string(sql) + ";";
  REQUIRE_MESSAGE(sqlite3_exec(db->get(), all.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK,
                  sqlite3_errmsg(db->get()));
  const auto text = db->text(row.look);
  REQUIRE(text.has_value());
  return *text;
}

}  // namespace

TEST_CASE("what is supported does to the file what a stock sqlite3 does, also by redo alone") {
  for (const auto& row : supported()) {
    CAPTURE(row.name);
    SqliteWorld w(row.schema);
    for (const char* sql : row.statements) {
      CAPTURE(sql);
      const auto gtid = w.start(sql);
      REQUIRE(w.votes_commit(gtid));
      const auto redo = w.executed(gtid)->redo;
      w.crash();
      REQUIRE(w.manager->retake(gtid, redo).has_value());
      w.apply(gtid);
      w.flush();
    }
    CHECK(w.look(row.look) == by_stock(row));
    CHECK(w.look("PRAGMA integrity_check") == "ok");
  }
}

TEST_CASE("functions that depend on the moment are evaluated once: their values are redone") {
  SqliteWorld w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, r DEFAULT (random()), d DEFAULT "
      "CURRENT_TIMESTAMP, b)");
  const auto gtid = w.start("INSERT INTO t(b) VALUES (randomblob(16)) RETURNING r, d, hex(b)");
  REQUIRE(w.votes_commit(gtid));
  const auto redo = w.executed(gtid)->redo;
  const auto rows = w.executed(gtid)->results.at(0).rows;
  w.crash();
  REQUIRE(w.manager->retake(gtid, redo).has_value());
  w.apply(gtid);
  w.flush();
  CHECK(w.look("SELECT r FROM t") == std::to_string(std::get<std::int64_t>(rows[0][0])));
  CHECK(w.look("SELECT d FROM t") == std::get<std::string>(rows[0][1]));
  CHECK(w.look("SELECT hex(b) FROM t") == std::get<std::string>(rows[0][2]));
}

TEST_CASE("the documentation lists what is supported, neither more nor less") {
  std::ifstream in(TROTH_SQL_REFERENCE);
  REQUIRE(in);
  std::set<std::string> documented, tested;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| ", 0) != 0 || line.find("`sqlite_coverage_test`") == std::string::npos)
      continue;
    documented.insert(line.substr(2, line.find(" |", 2) - 2));
  }
  for (const auto& row : supported()) tested.insert(row.name);
  tested.insert("functions of the moment");
  CHECK(documented == tested);
}
