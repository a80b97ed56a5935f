// Statements are analysed in an empty copy of the schema: it has every table of the file, in
// whatever order the file names them.
#include "tests/participant/stock_twin.h"

using namespace troth;
using tests::SqliteWorld;
using tests::StockTwin;

namespace {

bool reads(SqliteWorld& world, const std::string& sql) {
  const auto gtid = world.start(sql);
  const auto* answer = world.executed(gtid);
  REQUIRE(answer != nullptr);
  if (answer->vote == Vote::kAbort) MESSAGE(sql << ": " << answer->reason.detail);
  const bool good = answer->vote == Vote::kReadOnly && !answer->results[0].rows.empty();
  world.discard(gtid);
  return good;
}

}  // namespace

TEST_CASE("after a VACUUM the file names shadow tables before their virtual table") {
  StockTwin twin(
      "CREATE VIRTUAL TABLE f USING fts5(a); CREATE VIRTUAL TABLE g USING fts4(a);"
      "CREATE VIRTUAL TABLE r USING rtree(id, x, y); INSERT INTO f VALUES ('one');"
      "CREATE TABLE d(id INTEGER PRIMARY KEY, t UNIQUE); CREATE VIRTUAL TABLE h USING "
      "fts4(content=d);"
      "CREATE VIEW v AS SELECT id AS docid, t FROM d;"
      "CREATE TRIGGER d_ai AFTER INSERT ON d BEGIN INSERT INTO f VALUES (new.t); END; VACUUM");
  CHECK(twin.run("INSERT INTO f VALUES ('two')"));
  CHECK(twin.run("INSERT INTO g VALUES ('two')"));
  CHECK(twin.run("INSERT INTO r VALUES (1, 1, 2)"));
  CHECK(twin.run("INSERT INTO d(t) VALUES ('three')"));
  CHECK(reads(twin.agent, "SELECT * FROM f WHERE f MATCH 'three'"));
  CHECK(reads(twin.agent, "SELECT * FROM v"));
  twin.check_same();
}

TEST_CASE("tables that SQLite makes itself are there, also without the tables they are about") {
  StockTwin twin(
      "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a VALUES (5);"
      "CREATE TABLE t(x); CREATE INDEX i ON t(x); INSERT INTO t VALUES (1); ANALYZE; DROP TABLE a;"
      "INSERT INTO sqlite_sequence VALUES ('gone', 7)");
  CHECK(reads(twin.agent, "SELECT * FROM sqlite_stat1"));
  CHECK(reads(twin.agent, "SELECT name, seq FROM sqlite_sequence"));
  CHECK(twin.run("DELETE FROM sqlite_sequence WHERE name = 'gone'"));
  twin.check_same();
  CHECK(twin.agent.failure(twin.agent.start("DELETE FROM sqlite_stat1")) ==
        AbortCode::kRefusedSystemTable);
}
