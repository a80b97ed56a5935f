// Large values beside what an update changes: redo, limits, recovery.
#include "tests/participant/sqlite_world.h"

using namespace troth;
using tests::SqliteWorld;

namespace {

constexpr const char* kSchema =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, n INT, photo BLOB, note TEXT, code TEXT UNIQUE);"
    "INSERT INTO t VALUES(1, 0, zeroblob(3000000), printf('%.*c', 1000, 'x'), printf('%.*c', 500, "
    "'k'))";

SqliteOptions small() {
  SqliteOptions options;
  options.max_redo_bytes = 64 << 10;
  options.statement_time_limit = std::chrono::minutes(5);  // not what is tested here
  return options;
}

}  // namespace

TEST_CASE("a counter beside a blob beyond the redo limit can be updated") {
  SqliteWorld w(kSchema, small());
  const auto update = w.start("UPDATE t SET n = n + 1");
  REQUIRE(w.votes_commit(update));
  CHECK(w.executed(update)->redo.size() < 2000);
  w.apply(update);
  w.flush();
  CHECK(w.look("SELECT n || ' ' || length(photo) || ' ' || length(note) FROM t") ==
        "1 3000000 1000");
  // What changes counts whole.
  CHECK(w.failure(w.start("UPDATE t SET photo = zeroblob(3000001)")) == AbortCode::kBranchTooBig);
  CHECK(w.failure(w.start("DELETE FROM t")) == AbortCode::kBranchTooBig);
}

TEST_CASE("an update beside large values is redone after a crash, prepared or committed") {
  SqliteWorld w(kSchema, small());
  const auto update = w.start("UPDATE t SET n = 7, note = 'short'");
  REQUIRE(w.votes_commit(update));
  const auto redo = w.executed(update)->redo;
  w.crash();
  SUBCASE("prepared") {
    REQUIRE(w.manager->retake(update, redo).has_value());
    const auto other = w.start("UPDATE t SET n = 8");
    CHECK(w.waits(other));
    w.apply(update);
    CHECK(w.votes_commit(other));
    w.discard(other);
  }
  SUBCASE("committed") {
    REQUIRE(w.manager->replay(update, {500}, redo).has_value());
  }
  w.flush();
  CHECK(w.look("SELECT n || note || length(photo) || length(code) FROM t") == "7short3000000500");
}

TEST_CASE("a large value that another program changed under a prepared update is noticed") {
  SqliteWorld w(kSchema, small());
  const auto update = w.start("UPDATE t SET n = 7");
  REQUIRE(w.votes_commit(update));
  const auto redo = w.executed(update)->redo;
  w.manager->close();
  w.manager.reset();
  SUBCASE("the blob") {
    REQUIRE(w.stock("UPDATE t SET photo = zeroblob(2999999)") == SQLITE_OK);
  }
  SUBCASE("its type") {
    REQUIRE(w.stock("UPDATE t SET photo = CAST(photo AS TEXT)") == SQLITE_OK);
  }
  SUBCASE("one byte of the text") {
    REQUIRE(w.stock("UPDATE t SET note = substr(note, 1, 999) || 'y'") == SQLITE_OK);
  }
  REQUIRE(w.open().has_value());
  const auto taken = w.manager->retake(update, redo);
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().code == ErrorCode::kCorruption);
}

TEST_CASE("a large key that an update leaves is locked by its value") {
  SqliteWorld w(kSchema, small());
  const auto update = w.start("UPDATE t SET n = 7");
  REQUIRE(w.votes_commit(update));
  const auto by_code = [&](char letter) {
    return w.start({{"SELECT n FROM t WHERE code = ?1", {std::string(500, letter)}, {}}});
  };
  CHECK(w.waits(by_code('k')));
  CHECK_FALSE(w.waits(by_code('j')));
}
