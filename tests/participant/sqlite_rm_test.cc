// The corners of the SQLite resource manager: contention, identities, keys, foreign keys. The
// everyday path is in sqlite_test.cc.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "tests/participant/sqlite_world.h"
#include "troth/sqlite_refusals.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;

namespace {

constexpr const char* kAccounts =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0));"
    "INSERT INTO a VALUES(1,10),(2,20),(3,30);";

std::vector<Statement> statements(std::initializer_list<const char*> texts) {
  std::vector<Statement> out;
  for (const char* sql : texts) out.push_back({sql, {}, {}});
  return out;
}

}  // namespace

TEST_CASE("many branches on one row: each gets its turn, none is forgotten") {
  SqliteWorld w(kAccounts);
  std::vector<Gtid> gtids;
  for (int i = 0; i < 20; ++i) gtids.push_back(w.start("UPDATE a SET v = v + 1 WHERE id = 1"));
  std::size_t done = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& gtid : gtids) {
      if (gtid.is_nil() || w.waits(gtid)) continue;
      REQUIRE(w.votes_commit(gtid));
      w.apply(gtid);
      gtid = Gtid();
      moved = true;
      ++done;
    }
  }
  CHECK(done == gtids.size());
  w.flush();
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "30");
  CHECK(w.manager->status().locks == 0);
}

TEST_CASE("quick is what has been, touches single rows and makes nobody wait") {
  SqliteWorld w(kAccounts);
  const auto quick = [&](const char* sql) {
    ExecuteRequest request;
    request.gtid = Gtid({1}, {1}, 1'000'000, Decider::kCoordinator);
    request.statements = statements({sql});
    return w.manager->is_quick(request);
  };
  constexpr const char* kByKey = "UPDATE a SET v = v + 1 WHERE id = 1";
  constexpr const char* kScan = "UPDATE a SET v = v + 1 WHERE v > 0";
  CHECK_FALSE(quick(kByKey));  // nobody knows yet
  bool found = false;
  for (int i = 0; i < 1000 && !found; ++i) {  // a busy machine may take its time now and then
    w.commit(kByKey);
    found = quick(kByKey);
  }
  CHECK(found);
  w.commit(kScan);
  CHECK_FALSE(quick(kScan));
  const auto first = w.start(kByKey);
  CHECK(w.manager->applies_quickly(first));
  CHECK_FALSE(w.manager->applies_quickly(Gtid({1}, {1}, 1'000'001, Decider::kCoordinator)));
  const auto second = w.start(kByKey);
  REQUIRE(w.waits(second));
  CHECK_FALSE(w.manager->applies_quickly(first));  // the second would be executed with it
  CHECK_FALSE(quick("UPDATE a SET v = v + 1 WHERE id = 1"));
  w.apply(first);
  w.discard(second);
}

TEST_CASE("a branch that gives its locks up to wait again wakes those that waited for them") {
  SqliteWorld w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); CREATE TABLE u(id INTEGER PRIMARY KEY, v "
      "INT);"
      "INSERT INTO t VALUES(1,1),(2,2); INSERT INTO u VALUES(1,1)");
  const auto holds_t = w.start("UPDATE t SET v = 5 WHERE id = 1");
  const auto holds_u = w.start("INSERT INTO u VALUES(7, 5)");
  // Reads all of t, then inserts a row of u that nobody could foresee.
  const auto middle = w.start("INSERT INTO u SELECT 5 + count(*), 0 FROM t");
  const auto last = w.start("UPDATE t SET v = 9 WHERE id = 2");
  CHECK(w.waits(middle));
  w.apply(holds_t);
  CHECK(w.waits(middle));
  w.discard(holds_u);
  REQUIRE(w.votes_commit(middle));
  w.apply(middle);
  REQUIRE(w.votes_commit(last));
  w.apply(last);
  CHECK(w.manager->status().locks == 0);
}

TEST_CASE(
    "an embedding application's own connection keeps its locks when the agent comes and goes") {
  SqliteWorld w(kAccounts);
  auto application = sqlite::Connection::open(w.options.path, SQLITE_OPEN_READWRITE, nullptr);
  REQUIRE(application.has_value());
  REQUIRE((*application)->integer("SELECT count(*) FROM a").value_or(0) == 3);
  // The SHARED lock that every WAL connection holds, seen as another process sees it.
  std::vector<int> kept_open;  // closing one would free the locks this is about
  const auto locked = [&] {
    const int fd = ::open(w.options.path.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0);
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = 0x40000002;  // os_unix.c, SHARED_FIRST
    range.l_len = 510;
    const int rc = ::fcntl(fd, F_OFD_GETLK, &range);
    kept_open.push_back(fd);
    REQUIRE(rc == 0);
    return range.l_type != F_UNLCK;
  };
  w.manager->close();
  w.manager.reset();
  CHECK(locked());
  const auto opened = w.open();
  REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().context));
  w.manager->close();
  w.manager.reset();
  CHECK(locked());
  CHECK((*application)->execute("UPDATE a SET v = 11 WHERE id = 1").has_value());
  application->reset();
  CHECK(!locked());
  for (const int fd : kept_open) ::close(fd);
}

TEST_CASE("a long queue of failing branches does not exhaust the stack") {
  SqliteWorld w(kAccounts);
  const auto first = w.start("UPDATE a SET v = v WHERE id = 1");
  std::vector<Gtid> gtids;
  for (int i = 0; i < 1000; ++i)
    gtids.push_back(w.start(statements({"UPDATE a SET v = v + 1 WHERE id = 1", "SELECT * FROM a",
                                        "UPDATE a SET v = -1 WHERE id = 2"})));
  w.discard(first);
  for (const auto& gtid : gtids) REQUIRE(w.failure(gtid) == AbortCode::kConstraint);
  CHECK(w.manager->status().locks == 0);
}

TEST_CASE("a foreign key error is only reported when no undecided branch could lift it") {
  SqliteWorld w(
      "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INT "
      "REFERENCES p);"
      "INSERT INTO p VALUES(1),(2); INSERT INTO c VALUES(1,1),(2,2)");
  const auto child = w.start("DELETE FROM c WHERE id = 1");
  const auto parent = w.start("DELETE FROM p WHERE id = 1");
  CHECK(w.waits(parent));
  w.apply(child);
  CHECK(w.votes_commit(parent));
  w.apply(parent);
  const auto refused = w.start("DELETE FROM p WHERE id = 2");
  CHECK(w.failure(refused) == AbortCode::kForeignKey);
}

TEST_CASE("a row of another branch whose parent is undecided hides no violation") {
  SqliteWorld w(
      "CREATE TABLE p(id INTEGER PRIMARY KEY);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p INT NOT NULL REFERENCES p(id))");
  // Its child is put in place where others choose their ids, its parent is not.
  const auto first = w.start(statements({"INSERT INTO p VALUES(7)", "INSERT INTO c(p) VALUES(7)"}));
  REQUIRE(w.votes_commit(first));
  const auto second =
      w.start(statements({"INSERT INTO p VALUES(8)", "INSERT INTO c(p) VALUES(8) RETURNING id"}));
  REQUIRE(w.votes_commit(second));  // without waiting
  CHECK(w.executed(second)->results[1].rows[0][0] == Value(std::int64_t{2}));
  const auto orphan = w.start("INSERT INTO c(p) VALUES(99)");
  const auto child_of_undecided = w.start("INSERT INTO c(p) VALUES(7)");
  CHECK(w.waits(orphan));
  CHECK(w.waits(child_of_undecided));
  w.apply(first);
  w.apply(second);
  CHECK(w.failure(orphan) == AbortCode::kForeignKey);
  REQUIRE(w.votes_commit(child_of_undecided));
  w.apply(child_of_undecided);
  w.flush();
  CHECK(w.look("SELECT group_concat(id || ':' || p) FROM c") == "1:7,2:8,3:7");
}

TEST_CASE("a violated foreign key names its statement") {
  SqliteWorld w(
      "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INT "
      "REFERENCES p);");
  const auto gtid = w.start(statements(
      {"INSERT INTO p VALUES(1)", "INSERT INTO c VALUES(1, 7)", "INSERT INTO p VALUES(2)"}));
  REQUIRE(w.failure(gtid) == AbortCode::kForeignKey);
  CHECK(w.executed(gtid)->reason.statement == 1);
}

TEST_CASE("what names a row: declarations SQLite treats specially") {
  struct Row {
    const char* schema;
    std::vector<const char*> work;
    const char* look;
    const char* expected;
  };
  const Row rows[] = {
      // Not an alias of the rowid, whatever it looks like.
      {"CREATE TABLE t(id INTEGER PRIMARY KEY DESC, v); INSERT INTO t VALUES(100,'a'),(200,'b')",
       {"UPDATE t SET v = 'c' WHERE id = 200", "INSERT INTO t VALUES(300, 'd')",
        "DELETE FROM t WHERE id = 100"},
       "SELECT group_concat(id || v) FROM (SELECT * FROM t ORDER BY id)",
       "200c,300d"},
      {"CREATE TABLE t(id INTEGER, v, PRIMARY KEY(id DESC)); INSERT INTO t "
       "VALUES(100,'a'),(200,'b')",
       {"UPDATE t SET v = 'c' WHERE id = 200", "INSERT INTO t VALUES(300, 'd')",
        "DELETE FROM t WHERE id = 100"},
       "SELECT group_concat(id || v) FROM (SELECT * FROM t ORDER BY id)",
       "200c,300d"},
      // The key's collation is not the column's.
      {"CREATE TABLE t(k TEXT COLLATE NOCASE NOT NULL, v, PRIMARY KEY(k COLLATE BINARY)); INSERT "
       "INTO t VALUES('a',1),('A',2)",
       {"UPDATE t SET v = 3 WHERE k = 'a' COLLATE BINARY",
        "DELETE FROM t WHERE k = 'A' COLLATE BINARY"},
       "SELECT group_concat(k || v) FROM t",
       "a3"},
      {"CREATE TABLE t(k TEXT NOT NULL, v, PRIMARY KEY(k COLLATE NOCASE)); INSERT INTO t "
       "VALUES('a',1),('b',2)",
       {"UPDATE t SET v = 3, k = 'A' WHERE k = 'a'", "DELETE FROM t WHERE k = 'b'"},
       "SELECT group_concat(k || v) FROM t",
       "A3"},
      {"CREATE TABLE t(rowid TEXT, oid TEXT, _rowid_ TEXT, id INTEGER PRIMARY KEY); INSERT INTO t "
       "VALUES('x','y','z',5)",
       {"UPDATE t SET oid = 'w' WHERE id = 5"},
       "SELECT rowid || oid || _rowid_ FROM t",
       "xwz"},
      {"CREATE TABLE t(v); INSERT INTO t VALUES('a'),('b')",
       {"UPDATE t SET rowid = 7 WHERE rowid = 2", "UPDATE t SET v = 'c' WHERE rowid = 7"},
       "SELECT group_concat(rowid || v) FROM t",
       "1a,7c"},
      {"CREATE TABLE t(v, w); INSERT INTO t VALUES(0.0, 1)",
       {"UPDATE t SET v = 0", "UPDATE t SET w = 1.0"},
       "SELECT typeof(v) || typeof(w) FROM t",
       "integerreal"},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.schema));
    for (const bool one_branch : {true, false}) {
      SqliteWorld w(row.schema);
      std::vector<Statement> all;
      for (const char* sql : row.work) all.push_back({sql, {}, {}});
      std::vector<std::vector<Statement>> branches;
      if (one_branch) {
        branches.push_back(all);
      } else {
        for (const auto& statement : all) branches.push_back({statement});
      }
      for (const auto& branch : branches) {
        const auto gtid = w.start(branch);
        REQUIRE(w.votes_commit(gtid));
        w.apply(gtid);
      }
      w.flush();
      CHECK(w.look(row.look) == row.expected);
      CHECK(w.look("PRAGMA integrity_check") == "ok");
    }
  }
}

TEST_CASE("a cascade into a table with a VIRTUAL column is refused like a write of it") {
  SqliteWorld w(
      "CREATE TABLE p(id INTEGER PRIMARY KEY);"
      "CREATE TABLE c(v AS (x + 1), x INT, p INT REFERENCES p ON DELETE CASCADE, id INTEGER "
      "PRIMARY KEY);"
      "INSERT INTO p VALUES(1); INSERT INTO c(x, p, id) VALUES(5, 1, 1)");
  CHECK(w.failure(w.start("DELETE FROM p WHERE id = 1")) == sqlite_refusal::kVirtualColumn);
}

TEST_CASE("inserts with automatic ids do not wait for each other") {
  SUBCASE("several in one branch") {
    SqliteWorld w("CREATE TABLE q(id INTEGER PRIMARY KEY, x)");
    std::vector<Gtid> gtids;
    for (int i = 0; i < 5; ++i) {
      gtids.push_back(
          w.start(statements({"INSERT INTO q(x) VALUES(1)", "INSERT INTO q(x) VALUES(2)",
                              "INSERT INTO q(x) VALUES(3),(4)"})));
      REQUIRE(w.votes_commit(gtids.back()));
    }
    for (auto at = gtids.rbegin(); at != gtids.rend(); ++at) w.apply(*at);
    w.flush();
    CHECK(w.look("SELECT count(*) FROM q") == "20");
  }
  SUBCASE("TEXT key: hidden rowids mean nothing") {
    SqliteWorld w("CREATE TABLE q(k TEXT PRIMARY KEY NOT NULL, x)");
    std::vector<Gtid> gtids;
    for (int i = 0; i < 5; ++i) {
      const auto sql = "INSERT INTO q VALUES('k" + std::to_string(i) + "', 1), ('l" +
                       std::to_string(i) + "', 1)";
      gtids.push_back(w.start(sql));
      REQUIRE(w.votes_commit(gtids.back()));
    }
    w.discard(gtids[2]);
    for (const auto i : {4U, 0U, 3U, 1U}) w.apply(gtids[i]);
    w.flush();
    CHECK(w.look("SELECT count(*) FROM q") == "8");
  }
  SUBCASE("whose parents are undecided too") {
    SqliteWorld w(
        "CREATE TABLE p(k TEXT PRIMARY KEY NOT NULL); CREATE TABLE c(id INTEGER PRIMARY KEY, p "
        "TEXT REFERENCES p);"
        "INSERT INTO p VALUES('old')");
    const auto first =
        w.start(statements({"INSERT INTO p VALUES('new')", "INSERT INTO c(p) VALUES('new')"}));
    const auto second = w.start("INSERT INTO c(p) VALUES('old')");
    REQUIRE(w.votes_commit(first));
    REQUIRE(w.votes_commit(second));
    w.apply(second);
    w.apply(first);
    w.flush();
    CHECK(w.look("SELECT count(*) FROM c") == "2");
    CHECK(w.look("SELECT count(*) FROM pragma_foreign_key_check") == "0");
  }
}

TEST_CASE("keys that SQLite finds equal conflict") {
  struct Row {
    const char* column;
    const char* writer;  // a key as SQL
    Value reader;
  };
  const Row rows[] = {
      {"INTEGER", "12", std::string("\t12\n")},
      {"INTEGER", "9007199254740992", 9007199254740992.0},
      {"NUMERIC", "'1e3'", std::int64_t{1000}},
      {"TEXT COLLATE NOCASE", "'Ab'", std::string("aB")},
      {"TEXT COLLATE RTRIM", "'ab'", std::string("ab  ")},
      {"TEXT", "5", std::int64_t{5}},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.column));
    CAPTURE(std::string(row.writer));
    SqliteWorld w(std::string("CREATE TABLE t(id INTEGER PRIMARY KEY, k ") + row.column +
                  " UNIQUE, v INT)");
    w.commit(std::string("INSERT INTO t(k, v) VALUES(") + row.writer + ", 1)");
    const auto check = w.start({Statement{"SELECT v FROM t WHERE k = ?1", {row.reader}, {}}});
    REQUIRE(w.executed(check)->results.at(0).rows.size() == 1);
    w.discard(check);
    const auto writer = w.start("UPDATE t SET v = 2");
    CHECK(w.votes_commit(writer));
    w.discard(writer);
    const auto by_id = w.start("UPDATE t SET v = 2 WHERE id = 1");
    CHECK(w.votes_commit(by_id));
    CHECK(w.waits(w.start({Statement{"SELECT v FROM t WHERE k = ?1", {row.reader}, {}}})));
  }
}

TEST_CASE("an undecided update keeps readers from every key the row has, old and new") {
  const char* table = "CREATE TABLE t(id INTEGER PRIMARY KEY, u TEXT UNIQUE, v)";
  const auto waits_for = [&](const char* update, const char* read) {
    SqliteWorld w(table);
    w.commit("INSERT INTO t VALUES(1, 'old', 0)");
    const auto writer = w.start(update);
    REQUIRE(w.votes_commit(writer));
    const auto reader = w.start(read);
    const bool waits = w.waits(reader);
    w.apply(writer);
    CHECK_FALSE(w.waits(reader));
    return waits;
  };
  for (const char* read : {"SELECT v FROM t WHERE id=1", "SELECT v FROM t WHERE u='old'"}) {
    CHECK(waits_for("UPDATE t SET v=1 WHERE id=1", read));
    CHECK(waits_for("UPDATE t SET u='new' WHERE id=1", read));
    CHECK(waits_for("UPDATE t SET id=2 WHERE id=1", read));
  }
  CHECK(waits_for("UPDATE t SET u='new' WHERE id=1", "SELECT v FROM t WHERE u='new'"));
  CHECK(waits_for("UPDATE t SET id=2 WHERE id=1", "SELECT v FROM t WHERE id=2"));
  CHECK_FALSE(waits_for("UPDATE t SET v=1 WHERE id=1", "SELECT v FROM t WHERE id=2"));
}

TEST_CASE("limits: the branch fails by name and the rest goes on") {
  SqliteOptions options;
  options.max_redo_bytes = 1 << 16;
  options.max_result_bytes = 1 << 12;
  SqliteWorld w(kAccounts, options);
  const auto early = w.start("UPDATE a SET v = 11 WHERE id = 1");
  w.apply(early);
  CHECK(w.failure(w.start("WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM n WHERE i < "
                          "9999) INSERT INTO a SELECT i, 1 FROM n")) == AbortCode::kBranchTooBig);
  CHECK(w.failure(w.start("SELECT a.id, b.id, zeroblob(2000) FROM a, a b")) ==
        AbortCode::kResultTooBig);
  CHECK(w.manager->status().locks == 0);
  w.commit("UPDATE a SET v = v + 1 WHERE id = 1");
  CHECK(w.look("SELECT group_concat(v) FROM a") == "12,20,30");
}

TEST_CASE("what a trigger reads is locked, also when a foreign key action fires it") {
  const std::string tables =
      "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE s(grp INTEGER PRIMARY KEY, n INT);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p INT REFERENCES p ON DELETE CASCADE);"
      "CREATE TABLE bag(n INT); INSERT INTO s VALUES(1, 1); INSERT INTO p VALUES(1),(2);"
      "INSERT INTO c VALUES(1, 1);";
  SUBCASE("reads") {
    SqliteWorld w(tables +
                  "CREATE TRIGGER g AFTER DELETE ON c BEGIN INSERT INTO bag SELECT n FROM "
                  "s WHERE grp = 1; END");
    const auto writer = w.start("UPDATE s SET n = 99 WHERE grp = 1");
    const auto cascade = w.start("DELETE FROM p WHERE id = 1");
    CHECK(w.waits(cascade));
    w.apply(writer);
    REQUIRE(w.votes_commit(cascade));
    w.apply(cascade);
    w.flush();
    CHECK(w.look("SELECT n FROM bag") == "99");
  }
  SUBCASE("refusals") {
    SqliteWorld w(tables +
                  "CREATE TRIGGER g AFTER DELETE ON c BEGIN SELECT RAISE(ROLLBACK, 'no'); END");
    CHECK(w.failure(w.start("DELETE FROM p WHERE id = 1")) == sqlite_refusal::kRollbackClause);
  }
  SUBCASE("without triggers on the child nothing more is locked") {
    SqliteWorld w(tables);
    CHECK(w.votes_commit(w.start("UPDATE s SET n = 99 WHERE grp = 1")));
    CHECK(w.votes_commit(w.start("DELETE FROM p WHERE id = 1")));
    CHECK(w.votes_commit(w.start("INSERT INTO c VALUES(5, 2)")));
  }
}

TEST_CASE("operators see who holds which rows and who waits for them") {
  SqliteWorld w(kAccounts);
  const auto locks = [&](LockQuery query, const Gtid& owner = {}) {
    auto page = w.manager->locks(query, owner);
    REQUIRE_MESSAGE(page.has_value(), (page ? "" : page.error().context));
    return *page;
  };
  const auto holder = w.start("UPDATE a SET v = v + 1 WHERE id = 1");
  CHECK(locks({}).resources.empty());  // it is in nobody's way
  CHECK(locks({}).locks == 2);
  const auto first = w.start("UPDATE a SET v = v + 1 WHERE id = 1");
  const auto other = w.start("UPDATE a SET v = v + 1 WHERE id = 2");
  std::vector<Gtid> more;
  for (int i = 0; i < 15; ++i) more.push_back(w.start("UPDATE a SET v = v + 1 WHERE id < 3"));

  auto page = locks({});
  CHECK(page.waiting == 16);
  CHECK(page.next.empty());
  const auto row = std::find_if(page.resources.begin(), page.resources.end(),
                                [](const auto& r) { return r.resource == "a row of a (1)"; });
  REQUIRE(row != page.resources.end());
  REQUIRE(row->holders.size() == 1);
  CHECK(row->holders[0].gtid == holder);
  CHECK(row->holders[0].mode == "X");
  CHECK(row->holders_total == 1);
  CHECK(row->waiters[0].gtid == first);
  CHECK(row->waiters[0].behind == holder.text());

  // All of them, one at a time, are what one large page holds.
  page = locks({"", true, 1000, ""});
  std::vector<std::string> paged;
  for (LockQuery query{"", true, 1, ""};;) {
    const auto part = locks(query);
    REQUIRE(part.resources.size() == 1);
    paged.push_back(part.resources[0].resource);
    if (part.next.empty()) break;
    query.after = part.next;
  }
  std::vector<std::string> whole;
  for (const auto& resource : page.resources) {
    whole.push_back(resource.resource);
    CHECK(resource.waiters.size() <= 10);
    CHECK(resource.waiters.size() == std::min<std::size_t>(resource.waiters_total, 10));
  }
  CHECK(paged == whole);
  CHECK(std::find(whole.begin(), whole.end(), "table a") != whole.end());
  CHECK_FALSE(w.manager->locks({"", true, 1, "nonsense"}, {}).has_value());
  CHECK_FALSE(w.manager->locks({"", true, 1, "1.2.abc"}, {}).has_value());

  page = locks({}, other);
  REQUIRE(page.resources.size() == 2);  // its table and its row
  for (const auto& resource : page.resources) {
    CHECK(resource.holders_total == 1);
    CHECK(resource.holders[0].gtid == other);
  }
  page = locks({}, first);
  REQUIRE_FALSE(page.resources.empty());
  for (const auto& resource : page.resources) CHECK(resource.waiters[0].gtid == first);

  for (const auto& gtid : more) w.discard(gtid);
  w.discard(first);
  CHECK(locks({}).resources.empty());
  CHECK(locks({}).waiting == 0);
}

TEST_CASE(
    "REPLACE waits for the undecided branch whose row it meets, also that with the highest id") {
  struct Row {
    const char *first, *second;
  };
  const Row rows[] = {
      {"INSERT INTO t(k) VALUES ('c')", "REPLACE INTO t(k) VALUES ('c')"},
      {"INSERT INTO t VALUES (9, 'c')", "REPLACE INTO t VALUES (5, 'c')"},
      {"INSERT INTO t VALUES (9, 'c')", "REPLACE INTO t VALUES (NULL, 'c')"},
      {"INSERT INTO n VALUES ('c', 1)", "REPLACE INTO n VALUES ('c', 2)"},
  };
  for (const auto& row : rows) {
    for (const bool committed : {true, false}) {
      CAPTURE(row.second);
      SqliteWorld w(
          "CREATE TABLE t(id INTEGER PRIMARY KEY, k UNIQUE); INSERT INTO t VALUES (1, 'a');"
          "CREATE TABLE n(k UNIQUE, v)");
      const auto first = w.start(row.first);
      REQUIRE(w.votes_commit(first));
      const auto second = w.start(row.second);
      CHECK(w.waits(second));
      if (committed) {
        w.apply(first);
      } else {
        w.discard(first);
      }
      REQUIRE(w.votes_commit(second));
      w.apply(second);
      w.flush();
      CHECK(w.look("SELECT (SELECT count(*) FROM t WHERE k='c') + (SELECT count(*) FROM n)") ==
            "1");
    }
  }
}

TEST_CASE("EXPLAIN answers and changes nothing; a compound SELECT may have 500 terms") {
  SqliteWorld w("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1)");
  w.commit("UPDATE t SET v = 2");
  const auto plan = w.start("EXPLAIN QUERY PLAN UPDATE t SET v = 3 WHERE id = 1");
  REQUIRE(w.executed(plan) != nullptr);
  CHECK(w.executed(plan)->vote == Vote::kReadOnly);
  CHECK(w.executed(plan)->results[0].rows.size() == 1);
  CHECK(w.executed(plan)->results[0].changes == 0);
  std::string terms = "SELECT 1";
  for (int i = 1; i < 500; ++i) terms += " UNION ALL SELECT 1";
  w.commit("INSERT INTO t(v) " + terms);
  CHECK(w.look("SELECT count(*) || '/' || (SELECT v FROM t WHERE id = 1) FROM t") == "501/2");
  CHECK(w.failure(w.start("INSERT INTO t(v) " + terms + " UNION ALL SELECT 1")) ==
        AbortCode::kSqlError);
}
