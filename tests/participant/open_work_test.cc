// The memory of work that is not decided: its sum has a limit, and small work always has room.
#include "participant/sqlite/open_work.h"

#include "tests/participant/sqlite_world.h"

using namespace troth;
using participant::sqlite::OpenWork;
using tests::SqliteWorld;

TEST_CASE("open work has a sum; small work, and one branch alone, has room beyond it") {
  OpenWork work(100'000);
  const auto gtid = [](std::uint64_t n) { return Gtid({1}, {1}, n, Decider::kCoordinator); };
  CHECK(work.hold(gtid(1), 90'000));
  CHECK_FALSE(work.hold(gtid(2), 20'000));
  CHECK(work.bytes() == 90'000);
  CHECK(work.hold(gtid(2), OpenWork::kLittle));
  CHECK(work.hold(gtid(2), 10'000));  // with what it held before
  CHECK_FALSE(work.hold(gtid(2), 10'001));
  work.release(gtid(1));
  work.release(gtid(1));
  CHECK(work.hold(gtid(2), 20'000));
  work.release(gtid(2));
  CHECK(work.bytes() == 0);
  CHECK(work.hold(gtid(3), 500'000));
}

TEST_CASE("a branch that would hold too much beside others votes NO with BUSY") {
  SqliteOptions options;
  options.max_open_bytes = 1'000'000;
  SqliteWorld world(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, v); "
      "INSERT INTO t VALUES(1, 0), (2, 0), (3, 0), (4, 0)",
      options);
  const auto change = [&](int row, int bytes) {
    return world.start("UPDATE t SET v = zeroblob(" + std::to_string(bytes) +
                       ") WHERE id = " + std::to_string(row));
  };
  const auto first = change(1, 700'000);
  REQUIRE(world.executed(first)->vote == Vote::kCommit);
  CHECK(world.manager->status().open_bytes > 700'000);
  const auto second = change(2, 700'000);
  REQUIRE(world.executed(second)->vote == Vote::kAbort);
  CHECK(world.executed(second)->reason.code == AbortCode::kBusy);
  CHECK(world.executed(second)->reason.detail.find("open-work-limit") != std::string::npos);
  CHECK(world.executed(change(3, 100))->vote == Vote::kCommit);
  world.apply(first);
  CHECK(world.executed(change(2, 700'000))->vote == Vote::kCommit);
  CHECK(world.look("SELECT 1") == "1");
}

TEST_CASE("what is in doubt after a restart counts, and a discarded branch does not") {
  SqliteOptions options;
  options.max_open_bytes = 1'000'000;
  SqliteWorld world("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 0), (2, 0)",
                    options);
  const auto first = world.start("UPDATE t SET v = zeroblob(700000) WHERE id = 1");
  const auto redo = world.executed(first)->redo;
  world.crash();
  REQUIRE(world.manager->retake(first, redo).has_value());
  CHECK(world.manager->status().open_bytes >= 700'000);
  world.manager->discard(first, world.events);
  CHECK(world.manager->status().open_bytes == 0);
}
