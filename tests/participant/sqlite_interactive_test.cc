// Branches that execute piece by piece on a real file: what each piece sees, locks and leaves.
#include "tests/participant/sqlite_world.h"

using namespace troth;
using namespace troth::participant;
using tests::SqliteWorld;

namespace {

constexpr const char* kSchema =
    "CREATE TABLE a(id INTEGER PRIMARY KEY, v INT NOT NULL CHECK(v >= 0), u TEXT UNIQUE);"
    "INSERT INTO a VALUES(1,10,'one'),(2,20,'two'),(3,30,'three');"
    "CREATE TABLE parent(id INTEGER PRIMARY KEY);"
    "CREATE TABLE child(id INTEGER PRIMARY KEY, p INT REFERENCES parent DEFERRABLE INITIALLY "
    "DEFERRED);";

/// One interactive branch; every call answers with what the newest event says.
struct Talk {
  Talk(SqliteWorld& world, std::uint64_t n)
      : w(world),
        gtid({2}, {1}, n, Decider::kCoordinator),
        age{static_cast<std::int64_t>(n), gtid} {}

  void start(const std::string& sql) {
    w.events.clear();
    w.manager->execute({gtid, age, {{sql, {}, {}}}, true}, w.events);
  }
  /// Rows as "1|10,2|20", or "changed n", or "WAITS", or the code of the failure.
  std::string say(const std::string& sql) {
    start(sql);
    return answer();
  }
  std::string answer() const {
    const auto* e = w.executed(gtid);
    if (e == nullptr) return "WAITS";
    if (e->vote == Vote::kAbort) return std::string(to_string(e->reason.code));
    const auto& result = e->results.at(0);
    if (result.columns.empty()) return "changed " + std::to_string(result.changes);
    std::string out;
    for (const auto& row : result.rows) {
      if (!out.empty()) out += ",";
      for (std::size_t c = 0; c < row.size(); ++c) {
        if (c > 0) out += "|";
        if (const auto* i = std::get_if<std::int64_t>(&row[c])) out += std::to_string(*i);
        if (const auto* s = std::get_if<std::string>(&row[c])) out += *s;
      }
    }
    return out;
  }
  Vote prepare() {
    w.events.clear();
    w.manager->execute({gtid, age, {}, false}, w.events);
    REQUIRE(w.executed(gtid) != nullptr);
    return w.executed(gtid)->vote;
  }
  void commit() {
    REQUIRE(prepare() == Vote::kCommit);
    w.apply(gtid);
    w.flush();
  }

  SqliteWorld& w;
  const Gtid gtid;
  const Priority age;
};

}  // namespace

TEST_CASE("later statements see what earlier ones wrote; others see nothing before the commit") {
  SqliteWorld w(kSchema);
  Talk one(w, 1), two(w, 2);
  CHECK(one.say("UPDATE a SET v = v + 5 WHERE id = 1") == "changed 1");
  CHECK(one.say("SELECT v FROM a WHERE id = 1") == "15");
  CHECK(one.say("INSERT INTO a VALUES(4, 40, 'four')") == "changed 1");
  CHECK(one.say("UPDATE a SET v = v + 1 WHERE id IN (1, 4)") == "changed 2");
  CHECK(one.say("SELECT id, v FROM a ORDER BY id") == "1|16,2|20,3|30,4|41");
  CHECK(one.say("DELETE FROM a WHERE id = 3 RETURNING v") == "30");
  CHECK(w.look("SELECT sum(v) FROM a") == "60");                     // a plain reader of the file
  CHECK(two.say("UPDATE a SET v = v + 1 WHERE id = 2") == "WAITS");  // one has read all of a
  one.commit();
  CHECK(two.answer() == "changed 1");
  CHECK(w.look("SELECT group_concat(v) FROM (SELECT v FROM a ORDER BY id)") == "16,20,41");
  two.commit();
  CHECK(w.look("SELECT v FROM a WHERE id = 2") == "21");
  CHECK(w.manager->status().locks == 0);
}

TEST_CASE("many open branches at once, each with its own view") {
  SqliteWorld w(kSchema);
  Talk one(w, 1), two(w, 2), three(w, 3);
  CHECK(one.say("UPDATE a SET v = 11 WHERE id = 1") == "changed 1");
  CHECK(two.say("UPDATE a SET v = 22 WHERE id = 2") == "changed 1");
  CHECK(three.say("UPDATE a SET v = 33 WHERE id = 3") == "changed 1");
  CHECK(one.say("SELECT v FROM a WHERE id = 1") == "11");
  CHECK(two.say("SELECT v FROM a WHERE id = 2") == "22");
  w.discard(three.gtid);
  w.commit("UPDATE a SET v = 300 WHERE id = 3");  // a one-shot branch in between
  CHECK(one.say("UPDATE a SET v = v + 1 WHERE id = 1") == "changed 1");
  one.commit();
  two.commit();
  CHECK(w.look("SELECT group_concat(v) FROM (SELECT v FROM a ORDER BY id)") == "12,22,300");
}

TEST_CASE("what a branch has read stays as it was until it ends") {
  SqliteWorld w(kSchema);
  Talk one(w, 1), two(w, 2);
  CHECK(one.say("SELECT v FROM a WHERE id = 1") == "10");
  CHECK(two.say("UPDATE a SET v = 99 WHERE id = 1") == "WAITS");
  CHECK(one.say("SELECT v FROM a WHERE id = 1") == "10");
  CHECK(one.say("SELECT count(*) FROM a WHERE u = 'nobody'") == "0");
  Talk three(w, 3);
  CHECK(three.say("INSERT INTO a VALUES(9, 1, 'nobody')") == "WAITS");  // no phantom
  CHECK(one.prepare() == Vote::kReadOnly);
  CHECK(w.waits(two.gtid));  // a read-only vote keeps its locks until the release
  w.discard(one.gtid);
  CHECK(two.answer() == "changed 1");
  CHECK(three.answer() == "changed 1");
}

TEST_CASE(
    "waiting inside a transaction keeps what it holds, and the locks are all freed at the end") {
  SqliteWorld w(kSchema);
  Talk one(w, 1), two(w, 2), three(w, 3);
  CHECK(one.say("UPDATE a SET v = 1 WHERE id = 1") == "changed 1");
  CHECK(two.say("UPDATE a SET v = 2 WHERE id = 2") == "changed 1");
  CHECK(two.say("UPDATE a SET v = 2 WHERE id = 1") == "WAITS");
  CHECK(three.say("UPDATE a SET v = 3 WHERE id = 2") == "WAITS");  // two waits and still holds
  w.discard(two.gtid);                                             // as a victim
  CHECK(three.answer() == "changed 1");
  CHECK(one.say("SELECT v FROM a WHERE id = 1") == "1");
  w.discard(one.gtid);
  w.discard(three.gtid);
  CHECK(w.manager->status().locks == 0);
  CHECK(w.manager->status().branches_waiting == 0);
}

TEST_CASE("automatic ids stay apart between open branches, own rows are found again") {
  SqliteWorld w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT);"
      "INSERT INTO t VALUES(1, 0)");
  Talk one(w, 1), two(w, 2);
  CHECK(one.say("INSERT INTO t(v) VALUES(1) RETURNING id") == "2");
  CHECK(two.say("INSERT INTO t(v) VALUES(2) RETURNING id") == "3");
  CHECK(one.say("INSERT INTO t(v) VALUES(3) RETURNING id") == "4");
  CHECK(two.say("INSERT INTO t(v) VALUES(4) RETURNING id") == "5");
  two.commit();
  CHECK(one.say("UPDATE t SET v = v + 10 WHERE id = 4 RETURNING v") == "13");
  one.commit();
  CHECK(w.look("SELECT group_concat(id || ':' || v) FROM (SELECT * FROM t ORDER BY id)") ==
        "1:0,2:1,3:2,4:13,5:4");
}

TEST_CASE("a failing statement ends the branch and frees everything") {
  SqliteWorld w(kSchema);
  Talk one(w, 1), two(w, 2);
  CHECK(one.say("UPDATE a SET v = 5 WHERE id = 1") == "changed 1");
  CHECK(one.say("INSERT INTO a VALUES(2, 1, 'x')") == "CONSTRAINT");
  CHECK(w.manager->status().locks == 0);
  CHECK(two.say("SELECT v FROM a WHERE id = 1") == "10");
  CHECK(two.say("UPDATE a SET v = v - 11 WHERE id = 1") == "CONSTRAINT");
  w.commit("UPDATE a SET v = 7 WHERE id = 1");
  CHECK(w.look("SELECT v FROM a WHERE id = 1") == "7");
}

TEST_CASE("the rows of a branch that failed later are in nobody's way") {
  SqliteWorld w(kSchema);
  Talk one(w, 1), two(w, 2), three(w, 3);
  CHECK(one.say("INSERT INTO a VALUES(9, 90, 'nine')") == "changed 1");
  CHECK(one.say("INSERT INTO a VALUES(2, 1, 'x')") == "CONSTRAINT");
  CHECK(two.say("INSERT INTO a VALUES(9, 91, 'again')") == "changed 1");
  CHECK(two.say("SELECT v FROM a WHERE u = 'nine'") == "");
  two.commit();
  CHECK(three.say("INSERT INTO a(v, u) VALUES(1, 'nine') RETURNING id") == "10");
  three.commit();
  CHECK(w.look("SELECT count(*) || ':' || max(id) FROM a") == "5:10");
}

TEST_CASE("a deferred foreign key may be open between statements and must hold at the end") {
  SqliteWorld w(kSchema);
  Talk good(w, 1);
  CHECK(good.say("INSERT INTO child VALUES(1, 5)") == "changed 1");
  CHECK(good.say("INSERT INTO parent VALUES(5)") == "changed 1");
  good.commit();
  Talk bad(w, 2);
  CHECK(bad.say("INSERT INTO child VALUES(2, 6)") == "changed 1");
  CHECK(bad.say("SELECT count(*) FROM child") == "2");
  CHECK(bad.prepare() == Vote::kAbort);
  CHECK(w.failure(bad.gtid) == AbortCode::kForeignKey);
  CHECK(w.look("SELECT count(*) FROM child") == "1");
}

TEST_CASE("several open foreign keys are counted from one statement to the next") {
  SqliteWorld w(kSchema);
  Talk one(w, 1);
  CHECK(one.say("INSERT INTO child VALUES(1, 5), (2, 6), (3, 6), (4, 7)") == "changed 4");
  CHECK(one.say("INSERT INTO parent VALUES(6)") == "changed 1");
  CHECK(one.say("DELETE FROM child WHERE id = 1") == "changed 1");
  CHECK(one.say("UPDATE child SET p = 6 WHERE id = 4") == "changed 1");
  one.commit();
  Talk two(w, 2);
  CHECK(two.say("INSERT INTO child VALUES(11, 15), (12, 16), (13, 16)") == "changed 3");
  CHECK(two.say("INSERT INTO parent VALUES(16)") == "changed 1");
  CHECK(two.say("SELECT count(*) FROM parent") == "2");
  CHECK(two.prepare() == Vote::kAbort);
  CHECK(w.failure(two.gtid) == AbortCode::kForeignKey);
}

TEST_CASE("the whole of an interactive branch is in its redo") {
  SqliteWorld w(kSchema);
  Talk one(w, 1);
  CHECK(one.say("INSERT INTO a VALUES(7, 70, 'seven')") == "changed 1");
  CHECK(one.say("UPDATE a SET v = 71 WHERE id = 7") == "changed 1");
  CHECK(one.say("UPDATE a SET id = 8 WHERE id = 7") == "changed 1");
  CHECK(one.prepare() == Vote::kCommit);
  const auto redo = w.executed(one.gtid)->redo;
  w.crash();
  REQUIRE(w.manager->retake(one.gtid, redo).has_value());
  Talk two(w, 2);
  CHECK(two.say("UPDATE a SET v = 0 WHERE id = 8") == "WAITS");
  w.apply(one.gtid);
  CHECK(two.answer() == "changed 1");
  w.flush();
  CHECK(w.look("SELECT v FROM a WHERE id = 8") == "71");
}

TEST_CASE("the limit of a branch counts all its statements") {
  SqliteOptions options;
  options.max_redo_bytes = 1000;
  SqliteWorld w("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)", options);
  Talk one(w, 1);
  std::string answer;
  int n = 0;
  for (; n < 20 && answer != "BRANCH_TOO_BIG"; ++n)
    answer = one.say("INSERT INTO t(v) VALUES('0123456789012345678901234567890123456789')");
  CHECK(answer == "BRANCH_TOO_BIG");
  CHECK(n > 2);
}

TEST_CASE("the work of an open branch stays in place until others need the file") {
  SqliteWorld w(kSchema);
  Talk one(w, 1), two(w, 2);
  CHECK(one.say("INSERT INTO a VALUES(7, 70, 'seven')") == "changed 1");
  CHECK(one.say("SELECT v FROM a WHERE id = 7") == "70");
  CHECK(w.look("SELECT count(*) FROM a") == "3");
  SUBCASE("another branch runs, and sees nothing of it") {
    CHECK(two.say("SELECT v FROM a WHERE id = 1") == "10");
    CHECK(two.say("SELECT count(*) FROM a") == "WAITS");
    w.discard(two.gtid);
  }
  SUBCASE("another branch writes, and its commit carries nothing of it") {
    const auto other = w.start("UPDATE a SET v = 11 WHERE id = 1");
    CHECK(one.say("UPDATE a SET v = 71 WHERE id = 7") == "changed 1");
    w.apply(other);
    w.flush();
    CHECK(w.look("SELECT group_concat(v) FROM a") == "11,20,30");
    CHECK(one.say("SELECT v FROM a WHERE id = 7") == "71");
    CHECK(one.say("UPDATE a SET v = 70 WHERE id = 7") == "changed 1");
  }
  SUBCASE("a flush in between carries nothing of it") {
    REQUIRE(w.manager->flush({500}).has_value());
    CHECK(w.look("SELECT count(*) FROM a") == "3");
    CHECK(one.say("SELECT v FROM a WHERE id = 7") == "70");
  }
  SUBCASE("a checkpoint in between") {
    w.commit("UPDATE a SET v = 11 WHERE id = 1");
    CHECK(one.say("SELECT v FROM a WHERE id = 7") == "70");
    REQUIRE(w.manager->make_durable().has_value());
    CHECK(one.say("SELECT v FROM a WHERE id = 7") == "70");
  }
  SUBCASE("a statement fails") {
    CHECK(one.say("INSERT INTO a VALUES(7, 1, 'again')") == "CONSTRAINT");
    CHECK(w.start("UPDATE a SET v = 11 WHERE id = 1").is_nil() == false);
    CHECK(two.say("SELECT count(*) FROM a WHERE v > 60") == "WAITS");
    return;
  }
  SUBCASE("it is discarded") {
    w.discard(one.gtid);
    CHECK(two.say("SELECT count(*) FROM a") == "3");
    return;
  }
  CHECK(two.say("UPDATE a SET v = 21 WHERE id = 2") == "changed 1");
  CHECK(one.say("UPDATE a SET u = 'VII' WHERE id = 7") == "changed 1");
  one.commit();
  two.commit();
  CHECK(w.look("SELECT group_concat(v || u) FROM a WHERE id IN (2, 7)") == "21two,70VII");
}

TEST_CASE("an open branch with triggers is rehearsed piece by piece in its place") {
  SqliteWorld w(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v INT); CREATE TABLE log(n INTEGER PRIMARY KEY, v "
      "INT); CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INT "
      "REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
      "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log(v) VALUES(new.v); END;");
  Talk one(w, 1);
  for (int i = 1; i <= 20; ++i)
    CHECK(one.say("INSERT INTO t VALUES(" + std::to_string(i) + ", 5)") == "changed 1");
  CHECK(one.say("SELECT count(*), sum(v) FROM log") == "20|100");
  CHECK(one.say("INSERT INTO c VALUES(1, 9)") == "changed 1");
  CHECK(one.say("INSERT OR REPLACE INTO c VALUES(2, 9)") == "changed 1");
  CHECK(one.say("INSERT INTO t VALUES(21, 5)") == "changed 1");
  CHECK(one.say("INSERT INTO p VALUES(9)") == "changed 1");
  one.commit();
  CHECK(w.look("SELECT count(*) || ' ' || sum(v) FROM log") == "21 105");
  CHECK(w.look("SELECT count(*) FROM c") == "2");
}

TEST_CASE("a statement that finds its rows locked is executed once more, not twice") {
  SqliteWorld w(
      "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p INT "
      "REFERENCES p ON DELETE CASCADE, n INT); CREATE INDEX c_p ON c(p);"
      "INSERT INTO p VALUES(1); INSERT INTO c VALUES(1, 1, 0);");
  Talk one(w, 1), two(w, 2);
  CHECK(two.say("UPDATE c SET n = 1 WHERE id = 1") == "changed 1");
  CHECK(one.say("INSERT INTO p VALUES(9)") == "changed 1");
  CHECK(one.say("DELETE FROM p WHERE id = 1") == "WAITS");  // the cascade meets the other branch
  w.events.clear();
  w.discard(two.gtid);
  CHECK(one.answer() == "changed 1");
  one.commit();
  CHECK(w.look("SELECT (SELECT group_concat(id) FROM p) || ' ' || count(*) FROM c") == "9 0");
}
