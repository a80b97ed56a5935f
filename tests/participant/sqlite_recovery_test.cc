// The SQLite resource manager over time: redo, copies of the file, checkpoints, refusals to open.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>

#include "os/file.h"
#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;

namespace {

constexpr const char* kAccounts =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0));"
    "INSERT INTO a VALUES(1,10),(2,20),(3,30);";

}  // namespace

TEST_CASE("what was prepared or committed is only redone into the file it was executed in") {
  struct Row {
    const char* meanwhile;  // by somebody else, while the agent is down
    bool refused;
    const char* names;
  };
  const Row rows[] = {
      {"SELECT 1", false, ""},
      {"CREATE TABLE other(x)", true, "nopk"},
      {"VACUUM", true, "nopk"},
      {"ALTER TABLE t RENAME COLUMN v TO w", true, "column v of table t"},
      {"ALTER TABLE t ADD COLUMN fresh", true, "column fresh of table t"},
      {"DROP TABLE t", true, "table t"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.meanwhile));
    SqliteWorld w(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE nopk(v); INSERT INTO t "
        "VALUES(1,1);"
        "INSERT INTO nopk VALUES(1),(2),(3); DELETE FROM nopk WHERE v = 1");
    const auto keyed = w.start("UPDATE t SET v = 2 WHERE id = 1");
    const auto unkeyed = w.start("UPDATE nopk SET v = 9 WHERE v = 3");
    const auto redo_keyed = w.executed(keyed)->redo;
    const auto redo_unkeyed = w.executed(unkeyed)->redo;
    w.manager->close();
    REQUIRE(w.stock(row.meanwhile) == SQLITE_OK);
    w.crash();
    std::string refusals;
    const auto note = [&](const Status& status) {
      if (status) return;
      CHECK(status.error().code == ErrorCode::kCorruption);
      refusals += status.error().context;
    };
    note(w.manager->retake(keyed, redo_keyed));
    note(w.manager->replay(unkeyed, {101}, redo_unkeyed));
    CHECK(row.refused == !refusals.empty());
    CHECK_MESSAGE(refusals.find(row.names) != std::string::npos, refusals);
  }
}

TEST_CASE("rows that somebody else wrote while a branch was in doubt are never overwritten") {
  struct Row {
    const char* prepared;
    const char* meanwhile;  // by somebody else, while the agent is down
    bool refused;
  };
  const Row rows[] = {
      {"UPDATE a SET v = 11 WHERE id = 1", "UPDATE a SET v = 12 WHERE id = 2", false},
      {"UPDATE a SET v = 11 WHERE id = 1", "UPDATE a SET v = 12 WHERE id = 1", true},
      {"UPDATE a SET v = 11 WHERE id = 1", "UPDATE a SET note = 'x' WHERE id = 1", true},
      {"UPDATE a SET v = 11 WHERE id = 1", "DELETE FROM a WHERE id = 1", true},
      {"UPDATE a SET v = 11 WHERE id = 1", "ALTER TABLE b ADD COLUMN y", false},
      {"DELETE FROM a WHERE id = 1", "UPDATE a SET v = 12 WHERE id = 1", true},
      {"INSERT INTO a VALUES(3, 30, NULL, 1)", "INSERT INTO a VALUES(3, 31, NULL, 1)", true},
      {"INSERT INTO a VALUES(3, 30, NULL, 1)", "INSERT INTO a VALUES(4, 31, NULL, 1)", false},
      {"UPDATE b SET x = 'n' WHERE k = 'one'", "UPDATE b SET x = 'm' WHERE k = 'ONE'", true},
      {"UPDATE b SET k = 'two', x = 5", "SELECT 1", false},
      {"UPDATE a SET id = id + 10", "SELECT 1", false},
      {"UPDATE a SET r = r + 1", "SELECT 1", false},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.prepared));
    CAPTURE(std::string(row.meanwhile));
    SqliteWorld w(
        "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT, note TEXT, r REAL); INSERT INTO a "
        "VALUES(1,10,NULL,3),(2,20,'n',4.5); CREATE TABLE b(k TEXT PRIMARY KEY COLLATE NOCASE, x) "
        "WITHOUT ROWID; INSERT INTO b VALUES('One', 1.0); ALTER TABLE a ADD COLUMN late DEFAULT 7; "
        "CREATE TRIGGER g AFTER UPDATE OF r ON a BEGIN UPDATE b SET x = new.v; END");
    const auto insert = std::string(row.prepared).rfind("INSERT", 0) == 0;
    const auto fit = [&](std::string sql) {
      return insert ? sql.replace(sql.find("a VALUES"), 1, "a(id, v, note, r)") : sql;
    };
    const auto gtid = w.start(fit(row.prepared));
    REQUIRE(w.votes_commit(gtid));
    const auto redo = w.executed(gtid)->redo;
    w.manager->close();
    REQUIRE(w.stock(fit(row.meanwhile)) == SQLITE_OK);
    w.crash();
    const auto retaken = w.manager->retake(gtid, redo);
    CHECK_MESSAGE(retaken.has_value() != row.refused, (retaken ? "" : retaken.error().context));
    if (row.refused) continue;
    CHECK(w.waits(w.start("UPDATE a SET v = 0")) ==
          (std::string(row.prepared).find(" a") != std::string::npos));
    w.apply(gtid);
    w.flush();
    CHECK(w.look("PRAGMA integrity_check") == "ok");
  }
}

TEST_CASE(
    "rows that somebody else wrote before committed work reached the file are not overwritten") {
  struct Row {
    const char* meanwhile;  // by somebody else, while the agent is down
    bool refused;
  };
  for (const Row row :
       {Row{"UPDATE a SET v = 12 WHERE id = 2", false},
        Row{"UPDATE a SET v = 12 WHERE id = 1", true}, Row{"DELETE FROM a WHERE id = 1", true}}) {
    CAPTURE(std::string(row.meanwhile));
    SqliteWorld w(kAccounts);
    const auto gtid = w.start("UPDATE a SET v = 11 WHERE id = 1");
    const auto redo = w.executed(gtid)->redo;
    w.manager->close();
    REQUIRE(w.stock(row.meanwhile) == SQLITE_OK);
    w.crash();
    const auto replayed = w.manager->replay(gtid, {101}, redo);
    CHECK(replayed.has_value() != row.refused);
    if (row.refused) CHECK(replayed.error().code == ErrorCode::kCorruption);
  }
}

TEST_CASE("an older copy of the file is not read through the -wal of a later one") {
  namespace fs = std::filesystem;
  for (const bool older : {true, false}) {
    CAPTURE(older);
    SqliteOptions options;
    options.checkpoint_wal_bytes = 1;
    SqliteWorld w(kAccounts, options);
    const auto copy = w.dir.path() + "/copy", wal = w.dir.path() + "/wal";
    const auto commit_and_checkpoint = [&](const char* sql) {
      w.commit(sql);
      REQUIRE(w.manager->make_durable().has_value());
    };
    commit_and_checkpoint("UPDATE a SET v = 11 WHERE id = 1");
    if (older) fs::copy_file(w.options.path, copy);
    commit_and_checkpoint("UPDATE a SET v = 21 WHERE id = 2");
    if (!older) fs::copy_file(w.options.path, copy);
    w.commit("UPDATE a SET v = 31 WHERE id = 3");
    fs::copy_file(w.options.path + "-wal", wal);
    w.manager->close();
    fs::copy_file(copy, w.options.path, fs::copy_options::overwrite_existing);
    fs::copy_file(wal, w.options.path + "-wal", fs::copy_options::overwrite_existing);
    const auto opened = w.open();
    CHECK(opened.has_value() != older);
    if (older) CHECK(opened.error().code == ErrorCode::kLostMemory);
    if (!older) CHECK(w.look("SELECT sum(v) FROM a") == "63");
  }
}

TEST_CASE("a start that is refused leaves the file as it was") {
  SqliteWorld w(kAccounts);
  w.manager->close();
  REQUIRE(w.stock("PRAGMA journal_mode=DELETE") == SQLITE_OK);
  w.manager = make_sqlite_resource_manager(w.options, w.clock, {});
  w.manager->belongs_to(*LogId::parse("00112233445566778899aabbccddeeff"),
                        NodeName::from_trusted("p1"));
  CHECK(w.manager->open().has_value());
  w.manager->close();
  CHECK(w.look("PRAGMA journal_mode") == "delete");
}

TEST_CASE("damaged redo is an error, never a crash") {
  SqliteWorld w(kAccounts);
  const auto gtid = w.start("UPDATE a SET v = 11");
  const auto redo = w.executed(gtid)->redo;
  w.discard(gtid);
  for (std::size_t i = 0; i < redo.size(); ++i)
    CHECK_FALSE(w.manager->retake(gtid, redo.substr(0, i)).has_value());
  for (std::size_t i = 0; i < redo.size(); ++i) {
    auto bent = redo;
    bent[i] = static_cast<char>(bent[i] ^ 0x55);
    static_cast<void>(w.manager->retake(gtid, bent));
    w.discard(gtid);
  }
}

TEST_CASE("a copy of the file and its -wal, taken at any moment, and the log give every row once") {
  SqliteWorld w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, x); CREATE TABLE u(k TEXT PRIMARY KEY, "
      "n INT) WITHOUT ROWID;"
      "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO u VALUES(new.x, 1) ON CONFLICT DO "
      "UPDATE SET n = n + 1; END");
  struct Logged {
    Gtid gtid;
    Lsn lsn;
    std::string redo;
  };
  std::vector<Logged> log;
  for (int i = 0; i < 60; ++i) {
    const auto gtid =
        w.start({Statement{"INSERT INTO t(x) VALUES('k' || (?1 % 7))", {std::int64_t{i}}, {}}});
    REQUIRE(w.votes_commit(gtid));
    log.push_back({gtid, {w.lsn + 1}, w.executed(gtid)->redo});
    w.apply(gtid);
    if (i % 9 == 0) w.flush();
    if (i == 30) REQUIRE(w.manager->make_durable().has_value());
    if (i % 5 != 0) continue;
    tests::TempDir copy;
    for (const char* part : {"", "-wal"})
      if (std::filesystem::exists(w.options.path + part))
        std::filesystem::copy(w.options.path + part, copy.path() + "/data.db" + part);
    SqliteOptions options;
    options.path = copy.path() + "/data.db";
    const auto manager = make_sqlite_resource_manager(options, w.clock, {});
    const auto opened = manager->open();
    REQUIRE(opened.has_value());
    CHECK_FALSE(opened->is_new);
    CHECK(opened->participant == NodeName::from_trusted("p1"));
    for (const auto& entry : log)
      if (entry.lsn > opened->applied)
        REQUIRE(manager->replay(entry.gtid, entry.lsn, entry.redo).has_value());
    REQUIRE(manager->flush({}).has_value());
    manager->close();
    auto db = std::move(
        *participant::sqlite::Connection::open(options.path, SQLITE_OPEN_READONLY, nullptr));
    CHECK(*db->integer("SELECT count(*) FROM t") == i + 1);
    CHECK(*db->integer("SELECT sum(n) FROM u") == i + 1);
    CHECK(*db->integer("SELECT seq FROM sqlite_sequence WHERE name = 't'") == i + 1);
    CHECK(*db->text("PRAGMA integrity_check") == "ok");
  }
}

TEST_CASE("a branch that outgrows the page cache leaves a -wal that can be followed to its end") {
  SqliteOptions options;
  options.cache_bytes = 80 << 10;
  SqliteWorld w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT, pad);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
      "INSERT INTO t SELECT i, 0, zeroblob(500) FROM n",
      options);
  const Statement again{"UPDATE t SET v = v + 1 WHERE id BETWEEN 2000 AND 3000", {}, {}};
  for (int i = 1; i <= 3; ++i) {
    const auto large =
        w.start({Statement{"UPDATE t SET v = 1 WHERE id BETWEEN 1000 AND 2000", {}, {}}, again,
                 again, again});
    REQUIRE(w.votes_commit(large));
    w.discard(large);
    w.commit(fmt::format("UPDATE t SET v = {} WHERE id = 7", i));
  }
  tests::TempDir copy;  // the machine stops here
  for (const char* part : {"", "-wal"})
    std::filesystem::copy(w.options.path + part, copy.path() + "/data.db" + part);
  auto db = std::move(*participant::sqlite::Connection::open(copy.path() + "/data.db",
                                                             SQLITE_OPEN_READWRITE, nullptr));
  CHECK(*db->integer("SELECT v FROM t WHERE id = 7") == 3);
  CHECK(*db->integer("SELECT lsn FROM troth_applied") == static_cast<std::int64_t>(w.lsn));
}

TEST_CASE("while the agent runs nobody else checkpoints, even if they were first") {
  SqliteWorld w(kAccounts);
  const auto checkpoint = [&](int mode) {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(w.options.path.c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, "SELECT * FROM a", nullptr, nullptr, nullptr) == SQLITE_OK);
    const int rc = sqlite3_wal_checkpoint_v2(db, "main", mode, nullptr, nullptr);
    sqlite3_close(db);
    return rc;
  };
  for (int i = 0; i < 3; ++i) {
    CHECK(checkpoint(SQLITE_CHECKPOINT_PASSIVE) == SQLITE_BUSY);
    CHECK(checkpoint(SQLITE_CHECKPOINT_TRUNCATE) == SQLITE_BUSY);
    w.commit("UPDATE a SET v = v + 1 WHERE id = 1");
    REQUIRE(w.manager->make_durable().has_value());  // its own go on
  }
  sqlite3* reader = nullptr;  // or the last one to close deletes the -wal
  REQUIRE(sqlite3_open(w.options.path.c_str(), &reader) == SQLITE_OK);
  REQUIRE(sqlite3_exec(reader, "SELECT * FROM a", nullptr, nullptr, nullptr) == SQLITE_OK);
  w.manager->close();
  CHECK(checkpoint(SQLITE_CHECKPOINT_PASSIVE) == SQLITE_OK);

  // Another program has the lock when the agent comes, and lets go of it later.
  const int shm = ::open((w.options.path + "-shm").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(shm >= 0);
  const auto other = [&](bool holds) {
    struct flock lock {};
    lock.l_type = holds ? F_WRLCK : F_UNLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 121;  // SQLite's second lock byte of the -shm file
    lock.l_len = 1;
    return ::fcntl(shm, F_OFD_SETLK, &lock) == 0;
  };
  REQUIRE(other(true));
  w.crash();
  w.commit("UPDATE a SET v = v + 1 WHERE id = 1");
  REQUIRE(other(false));
  w.commit("UPDATE a SET v = v + 1 WHERE id = 1");
  CHECK_FALSE(other(true));
  CHECK(checkpoint(SQLITE_CHECKPOINT_PASSIVE) == SQLITE_BUSY);
  w.manager->close();
  CHECK(other(true));
  sqlite3_close(reader);
  ::close(shm);
}

TEST_CASE("the -wal stays small under constant load, and readers cost only disk") {
  SqliteOptions options;
  options.checkpoint_wal_bytes = 1 << 18;
  SqliteWorld w("CREATE TABLE a(id INTEGER PRIMARY KEY, v); INSERT INTO a VALUES(1, 0)", options);
  const auto round = [&](int i) {
    const auto first = w.start(
        {Statement{"UPDATE a SET v = zeroblob(30000 + ?1) WHERE id = 1", {std::int64_t{i}}, {}}});
    w.apply(first);
    w.flush();
    const auto open = w.start("INSERT INTO a(v) VALUES(1)");
    w.apply(open);  // never idle when it is called
    REQUIRE(w.manager->make_durable().has_value());
  };
  std::uint64_t largest = 0;
  for (int i = 0; i < 60; ++i) {
    round(i);
    largest = std::max(largest, w.manager->status().wal_bytes);
  }
  CHECK(largest < (1 << 19));
  {
    sqlite3* reader = nullptr;
    REQUIRE(sqlite3_open(w.options.path.c_str(), &reader) == SQLITE_OK);
    REQUIRE(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM a", nullptr, nullptr, nullptr) ==
            SQLITE_OK);
    for (int i = 0; i < 30; ++i) round(i);
    sqlite3_close(reader);
  }
  for (int i = 0; i < 30; ++i) round(i);
  w.flush();
  CHECK(w.look("SELECT count(*) FROM a") == "121");
  w.manager->close();
  CHECK((!std::filesystem::exists(w.options.path + "-wal") ||
         std::filesystem::file_size(w.options.path + "-wal") == 0));
}

// Whoever waits looks at the clock: then the other program commits.
class EndsWhenAsked final : public Clock {
 public:
  explicit EndsWhenAsked(const sqlite::Connection& other) : other_(other) {}
  MonotonicTime now() const override {
    if (other_.in_transaction() && ++looks_ > kLooks)
      sqlite3_exec(other_.get(), "COMMIT", nullptr, nullptr, nullptr);
    return SystemClock().now();
  }
  WallTime wall_now() const override { return SystemClock().wall_now(); }

 private:
  static constexpr int kLooks = 3;
  const sqlite::Connection& other_;
  mutable int looks_ = 0;
};

TEST_CASE("open() names why it refuses") {
  SqliteWorld w(kAccounts);
  SUBCASE("another agent") {
    auto options = w.options;
    options.busy_wait = std::chrono::milliseconds(20);
    const auto second = make_sqlite_resource_manager(options, w.clock, {});
    const auto opened = second->open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == ErrorCode::kFenced);
    CHECK(opened.error().context.find(w.options.path) != std::string::npos);
    w.commit("UPDATE a SET v = 1 WHERE id = 1");
  }
  SUBCASE("not a database") {
    SqliteOptions options;
    options.path = w.dir.path() + "/noise";
    auto file = std::move(*make_posix_file_system()->open(options.path, OpenMode::kCreateNew));
    REQUIRE(file->write_at(0, std::string(8192, 'n')).has_value());
    const auto opened = make_sqlite_resource_manager(options, w.clock, {})->open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == ErrorCode::kUnsupported);
    CHECK(opened.error().context.find(options.path) != std::string::npos);
  }
  SUBCASE("a program that has the file locked for a moment is waited for") {
    w.manager->close();
    const auto other =
        std::move(*sqlite::Connection::open(w.options.path, SQLITE_OPEN_READWRITE, nullptr));
    REQUIRE(other->execute("BEGIN IMMEDIATE; UPDATE a SET v = 1 WHERE id = 1").has_value());
    std::promise<void> tries;
    std::jthread waits([&] {
      tries.get_future().wait();
      CHECK(other->execute("COMMIT").has_value());
    });
    const auto again = make_sqlite_resource_manager(w.options, w.clock, {});
    tries.set_value();
    CHECK(again->open().has_value());
  }
  SUBCASE("a rollback-journal file that somebody writes is waited for") {
    SqliteOptions options;
    options.path = w.dir.path() + "/written.db";
    const auto other = std::move(*sqlite::Connection::open(
        options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
    REQUIRE(other->execute("CREATE TABLE t(x)"));
    const EndsWhenAsked clock(*other);
    const auto manager = make_sqlite_resource_manager(options, clock, {});
    CHECK(manager->open().has_value());
    REQUIRE(other->execute("BEGIN IMMEDIATE; INSERT INTO t VALUES(1)"));
    CHECK(manager->adopt(LogId{}, NodeName::from_trusted("p1")).has_value());
    CHECK_FALSE(other->in_transaction());
  }
  SUBCASE("a rollback-journal file somebody reads") {
    SqliteOptions options;
    options.path = w.dir.path() + "/plain.db";
    options.busy_wait = std::chrono::milliseconds(20);
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(options.path.c_str(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, "CREATE TABLE t(x); BEGIN; SELECT * FROM t", nullptr, nullptr,
                         nullptr) == SQLITE_OK);
    const auto manager = make_sqlite_resource_manager(options, w.clock, {});
    CHECK(manager->open().has_value());
    const auto adopted = manager->adopt(LogId{}, NodeName::from_trusted("p1"));
    REQUIRE_FALSE(adopted.has_value());
    CHECK(adopted.error().code == ErrorCode::kBusy);
    CHECK(adopted.error().context.find(options.path) != std::string::npos);
    CHECK(adopted.error().context.find("end that program") != std::string::npos);
    sqlite3_close(db);
    CHECK(manager->adopt(LogId{}, NodeName::from_trusted("p1")).has_value());
  }
}

TEST_CASE("automatic ids stay apart from those of retaken branches") {
  SqliteWorld w("CREATE TABLE q(id INTEGER PRIMARY KEY, x); INSERT INTO q(x) VALUES(1)");
  const auto first = w.start("INSERT INTO q(x) VALUES(2)");
  const auto redo = w.executed(first)->redo;
  w.crash();
  REQUIRE(w.manager->retake(first, redo).has_value());
  const auto second = w.start("INSERT INTO q(x) VALUES(3)");
  REQUIRE(w.votes_commit(second));
  w.apply(second);
  w.apply(first);
  w.flush();
  CHECK(w.look("SELECT group_concat(id || ':' || x) FROM (SELECT * FROM q ORDER BY id)") ==
        "1:1,2:2,3:3");
}
