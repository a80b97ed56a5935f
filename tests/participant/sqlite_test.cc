// The SQLite resource manager on real files; a second, stock connection looks at what everybody
// else can see.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <filesystem>
#include <set>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/sqlite_resource_manager.h"
#include "tests/support/temp_dir.h"
#include "troth/sqlite_refusals.h"

using namespace troth;
using namespace troth::participant;

namespace {

struct World {
  tests::TempDir dir;
  SystemClock clock;
  std::string path = dir.path() + "/data.db";
  std::unique_ptr<DeferredApply> manager;
  std::vector<ResourceEvent> events;
  std::uint64_t next = 1;
  std::uint64_t lsn = 100;

  explicit World(const char* schema) {
    stock(schema);
    open();
    REQUIRE(manager->adopt(LogId{}, NodeName::from_trusted("p1")).has_value());
  }
  void open() {
    SqliteOptions options;
    options.path = path;
    options.statement_time_limit = std::chrono::milliseconds(300);
    manager = make_sqlite_resource_manager(options, clock, {});
    const auto opened = manager->open();
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().context));
  }
  /// What a stock sqlite3 would do; returns SQLite's result code.
  int stock(const std::string& sql) {
    sqlite3* db = nullptr;
    sqlite3_open(path.c_str(), &db);
    const int rc = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(db);
    return rc & 0xff;
  }
  std::string look(const std::string& sql) {
    auto db = std::move(*sqlite::Connection::open(path, SQLITE_OPEN_READONLY, nullptr));
    const auto text = db->text(sql);
    return text ? *text : "?";
  }
  Gtid start(std::vector<Statement> statements) {
    const Gtid gtid({1}, {1}, next++, Decider::kCoordinator);
    events.clear();
    manager->execute({gtid, {static_cast<std::int64_t>(next), gtid}, std::move(statements)},
                     events);
    return gtid;
  }
  Gtid start(const std::string& sql) { return start(std::vector{Statement{sql, {}, {}}}); }
  Executed executed(const Gtid& gtid) {
    for (const auto& event : events)
      if (const auto* e = std::get_if<Executed>(&event); e != nullptr && e->gtid == gtid) return *e;
    return {};
  }
  bool waits(const Gtid& gtid) {
    for (const auto& event : events)
      if (const auto* w = std::get_if<Waiting>(&event); w != nullptr && w->gtid == gtid)
        return true;
    return false;
  }
  AbortCode failure(const std::string& sql) {
    const auto gtid = start(sql);
    const auto e = executed(gtid);
    CHECK(e.vote == Vote::kAbort);
    return e.reason.code;
  }
  void apply(const Gtid& gtid) {
    events.clear();
    const auto done = manager->apply(gtid, {++lsn}, events);
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().context));
  }
  void flush() { REQUIRE(manager->flush({}).has_value()); }
  /// One transaction from start to file.
  void commit(const std::string& sql) {
    const auto gtid = start(sql);
    const auto e = executed(gtid);
    REQUIRE_MESSAGE(e.vote == Vote::kCommit, e.reason.detail);
    apply(gtid);
    flush();
  }
};

constexpr const char* kAccounts =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0)); INSERT INTO a "
    "VALUES(1,10),(2,20),(3,30);";

}  // namespace

TEST_CASE("others see a branch after apply and flush, never before") {
  World w(kAccounts);
  const auto gtid = w.start("UPDATE a SET v = v + 1 WHERE id = 1");
  CHECK(w.executed(gtid).vote == Vote::kCommit);
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "10");
  w.apply(gtid);
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "10");
  w.flush();
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "11");
  CHECK(w.look("SELECT lsn FROM troth_applied") == "101");
}

TEST_CASE(
    "1,000 branches prepared and undecided at once, while other rows commit and readers see only "
    "what is committed") {
  World w("CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL)");
  w.commit(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 2000) INSERT INTO a "
      "SELECT i, 0 FROM n");
  std::vector<Gtid> prepared;
  for (int i = 1; i <= 1000; ++i) {
    const auto gtid =
        w.start({Statement{"UPDATE a SET v = 7 WHERE id = ?1", {std::int64_t{i}}, {}}});
    REQUIRE(w.executed(gtid).vote == Vote::kCommit);
    prepared.push_back(gtid);
  }
  for (int i = 1001; i <= 1100; ++i) {
    const auto gtid =
        w.start({Statement{"UPDATE a SET v = 1 WHERE id = ?1", {std::int64_t{i}}, {}}});
    w.apply(gtid);
    w.flush();
    CHECK(w.look("SELECT sum(v) FROM a") == std::to_string(i - 1000));
  }
  CHECK(w.manager->status().branches_executed == 1000);
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    if (i % 2 == 0) {
      w.apply(prepared[i]);
    } else {
      w.manager->discard(prepared[i], w.events);
    }
  }
  w.flush();
  CHECK(w.look("SELECT sum(v) FROM a") == std::to_string(100 + 500 * 7));
  CHECK(w.manager->status().locks == 0);
}

TEST_CASE("while the agent runs nobody else writes, everybody reads") {
  World w(kAccounts);
  CHECK(w.stock("UPDATE a SET v = 0") == SQLITE_BUSY);
  w.commit("UPDATE a SET v = 5 WHERE id = 1");
  CHECK(w.stock("UPDATE a SET v = 0") == SQLITE_BUSY);
  CHECK(w.stock("SELECT * FROM a") == SQLITE_OK);
  w.manager->close();
  CHECK(w.stock("UPDATE a SET v = 0 WHERE id = 2") == SQLITE_OK);
}

TEST_CASE("automatic ids of undecided branches do not collide") {
  for (const char* schema :
       {"CREATE TABLE q(id INTEGER PRIMARY KEY, x)",
        "CREATE TABLE q(id INTEGER PRIMARY KEY AUTOINCREMENT, x)", "CREATE TABLE q(x)"}) {
    CAPTURE(std::string(schema));
    World w(schema);
    std::vector<Gtid> gtids;
    for (int i = 0; i < 20; ++i) {
      gtids.push_back(w.start({Statement{"INSERT INTO q(x) VALUES (?1)", {std::int64_t{i}}, {}}}));
      REQUIRE_MESSAGE(w.executed(gtids.back()).vote == Vote::kCommit,
                      w.executed(gtids.back()).reason.detail);
    }
    for (auto at = gtids.rbegin(); at != gtids.rend(); ++at) w.apply(*at);
    w.flush();
    CHECK(w.look("SELECT count(DISTINCT rowid) FROM q") == "20");
  }
}

TEST_CASE(
    "the same row: the second waits, runs again on the new value, and a discarded first changes "
    "nothing") {
  World w(kAccounts);
  const auto first = w.start("UPDATE a SET v = v + 1 WHERE id = 1");
  const auto second = w.start("UPDATE a SET v = v + 1 WHERE id = 1");
  CHECK(w.waits(second));
  w.apply(first);
  CHECK(w.executed(second).vote == Vote::kCommit);
  w.apply(second);
  const auto third = w.start("UPDATE a SET v = v + 1 WHERE id = 1");
  w.manager->discard(third, w.events);
  w.flush();
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "12");
}

TEST_CASE("nobody is forgotten in the queue of a hot row: every apply lets exactly one more run") {
  World w(kAccounts);
  constexpr int kBranches = 9;
  std::set<Gtid> ready;
  const auto note = [&] {
    for (const auto& event : w.events)
      if (const auto* e = std::get_if<Executed>(&event)) CHECK(ready.insert(e->gtid).second);
  };
  for (int i = 0; i < kBranches; ++i) {
    w.start("UPDATE a SET v = v + 1 WHERE id = 1");
    note();
  }
  for (int i = 0; i < kBranches; ++i) {
    REQUIRE(ready.size() == 1);
    const Gtid next = *ready.begin();
    ready.clear();
    w.apply(next);
    note();
  }
  w.flush();
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "19");
}

TEST_CASE(
    "a reader of an undecided row waits; an update that found no row has locked the missing key") {
  World w(kAccounts);
  const auto writer = w.start("UPDATE a SET v = 99 WHERE id = 1");
  const auto reader = w.start("SELECT v FROM a WHERE id = 1");
  CHECK(w.waits(reader));
  w.apply(writer);
  CHECK(w.executed(reader).vote == Vote::kReadOnly);
  CHECK(std::get<std::int64_t>(w.executed(reader).results.at(0).rows.at(0).at(0)) == 99);
  w.manager->discard(reader, w.events);
  const auto miss = w.start("UPDATE a SET v = 1 WHERE id = 50");
  CHECK(w.executed(miss).vote == Vote::kReadOnly);
  CHECK(w.waits(w.start("INSERT INTO a VALUES (50, 1)")));
}

TEST_CASE("a unique key of an undecided branch is waited for, not reported as a violation") {
  World w("CREATE TABLE u(id INTEGER PRIMARY KEY, e TEXT UNIQUE)");
  const auto first = w.start("INSERT INTO u(e) VALUES ('x')");
  const auto second = w.start("INSERT INTO u(e) VALUES ('x')");
  CHECK(w.waits(second));
  w.events.clear();
  w.manager->discard(first, w.events);
  CHECK(w.executed(second).vote == Vote::kCommit);
  const auto third = w.start("INSERT INTO u(e) VALUES ('x')");
  w.apply(second);
  CHECK(w.executed(third).reason.code == AbortCode::kConstraint);
}

TEST_CASE("the SQL people write is redone by value") {
  World w(R"(
    CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b INT GENERATED ALWAYS AS (a * 2) STORED);
    CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT);
    CREATE TRIGGER trg AFTER UPDATE ON t BEGIN INSERT INTO log(what) VALUES ('t ' || new.id || ' ' || random()); END;
    CREATE TABLE parent(k TEXT PRIMARY KEY NOT NULL, x);
    CREATE TABLE child(id INTEGER PRIMARY KEY, k TEXT REFERENCES parent(k) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE wr(a INT, b TEXT, c, PRIMARY KEY(a, b)) WITHOUT ROWID;
    CREATE TABLE nopk(x, y);)");
  w.commit("INSERT INTO t(id, a) VALUES (1, 5), (2, 6)");
  w.commit("UPDATE t SET a = a + 1");
  CHECK(w.look("SELECT group_concat(b) FROM t") == "12,14");
  CHECK(w.look("SELECT count(*) FROM log") == "2");
  w.commit("UPDATE t SET id = id + 10 WHERE id = 2");
  CHECK(w.look("SELECT group_concat(id) FROM t") == "1,12");
  w.commit("INSERT INTO parent VALUES ('a', 1), ('b', 2)");
  w.commit("INSERT INTO child VALUES (1, 'a'), (2, 'a'), (3, 'b')");
  w.commit("UPDATE parent SET k = 'z' WHERE k = 'a'");
  CHECK(w.look("SELECT group_concat(k) FROM child") == "z,z,b");
  w.commit("DELETE FROM parent WHERE k = 'z'");
  CHECK(w.look("SELECT count(*) FROM child") == "1");
  w.commit("INSERT INTO wr VALUES (1, 'x', 'y'), (2, 'x', zeroblob(5))");
  w.commit("UPDATE wr SET a = 3 WHERE a = 1 AND b = 'x'");
  w.commit("INSERT INTO wr VALUES (3, 'x', 'new') ON CONFLICT DO UPDATE SET c = excluded.c");
  CHECK(w.look("SELECT c FROM wr WHERE a = 3") == "new");
  w.commit("INSERT INTO nopk VALUES (1, 2), (1, 2)");
  w.commit("DELETE FROM nopk WHERE rowid = 1");
  CHECK(w.look("SELECT count(*) FROM nopk") == "1");
  w.commit("REPLACE INTO t(id, a) VALUES (1, 100)");
  CHECK(w.look("SELECT a FROM t WHERE id = 1") == "100");
  w.commit("DELETE FROM t");
  CHECK(w.look("SELECT count(*) FROM t") == "0");
  CHECK(w.look("PRAGMA integrity_check") == "ok");
  CHECK(w.look("SELECT count(*) FROM pragma_foreign_key_check") == "0");
}

TEST_CASE("rows and counts come back; expectations are held") {
  World w(kAccounts);
  auto e = w.executed(w.start("UPDATE a SET v = v * 2 WHERE id = 2 RETURNING id, v"));
  REQUIRE(e.results.size() == 1);
  CHECK(e.results[0].changes == 1);
  CHECK(e.results[0].columns == std::vector<std::string>{"id", "v"});
  CHECK(e.results[0].rows.at(0) == std::vector<Value>{std::int64_t{2}, std::int64_t{40}});
  const auto gtid = w.start(
      {Statement{"UPDATE a SET v = 0 WHERE id = 77", {}, Expectation{RowCount::kExactly, 1}}});
  CHECK(w.executed(gtid).reason.code == AbortCode::kRowsMismatch);
  CHECK(w.executed(gtid).reason.detail == "expected exactly 1 row, got 0");
}

TEST_CASE("every failure is a NO by name and leaves nothing behind") {
  World w(
      R"(CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0)); INSERT INTO a VALUES(1,10);
             CREATE TABLE p(id INTEGER PRIMARY KEY);
             CREATE TABLE c(id INTEGER PRIMARY KEY, p INT REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TABLE h(k TEXT PRIMARY KEY, rowid, oid, _rowid_);)");
  CHECK(w.failure("INSERT INTO a VALUES (1, 5)") == AbortCode::kConstraint);
  CHECK(w.failure("INSERT INTO a VALUES (2, NULL)") == AbortCode::kConstraint);
  CHECK(w.failure("INSERT INTO a VALUES (2, -1)") == AbortCode::kConstraint);
  CHECK(w.failure("INSERT INTO c VALUES (1, 999)") == AbortCode::kForeignKey);
  CHECK(w.failure("INSERT INTO h VALUES (NULL, 1, 1, 1)") == sqlite_refusal::kNullPrimaryKey);
  CHECK(w.failure("SELECT * FROM nowhere") == AbortCode::kSqlError);
  CHECK(w.failure("COMMIT") == AbortCode::kRefusedTxnControl);
  CHECK(
      w.failure(
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n") ==
      AbortCode::kStatementInterrupted);
  CHECK(w.failure("SELECT zeroblob(1000000000)") == AbortCode::kBranchTooBig);
  CHECK(w.failure("UPDATE a SET v = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
                  "SELECT count(*) FROM n)") == AbortCode::kStatementInterrupted);
  CHECK(w.executed(w.start({Statement{"SELECT ?1", {}, {}}})).reason.code ==
        AbortCode::kParameterCount);
  CHECK(w.manager->status().locks == 0);
  w.commit("UPDATE a SET v = 11 WHERE id = 1");  // it still works, in its own transaction
  CHECK(w.look("SELECT v FROM a") == "11");
}

TEST_CASE("work applied but not flushed when a statement loses the outer transaction is not lost") {
  World w(kAccounts);
  const auto gtid = w.start("UPDATE a SET v = 77 WHERE id = 1");
  w.apply(gtid);
  CHECK(w.failure("UPDATE a SET v = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
                  "SELECT count(*) FROM n) WHERE id = 2") == AbortCode::kStatementInterrupted);
  w.flush();
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "77");
}

TEST_CASE("replay gives identical rows exactly once; retaken locks hold") {
  World w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, r, b BLOB); CREATE TABLE s(k TEXT "
      "PRIMARY KEY NOT NULL, v)");
  const auto one =
      w.start({Statement{"INSERT INTO t(r, b) VALUES (random() || datetime('now'), ?1) RETURNING r",
                         {Blob{std::string(1 << 20, 'x')}},
                         {}}});
  const auto first = w.executed(one);
  REQUIRE(first.vote == Vote::kCommit);
  const auto random = std::get<std::string>(first.results.at(0).rows.at(0).at(0));
  const auto two = w.start("INSERT INTO s VALUES ('k', 1)");
  const auto second = w.executed(two);
  w.apply(one);
  w.manager->close();  // as after a crash: applied, never flushed
  w.open();
  CHECK(w.look("SELECT count(*) FROM t") == "0");
  REQUIRE(w.manager->replay(one, {101}, first.redo).has_value());
  w.flush();
  REQUIRE(w.manager->retake(two, second.redo).has_value());
  CHECK(w.look("SELECT r FROM t") == random);
  CHECK(w.look("SELECT length(b) FROM t") == "1048576");
  CHECK(w.waits(w.start("INSERT INTO s VALUES ('k', 2)")));
  w.apply(two);
  w.flush();
  CHECK(w.look("SELECT v FROM s WHERE k = 'k'") == "1");
}

TEST_CASE("a prepared branch has its read locks again after a restart, of rows, keys and tables") {
  World w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);"
      "CREATE TABLE k(a TEXT, b INT, v, PRIMARY KEY(a, b)) WITHOUT ROWID;"
      "INSERT INTO k VALUES ('x', 1, 0), ('y', 1, 0);"
      "CREATE TABLE whole(v); INSERT INTO whole VALUES (7); CREATE TABLE other(v);");
  const auto gtid = w.start({Statement{"SELECT v FROM t WHERE id = 1", {}, {}},
                             Statement{"SELECT v FROM k WHERE a = 'x' AND b = 1", {}, {}},
                             Statement{"SELECT count(*) FROM whole", {}, {}},
                             Statement{"UPDATE t SET v = 9 WHERE id = 2", {}, {}}});
  const auto voted = w.executed(gtid);
  REQUIRE(voted.vote == Vote::kCommit);
  w.manager->close();
  w.open();
  REQUIRE(w.manager->retake(gtid, voted.redo).has_value());
  for (const char* conflicting :
       {"UPDATE t SET v = 0 WHERE id = 1", "DELETE FROM k WHERE a = 'x' AND b = 1",
        "INSERT INTO whole VALUES (8)", "UPDATE t SET v = 0 WHERE id = 2"}) {
    CAPTURE(conflicting);
    CHECK(w.waits(w.start(conflicting)));
  }
  for (const char* free :
       {"UPDATE t SET v = 0 WHERE id = 3", "DELETE FROM k WHERE a = 'y' AND b = 1",
        "INSERT INTO other VALUES (8)"}) {
    CAPTURE(free);
    CHECK(w.executed(w.start(free)).vote == Vote::kCommit);
  }
}

TEST_CASE("a redo of the version before, without read locks, is still understood") {
  World w(kAccounts);
  const auto gtid = w.start("UPDATE a SET v = 5 WHERE id = 1");
  auto redo = w.executed(gtid).redo;
  REQUIRE(redo.front() == 4);
  REQUIRE(redo.back() == 0);  // no locks but those of the changed row
  redo.front() = 1;
  redo.pop_back();
  w.manager->close();
  w.open();
  REQUIRE(w.manager->retake(gtid, redo).has_value());
  CHECK(w.waits(w.start("UPDATE a SET v = 0 WHERE id = 1")));
}

TEST_CASE("a branch whose vote is recorded has its locks in its redo even if it only reads") {
  World w(kAccounts);
  const Gtid gtid({1}, {1}, 1000, Decider::kCoordinator);
  ExecuteRequest request{gtid, {1, gtid}, {Statement{"SELECT v FROM a WHERE id = 1", {}, {}}}};
  request.recorded = true;
  w.events.clear();
  w.manager->execute(std::move(request), w.events);
  const auto voted = w.executed(gtid);
  REQUIRE(voted.vote == Vote::kReadOnly);
  w.manager->close();
  w.open();
  REQUIRE(w.manager->retake(gtid, voted.redo).has_value());
  CHECK(w.waits(w.start("UPDATE a SET v = 0 WHERE id = 1")));
  CHECK(w.executed(w.start("UPDATE a SET v = 0 WHERE id = 2")).vote == Vote::kCommit);
  w.apply(gtid);  // decided: it changes nothing
  w.flush();
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "10");
}

TEST_CASE("a file that was replaced is noticed before any vote") {
  World w(kAccounts);
  std::filesystem::rename(w.path, w.path + ".moved");
  w.stock(kAccounts);
  CHECK(w.failure("UPDATE a SET v = 1 WHERE id = 1") == AbortCode::kDatabaseReplaced);
}

TEST_CASE("nothing is durable in a file that was replaced, or whose -wal was deleted") {
  for (const bool wal : {false, true}) {
    World w(kAccounts);
    const auto gtid = w.start("UPDATE a SET v = 1 WHERE id = 1");
    CHECK(w.executed(gtid).vote == Vote::kCommit);
    w.apply(gtid);
    const auto path = w.path + (wal ? "-wal" : "");
    std::filesystem::rename(path, w.path + ".moved");
    if (!wal) w.stock(kAccounts);
    const auto marker = w.manager->flush({});
    REQUIRE_FALSE(marker.has_value());
    CHECK(marker.error().code == ErrorCode::kFenced);
    CHECK(marker.error().context.find(wal ? "was deleted or moved away" : "another file now") !=
          std::string::npos);
    CHECK(marker.error().context.find("/proc/") != std::string::npos);  // where it still is
  }
}

TEST_CASE("a missing file is refused") {
  tests::TempDir dir;
  SystemClock clock;
  SqliteOptions options;
  options.path = dir.path() + "/none.db";
  CHECK(make_sqlite_resource_manager(options, clock, {})->open().error().code ==
        ErrorCode::kNotFound);
}

TEST_CASE("a file with a table troth_applied of its application is refused and stays as it was") {
  tests::TempDir dir;
  SystemClock clock;
  SqliteOptions options;
  options.path = dir.path() + "/own.db";
  {
    const auto stock =
        sqlite::Connection::open(options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    REQUIRE(stock);
    REQUIRE((*stock)->execute("CREATE TABLE troth_applied(id INTEGER PRIMARY KEY, coupon TEXT)"));
  }
  const auto refused = make_sqlite_resource_manager(options, clock, {})->open();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().context.find("rename it") != std::string::npos);
  const auto stock = sqlite::Connection::open(options.path, SQLITE_OPEN_READWRITE, nullptr);
  CHECK((*stock)->text("PRAGMA journal_mode").value() == "delete");
}
