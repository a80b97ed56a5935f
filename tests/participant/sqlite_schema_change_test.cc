// Schema changes as transactions of their own: beside prepared branches, over crashes, and what
// they renew.
#include <functional>

#include "participant/sqlite/schema_change.h"
#include "tests/participant/sqlite_world.h"
#include "troth/sqlite_refusals.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;

namespace {

constexpr const char* kTables =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE other(id INTEGER PRIMARY KEY, v);"
    "CREATE VIEW seen AS SELECT v FROM t; INSERT INTO t VALUES(1,10),(2,20); INSERT INTO other "
    "VALUES(1,1);";

// What the agent's log would hold of a world.
struct Log {
  struct Entry {
    Gtid gtid;
    Lsn lsn;
    std::string redo;
  };
  std::vector<Entry> entries;

  void apply(SqliteWorld& w, const Gtid& gtid) {
    REQUIRE(w.votes_commit(gtid));
    const auto redo = w.executed(gtid)->redo;
    w.apply(gtid);
    entries.push_back({gtid, {w.lsn}, redo});
  }
  // kill -9, and what recovery does.
  void crash(SqliteWorld& w) const {
    w.manager->close();
    w.manager.reset();
    const auto opened = w.open();
    REQUIRE(opened.has_value());
    for (const auto& entry : entries) {
      if (entry.lsn <= opened->applied) continue;
      const auto done = w.manager->replay(entry.gtid, entry.lsn, entry.redo);
      REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().context));
    }
    w.flush();
  }
};

std::string tables_of(const SqliteWorld& w) {
  return w.look(
      "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE name NOT LIKE "
      "'troth%' AND name NOT LIKE 'sqlite%' ORDER BY name)");
}

}  // namespace

TEST_CASE("a schema change is in the file as a whole or not at all, and later statements see it") {
  SqliteWorld w(kTables);
  CHECK(w.failure(w.start("SELECT * FROM fresh")) == AbortCode::kSqlError);
  const auto change =
      w.start_alone({"CREATE TABLE fresh(id INTEGER PRIMARY KEY, k)", "CREATE INDEX i ON fresh(k)",
                     "ALTER TABLE t ADD COLUMN w DEFAULT 7", "DROP VIEW seen"});
  REQUIRE(w.votes_commit(change));
  CHECK(tables_of(w) == "other seen t");
  w.apply(change);
  CHECK(tables_of(w) == "other seen t");
  w.flush();
  CHECK(tables_of(w) == "fresh i other t");
  w.commit("INSERT INTO fresh VALUES(1, 'a')");
  w.commit("UPDATE t SET w = 8 WHERE id = 2");
  CHECK(w.look("SELECT group_concat(w) FROM t") == "7,8");
  const auto nothing = w.start_alone({"CREATE TABLE IF NOT EXISTS fresh(x)"});
  CHECK(w.executed(nothing)->vote == Vote::kReadOnly);
  w.discard(nothing);
  w.crash();
  CHECK(w.look("SELECT k FROM fresh") == "a");
}

TEST_CASE("rows beside a schema change are redone in its order, over crashes") {
  const std::vector<std::string> migration = {
      "ALTER TABLE t ADD COLUMN w DEFAULT 7", "UPDATE t SET w = v + 1 WHERE id = 2",
      "CREATE TABLE fresh(k TEXT, n INT)",    "INSERT INTO fresh SELECT 'row ' || id, w FROM t",
      "SELECT count(*) FROM fresh",           "DROP VIEW seen",
      "ALTER TABLE fresh RENAME TO renamed",  "INSERT INTO renamed VALUES('last', NULL)",
      "CREATE TABLE IF NOT EXISTS other(x)",  "INSERT INTO other VALUES(2, 2)"};
  const auto look = [](const SqliteWorld& w) {
    return w.look(
        "SELECT (SELECT group_concat(w, ' ') FROM t) || '|' || group_concat(rowid || k, "
        "' ') || '|' || (SELECT count(*) FROM other) FROM renamed");
  };
  for (const bool crash : {false, true}) {
    SqliteWorld w(kTables);
    Log log;
    const auto change = w.start_alone(migration);
    REQUIRE(w.votes_commit(change));
    const auto& results = w.executed(change)->results;
    REQUIRE(results.size() == migration.size());
    CHECK(results[3].changes == 2);
    CHECK(std::get<std::int64_t>(results[4].rows[0][0]) == 2);
    CHECK(tables_of(w) == "other seen t");
    log.apply(w, change);
    if (crash) {
      log.crash(w);
    } else {
      w.flush();
    }
    CHECK(look(w) == "7 21|1row 1 2row 2 3last|2");
    w.commit("INSERT INTO renamed VALUES('more', 1)");
  }
}

TEST_CASE("a migration that fails leaves the schema and its statements as they were") {
  SqliteWorld w(kTables);
  const auto failed = w.start_alone({"ALTER TABLE t ADD COLUMN w", "UPDATE t SET w = 1",
                                     "INSERT INTO t(id) VALUES(1)", "DROP TABLE other"});
  CHECK(w.failure(failed) == AbortCode::kConstraint);
  CHECK(w.executed(failed)->reason.statement == 2);
  w.commit("UPDATE other SET v = 5");
  CHECK(w.failure(w.start("UPDATE t SET w = 1")) == AbortCode::kSqlError);
  CHECK(w.look("SELECT group_concat(v) FROM t") == "10,20");
}

TEST_CASE("rows behind CREATE IF NOT EXISTS are written, though the schema does not change") {
  SqliteWorld w(kTables);
  Log log;
  log.apply(
      w, w.start_alone({"CREATE TABLE IF NOT EXISTS other(x)", "INSERT INTO other VALUES(3, 3)"}));
  log.crash(w);
  CHECK(w.look("SELECT count(*) FROM other") == "2");
}

TEST_CASE("statements that were compiled before are compiled again") {
  SqliteWorld w(kTables);
  const auto columns = [&](const std::string& sql) {
    const auto gtid = w.start(sql);
    REQUIRE(w.executed(gtid) != nullptr);
    REQUIRE(w.executed(gtid)->vote == Vote::kReadOnly);
    const auto n = w.executed(gtid)->results.at(0).columns.size();
    w.discard(gtid);
    return n;
  };
  CHECK(columns("SELECT * FROM t") == 2);
  w.commit("INSERT INTO t VALUES(3, 30)");  // the statement that redoes it is cached too
  const auto change = w.start_alone({"ALTER TABLE t ADD COLUMN w"});
  w.apply(change);
  CHECK(columns("SELECT * FROM t") == 3);
  CHECK(w.failure(w.start("INSERT INTO t VALUES(4, 40)")) == AbortCode::kSqlError);
  w.commit("INSERT INTO t VALUES(4, 40, 400)");
  CHECK(w.look("SELECT sum(w) FROM t") == "400");
}

TEST_CASE("a change waits for whoever touches the table, and only for them") {
  struct Row {
    const char* held;    // by a prepared branch
    const char* change;  // meanwhile
    bool waits;
  };
  const Row rows[] = {
      {"UPDATE t SET v = 11 WHERE id = 1", "ALTER TABLE t ADD COLUMN w", true},
      {"UPDATE t SET v = 11 WHERE id = 1", "DROP TABLE t", true},
      {"UPDATE t SET v = 11 WHERE id = 1", "CREATE INDEX i ON t(v)", true},
      {"UPDATE t SET v = 11 WHERE id = 1", "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
       true},
      {"UPDATE t SET v = 11 WHERE id = 1", "DROP VIEW seen", true},
      {"UPDATE t SET v = 11 WHERE id = 1", "CREATE TABLE fresh(x)", false},
      {"UPDATE t SET v = 11 WHERE id = 1", "ALTER TABLE other ADD COLUMN w", false},
      {"UPDATE t SET v = 11 WHERE id = 1", "CREATE INDEX i ON other(v)", false},
      {"SELECT v FROM seen", "DROP VIEW seen", true},
      {"SELECT v FROM t WHERE id = 1", "DROP TABLE t", true},
      {"INSERT INTO child VALUES(1, 1)", "DROP TABLE parent", true},
      {"INSERT INTO child VALUES(1, 1)", "ALTER TABLE parent RENAME TO p", true},
      {"DELETE FROM child WHERE id = 9", "DROP TABLE parent", true},
      {"DELETE FROM child WHERE id = 9", "ALTER TABLE parent RENAME TO p", true},
      {"DELETE FROM child WHERE id = 9", "CREATE INDEX i ON parent(id DESC)", false},
      // Its rows are found again by rowid, which changes by the agent do not move.
      {"UPDATE nokey SET v = 2", "CREATE TABLE fresh(x)", false},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.held));
    CAPTURE(std::string(row.change));
    SqliteWorld w(
        std::string(kTables) +
        "CREATE TABLE parent(id INTEGER PRIMARY KEY); INSERT INTO parent VALUES(1);"
        "CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id)); INSERT INTO "
        "child VALUES(9, NULL);"
        "CREATE TABLE nokey(v); INSERT INTO nokey VALUES(1);");
    const auto holder = w.start(row.held);
    REQUIRE(w.executed(holder) != nullptr);
    const auto change = w.start_alone({row.change});
    CHECK(w.waits(change) == row.waits);
    if (row.waits) w.discard(holder);
    CHECK(w.votes_commit(change));
    w.apply(change);
    if (!row.waits) w.apply(holder);
    w.flush();
  }
}

TEST_CASE("a branch that is in doubt on another table survives the change and a restart") {
  SqliteWorld w(kTables);
  Log log;
  const auto in_doubt = w.start("UPDATE other SET v = 5 WHERE id = 1");
  REQUIRE(w.votes_commit(in_doubt));
  const auto redo = w.executed(in_doubt)->redo;
  log.apply(w, w.start_alone({"CREATE TABLE a(x)", "DROP TABLE t", "DROP VIEW seen"}));
  w.flush();
  log.crash(w);
  REQUIRE(w.manager->retake(in_doubt, redo).has_value());
  const auto reader = w.start("SELECT v FROM other");
  CHECK(w.waits(reader));
  w.apply(in_doubt);
  REQUIRE(w.executed(reader) != nullptr);
  CHECK(w.executed(reader)->results.at(0).rows.at(0).at(0) == Value(std::int64_t{5}));
  w.flush();
  CHECK(w.look("SELECT v FROM other") == "5");
}

TEST_CASE("rows without a key survive changes of other tables, not the VACUUM of another program") {
  SqliteWorld w(
      "CREATE TABLE t(v); CREATE TABLE notes(v); INSERT INTO notes(rowid, v) VALUES (7, 'a');"
      "CREATE TABLE keyed(k TEXT PRIMARY KEY, v); INSERT INTO keyed(rowid, k) VALUES (9, NULL);");
  Log log;
  const auto notes = w.start("UPDATE notes SET v = 'b' WHERE rowid = 7");
  REQUIRE(w.votes_commit(notes));
  const auto keyed = w.start("UPDATE keyed SET v = 'c', rowid = 12 WHERE rowid = 9");
  REQUIRE(w.votes_commit(keyed));
  const auto redo_of_notes = w.executed(notes)->redo, redo_of_keyed = w.executed(keyed)->redo;
  log.apply(w, w.start_alone({"ALTER TABLE t ADD COLUMN n"}));
  log.apply(w, w.start_alone({"CREATE TABLE more(x)"}));
  w.flush();
  log.crash(w);
  SUBCASE("the agent's own changes move no rowids") {
    REQUIRE(w.manager->retake(notes, redo_of_notes).has_value());
    REQUIRE(w.manager->retake(keyed, redo_of_keyed).has_value());
    w.apply(notes);
    w.apply(keyed);
    w.flush();
    CHECK(w.look("SELECT rowid || v FROM notes") == "7b");
    CHECK(w.look("SELECT rowid || v FROM keyed") == "12c");
  }
  SUBCASE("a change from outside may have") {
    w.manager->close();
    w.manager.reset();
    REQUIRE(w.stock("CREATE TABLE foreign_change(x)") == SQLITE_OK);
    REQUIRE(w.open().has_value());
    CHECK(!w.manager->retake(notes, redo_of_notes).has_value());
    CHECK(!w.manager->retake(keyed, redo_of_keyed).has_value());
  }
}

TEST_CASE("an undecided change holds up what needs it, and nothing else") {
  for (const bool committed : {true, false}) {
    CAPTURE(committed);
    SqliteWorld w(kTables);
    const auto change = w.start_alone({"CREATE TABLE fresh(id INTEGER PRIMARY KEY, v)"});
    REQUIRE(w.votes_commit(change));
    const auto elsewhere = w.start("UPDATE other SET v = 2 WHERE id = 1");
    CHECK(w.votes_commit(elsewhere));
    // Its client may have been told already that the change is committed.
    const auto user = w.start("INSERT INTO fresh VALUES(1, 1)");
    const auto twice = w.start_alone({"CREATE TABLE fresh(x)"});
    const auto index = w.start_alone({"CREATE INDEX i ON fresh(v)"});
    CHECK((w.waits(user) && w.waits(twice) && w.waits(index)));
    w.discard(index);
    w.apply(elsewhere);
    if (committed) {
      w.apply(change);
      CHECK(w.votes_commit(user));
      w.apply(user);
      CHECK(w.failure(twice) == AbortCode::kSqlError);
    } else {
      w.discard(change);
      CHECK(w.failure(user) == AbortCode::kSqlError);
      CHECK(w.votes_commit(twice));
      w.discard(twice);
    }
    w.flush();
    CHECK(w.look("SELECT v FROM other") == "2");
    CHECK(w.manager->status().locks == 0);
  }
}

TEST_CASE("a change of several participants may be in doubt, over a restart") {
  struct Row {
    std::vector<std::string> sql;
    bool locks_all;  // with rows among it nobody knows before which tables they are of
  };
  const Row rows[] = {
      {{"CREATE TABLE fresh(k)", "ALTER TABLE t ADD COLUMN w DEFAULT 7"}, false},
      {{"CREATE TABLE fresh(k)", "INSERT INTO fresh SELECT v FROM t",
        "ALTER TABLE t ADD COLUMN w DEFAULT 7", "PRAGMA user_version = 5"},
       true},
  };
  for (const auto& row : rows)
    for (const bool committed : {true, false}) {
      CAPTURE(committed);
      SqliteWorld w(kTables);
      std::vector<Statement> statements;
      for (const auto& sql : row.sql) statements.push_back({sql, {}, {}});
      const auto change = w.start(statements);
      REQUIRE(w.votes_commit(change));
      const auto redo = w.executed(change)->redo;
      w.crash();
      REQUIRE(w.manager->retake(change, redo).has_value());
      const auto reader = w.start("SELECT v FROM t");
      const auto writer = w.start("UPDATE other SET v = 9 WHERE id = 1");
      const auto second = w.start_alone({"CREATE INDEX i ON other(v)"});
      CHECK(w.waits(reader));
      CHECK(w.waits(writer) == row.locks_all);
      CHECK(w.waits(second));
      w.discard(reader);
      w.discard(second);
      if (committed) {
        w.apply(change);
      } else {
        w.discard(change);
      }
      CHECK(w.votes_commit(writer));
      w.apply(writer);
      w.flush();
      CHECK(tables_of(w) == (committed ? "fresh other seen t" : "other seen t"));
      CHECK(w.look("SELECT v FROM other") == "9");
      if (committed) CHECK(w.look("SELECT group_concat(w) FROM t") == "7,7");
      if (row.locks_all && committed) {
        CHECK(w.look("SELECT group_concat(k) FROM fresh") == "10,20");
        CHECK(w.look("PRAGMA user_version") == "5");
      }
      CHECK(w.manager->status().locks == 0);
    }
}

TEST_CASE("a change that is in doubt is not retaken in a schema that somebody changed") {
  SqliteWorld w(kTables);
  const auto change = w.start_alone({"CREATE TABLE fresh(k)"});
  const auto redo = w.executed(change)->redo;
  w.manager->close();
  REQUIRE(w.stock("CREATE TABLE stranger(x)") == SQLITE_OK);
  w.crash();
  const auto retaken = w.manager->retake(change, redo);
  REQUIRE_FALSE(retaken.has_value());
  CHECK(retaken.error().code == ErrorCode::kCorruption);
}

namespace {

// An interactive branch; what its last piece came to.
struct Pieces {
  SqliteWorld& w;
  Gtid gtid;
  const Executed* send(const std::string& sql, bool open = true) {
    w.events.clear();
    std::vector<Statement> statements;
    if (!sql.empty()) statements.push_back({sql, {}, {}});
    w.manager->execute(
        {gtid, {static_cast<std::int64_t>(gtid.sequence()), gtid}, std::move(statements), open},
        w.events);
    return w.executed(gtid);
  }
  bool done(const std::string& sql) {
    const auto* e = send(sql);
    if (e != nullptr && e->vote == Vote::kAbort) MESSAGE(e->reason.detail);
    return e != nullptr && e->vote == Vote::kReadOnly;
  }
};

}  // namespace

TEST_CASE("a migration in pieces sees what it made, and others do not") {
  for (const bool crash : {false, true}) {
    SqliteWorld w(kTables);
    Pieces one{w, Gtid({2}, {1}, 1, Decider::kCoordinator)};
    REQUIRE(one.done("INSERT INTO t VALUES(3, 30)"));  // before any DDL
    REQUIRE(one.done("CREATE TABLE fresh(id INTEGER PRIMARY KEY AUTOINCREMENT, k)"));
    REQUIRE(one.done("INSERT INTO fresh(k) SELECT v FROM t"));
    REQUIRE(one.done("ALTER TABLE fresh ADD COLUMN w DEFAULT 1"));
    REQUIRE(one.done("UPDATE fresh SET w = id WHERE id > 1"));
    REQUIRE(one.done("PRAGMA user_version = 12"));
    const auto* seen = one.send("SELECT group_concat(k || ':' || w) FROM fresh");
    REQUIRE((seen != nullptr && !seen->results.empty()));
    CHECK(seen->results[0].rows[0][0] == Value(std::string("10:1,20:2,30:3")));
    seen = one.send("PRAGMA user_version");
    CHECK(seen->results[0].rows[0][0] == Value(std::int64_t{12}));
    CHECK(tables_of(w) == "other seen t");
    const auto other = w.start("SELECT v FROM t");
    CHECK(w.waits(other));
    w.discard(other);
    const auto* vote = one.send("", false);
    REQUIRE((vote != nullptr && vote->vote == Vote::kCommit));
    const auto redo = vote->redo;
    if (crash) {
      w.crash();
      REQUIRE(w.manager->retake(one.gtid, redo).has_value());
    }
    w.apply(one.gtid);
    w.flush();
    CHECK(w.look("SELECT group_concat(k || ':' || w) FROM fresh") == "10:1,20:2,30:3");
    CHECK(w.look("SELECT count(*) FROM t") == "3");
    CHECK(w.look("PRAGMA user_version") == "12");
    CHECK(w.look("SELECT seq FROM sqlite_sequence WHERE name = 'fresh'") == "3");
    CHECK(w.look("PRAGMA integrity_check") == "ok");
    CHECK(w.manager->status().locks == 0);
  }
}

TEST_CASE("a migration in pieces that fails or is given up leaves nothing") {
  SqliteWorld w(std::string(kTables) +
                "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p DEFERRABLE "
                "INITIALLY DEFERRED);");
  const auto before = tables_of(w);
  Pieces failing{w, Gtid({2}, {1}, 1, Decider::kCoordinator)};
  REQUIRE(failing.done("CREATE TABLE fresh(k UNIQUE)"));
  REQUIRE(failing.done("INSERT INTO fresh VALUES(1)"));
  CHECK(failing.send("INSERT INTO fresh VALUES(1)")->reason.code == AbortCode::kConstraint);
  Pieces given_up{w, Gtid({2}, {1}, 2, Decider::kCoordinator)};
  REQUIRE(given_up.done("DROP TABLE other"));
  w.discard(given_up.gtid);
  Pieces orphan{w, Gtid({2}, {1}, 3, Decider::kCoordinator)};
  REQUIRE(orphan.done("INSERT INTO c VALUES(5)"));
  CHECK(orphan.send("CREATE TABLE fresh(k)")->reason.code == AbortCode::kForeignKey);
  Pieces reading{w, Gtid({2}, {1}, 4, Decider::kCoordinator)};
  REQUIRE(reading.done("CREATE TABLE IF NOT EXISTS t(x)"));
  CHECK(reading.send("", false)->vote == Vote::kReadOnly);
  w.discard(reading.gtid);
  w.commit("INSERT INTO t VALUES(9, 9)");
  CHECK(tables_of(w) == before);
  CHECK(w.manager->status().locks == 0);
}

TEST_CASE("numbers in the header change and return with their transaction") {
  SqliteWorld w(kTables);
  const auto read = [&](const char* pragma) {
    const auto gtid = w.start(pragma);
    REQUIRE(w.executed(gtid) != nullptr);
    REQUIRE(w.executed(gtid)->vote == Vote::kReadOnly);
    const auto value = w.executed(gtid)->results.at(0).rows.at(0).at(0);
    w.discard(gtid);
    return std::get<std::int64_t>(value);
  };
  Log log;
  log.apply(w, w.start_alone({"PRAGMA user_version = 3"}));
  CHECK(read("PRAGMA user_version") == 3);
  log.apply(w, w.start_alone({"PRAGMA main.application_id(77)", "INSERT INTO t VALUES(3, 3)"}));
  const auto undecided = w.start_alone({"PRAGMA User_Version = 4"});
  REQUIRE(w.votes_commit(undecided));
  const auto reader = w.start("pragma /* now */ main.user_version");
  CHECK(w.waits(reader));
  w.discard(undecided);
  REQUIRE(w.executed(reader) != nullptr);
  CHECK(w.executed(reader)->results.at(0).rows.at(0).at(0) == Value(std::int64_t{3}));
  log.crash(w);
  CHECK(read("PRAGMA user_version") == 3);
  CHECK(w.look("PRAGMA application_id") == "77");
  for (const char* sql : {"PRAGMA foreign_keys = OFF", "PRAGMA schema_version = 9",
                          "PRAGMA temp.user_version = 1", "PRAGMA data_version"})
    CHECK(w.executed(w.start(sql))->vote == Vote::kAbort);
}

TEST_CASE("whoever waited while the schema changed is looked at again") {
  SqliteWorld w(std::string(kTables) + "CREATE TABLE audit(id INTEGER PRIMARY KEY, v);");
  const auto holder = w.start("UPDATE t SET v = 11 WHERE id = 1");
  const auto change =
      w.start_alone({"CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO audit(v) "
                     "SELECT v FROM other; END"});
  const auto behind = w.start("UPDATE t SET v = 12 WHERE id = 1");
  CHECK((w.waits(change) && w.waits(behind)));
  const auto source = w.start("UPDATE other SET v = 77 WHERE id = 1");
  w.apply(holder);
  REQUIRE(w.votes_commit(change));
  w.apply(change);
  CHECK(w.waits(behind));  // its trigger reads what is not decided yet
  w.apply(source);
  REQUIRE(w.votes_commit(behind));
  w.apply(behind);
  w.flush();
  CHECK(w.look("SELECT group_concat(v) FROM audit") == "77");
  const auto drop = w.start_alone({"DROP TABLE t", "CREATE TABLE t(id INTEGER PRIMARY KEY)"});
  REQUIRE(w.votes_commit(drop));
  const auto old = w.start("UPDATE t SET v = 13 WHERE id = 1");
  w.apply(drop);
  CHECK(w.failure(old) == AbortCode::kSqlError);
}

TEST_CASE("the log redoes rows and changes in order, from wherever the file stopped") {
  for (int flushed = 0; flushed < 7; ++flushed) {
    CAPTURE(flushed);
    SqliteWorld w(kTables);
    Log log;
    int step = 0;
    const auto next = [&](const Gtid& gtid) {
      log.apply(w, gtid);
      if (++step == flushed) w.flush();
    };
    next(w.start("INSERT INTO t VALUES(3, 30)"));
    next(w.start_alone({"ALTER TABLE t ADD COLUMN w DEFAULT 1", "CREATE UNIQUE INDEX u ON t(v)"}));
    next(w.start("INSERT INTO t VALUES(4, 40, 4)"));
    next(w.start_alone({"ALTER TABLE t RENAME TO renamed", "CREATE TABLE t(k TEXT PRIMARY KEY)"}));
    next(w.start("INSERT INTO t VALUES('new')"));
    next(w.start("UPDATE renamed SET w = 9 WHERE id = 1"));
    log.crash(w);
    CHECK(w.look("SELECT group_concat(id || ':' || v || ':' || w) FROM renamed") ==
          "1:10:9,2:20:1,3:30:1,4:40:4");
    CHECK(w.look("SELECT k FROM t") == "new");
    CHECK(w.look("PRAGMA integrity_check") == "ok");
    CHECK(w.failure(w.start("INSERT INTO renamed VALUES(5, 10, 0)")) == AbortCode::kConstraint);
  }
}

TEST_CASE("a change is only redone in the schema it was made in") {
  SqliteWorld w(kTables);
  const auto change = w.start_alone({"CREATE TABLE IF NOT EXISTS fresh(x)"});
  REQUIRE(w.votes_commit(change));
  const auto redo = w.executed(change)->redo;
  w.manager->close();
  REQUIRE(w.stock("CREATE TABLE fresh(y)") == SQLITE_OK);
  w.crash();
  const auto done = w.manager->replay(change, {101}, redo);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().code == ErrorCode::kCorruption);
  for (std::size_t i = 0; i < redo.size(); ++i)
    CHECK_FALSE(w.manager->replay(change, {101}, redo.substr(0, i)).has_value());
  // Each of the two checks alone.
  const auto fresh = w.start_alone({"CREATE TABLE other_fresh(x)"});
  REQUIRE(w.votes_commit(fresh));
  const auto sound = *sqlite::decode_schema_redo(w.executed(fresh)->redo);
  w.discard(fresh);
  auto bent = sound;
  ++bent.version_before;
  CHECK_FALSE(w.manager->replay(fresh, {102}, sqlite::encode_schema_redo(bent)).has_value());
  CHECK(w.manager->replay(fresh, {102}, sqlite::encode_schema_redo(sound)).has_value());
  auto second = sound;
  ++second.version_before;
  second.steps = {{false, "CREATE TABLE another(x)"}};
  CHECK_FALSE(w.manager->replay(fresh, {103}, sqlite::encode_schema_redo(second)).has_value());
}

TEST_CASE("a lost outer transaction is rebuilt with the changes in it") {
  SqliteOptions options;
  options.statement_time_limit = std::chrono::milliseconds(50);
  SqliteWorld w(kTables, options);
  w.apply(w.start("INSERT INTO t VALUES(3, 30)"));
  w.apply(w.start_alone({"ALTER TABLE t ADD COLUMN w DEFAULT 1",
                         "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES t(id))"}));
  w.apply(w.start("INSERT INTO t VALUES(4, 40, 4)"));
  w.apply(w.start("INSERT INTO c VALUES(1, 4)"));
  CHECK(w.failure(w.start("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) INSERT "
                          "INTO other SELECT i+1, i FROM n")) == AbortCode::kStatementInterrupted);
  CHECK(w.failure(w.start_alone({"CREATE TABLE z(x)", "DROP TABLE z, z"})) == AbortCode::kSqlError);
  w.commit("UPDATE t SET w = 5 WHERE id = 3");
  CHECK(w.look("SELECT group_concat(id || ':' || w) FROM t") == "1:1,2:1,3:5,4:4");
  CHECK(w.look("SELECT p FROM c") == "4");
}

TEST_CASE("foreign keys that a change brings are checked as all others") {
  SqliteWorld w(kTables);
  w.apply(w.start_alone({"CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES t(id))",
                         "CREATE TRIGGER g BEFORE INSERT ON t BEGIN INSERT INTO c VALUES(new.id, "
                         "new.id); END"}));
  CHECK(w.failure(w.start("INSERT INTO c VALUES(1, 99)")) == AbortCode::kForeignKey);
  // Redo goes row by row, the child first: in the same outer transaction checks are deferred now.
  w.commit("INSERT INTO t VALUES(50, 1)");
  CHECK(w.failure(w.start_alone({"DROP TABLE t"})) == AbortCode::kForeignKey);
  w.commit("DELETE FROM c");
  const auto drop = w.start_alone({"DROP TABLE c", "DROP TABLE t"});
  CHECK(w.votes_commit(drop));
}

TEST_CASE("what is no plain schema change is refused by name, and leaves nothing behind") {
  struct Row {
    std::vector<std::string> sql;
    AbortCode code;
  };
  const Row rows[] = {
      {{"CREATE TABLE x(a)", "INSERT INTO x VALUES(9, 9)"}, AbortCode::kSqlError},
      {{"INSERT INTO t VALUES(1, 9)", "CREATE TABLE x(a)"}, AbortCode::kConstraint},
      {{"CREATE TABLE x(a)", "COMMIT"}, AbortCode::kRefusedTxnControl},
      {{"CREATE TABLE x(a)", "INSERT INTO x VALUES(?)"}, AbortCode::kParameterCount},
      {{"CREATE TABLE x AS SELECT * FROM t"}, AbortCode::kRefusedDdl},
      {{"CREATE TEMP TABLE x(a)"}, AbortCode::kRefusedTemp},
      {{"CREATE TEMP VIEW x AS SELECT 1"}, AbortCode::kRefusedTemp},
      {{"CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END"}, AbortCode::kRefusedTemp},
      {{"CREATE VIRTUAL TABLE x USING fts5(a)"}, sqlite_refusal::kVirtualTable},
      {{"DROP TABLE words"}, sqlite_refusal::kVirtualTable},
      {{"ALTER TABLE words RENAME TO w"}, sqlite_refusal::kVirtualTable},
      {{"DROP TABLE troth_applied"}, AbortCode::kRefusedSystemTable},
      {{"ALTER TABLE troth_applied ADD COLUMN x"}, AbortCode::kRefusedSystemTable},
      {{"CREATE TRIGGER x AFTER UPDATE ON troth_applied BEGIN SELECT 1; END"},
       AbortCode::kRefusedSystemTable},
      {{"CREATE TABLE troth_mine(x)"}, AbortCode::kRefusedSystemTable},
      {{"CREATE VIEW troth_mine AS SELECT 1"}, AbortCode::kRefusedSystemTable},
      {{"ALTER TABLE other RENAME TO troth_mine"}, AbortCode::kRefusedSystemTable},
      {{"CREATE TABLE sqlite_mine(x)"}, AbortCode::kSqlError},
      {{"CREATE TABLE x(a); CREATE TABLE y(a)"}, AbortCode::kSqlError},
      {{"CREATE TABLE t(a)"}, AbortCode::kSqlError},
      {{"DROP TABLE nowhere"}, AbortCode::kSqlError},
      {{"CREATE TABLE x(a)", "CREATE INDEX i ON x(b)"}, AbortCode::kSqlError},
      {{"CREATE UNIQUE INDEX i ON twice(v)"}, AbortCode::kConstraint},
      {{"CREATE TABLE x(a COLLATE nowhere PRIMARY KEY)"}, AbortCode::kSqlError},
      {{"DROP TABLE parent"}, AbortCode::kRefusedDdl},  // cascades into child
      {{"DROP TABLE twice", "ALTER TABLE t ADD COLUMN x NOT NULL"}, AbortCode::kSqlError},
  };
  SqliteWorld w(std::string(kTables) +
                "CREATE VIRTUAL TABLE words USING fts5(a); CREATE TABLE twice(id INTEGER PRIMARY "
                "KEY, v); INSERT INTO twice VALUES(1,1),(2,1);"
                "CREATE TABLE parent(id INTEGER PRIMARY KEY); INSERT INTO parent VALUES(1);"
                "CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id) ON DELETE "
                "CASCADE); INSERT INTO child VALUES(1,1);");
  const auto before = tables_of(w);
  for (const auto& row : rows) {
    CAPTURE(row.sql.front());
    const auto gtid = w.start_alone(row.sql);
    CHECK(w.failure(gtid) == row.code);
    if (w.executed(gtid)->vote != Vote::kAbort) w.discard(gtid);
  }
  w.commit("INSERT INTO t VALUES(9, 9)");
  CHECK(tables_of(w) == before);
  CHECK(w.manager->status().locks == 0);
}
