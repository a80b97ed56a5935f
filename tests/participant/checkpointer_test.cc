#include "engine/checkpointer.h"

#include <doctest/doctest.h>

#include "tests/support/recording_log.h"

using namespace troth;

namespace {

struct World {
  void write(std::size_t bytes) {
    log.append(protocol::RecordType::kEnd, std::string(bytes - 5, 'x'), protocol::Force::kYes);
  }
  bool checkpoint(std::size_t copies) {
    return checkpointer.begin(log.appended(), [&] { write(copies); });
  }
  tests::RecordingLog log;
  Checkpointer checkpointer{log, 1600};
};

}  // namespace

TEST_CASE("a checkpoint is due after so many bytes, and what earlier starts left counts") {
  World world;
  world.write(1599);
  CHECK_FALSE(world.checkpointer.due());
  world.write(10);
  CHECK(world.checkpointer.due());

  Checkpointer restarted(world.log, 1600);
  CHECK_FALSE(restarted.due());
  restarted.adopt({5});
  CHECK(restarted.due());
  Checkpointer empty(world.log, 1600);
  empty.adopt({});
  CHECK_FALSE(empty.due());
}

TEST_CASE("nothing is released before its copies are durable and the owner needs it no more") {
  World world;
  world.write(2000);
  const Lsn start = world.log.appended();
  REQUIRE(world.checkpoint(100));
  CHECK(world.checkpointer.open());
  world.checkpointer.release(start);
  CHECK(world.log.released == Lsn{});
  world.log.sync();
  CHECK(world.checkpointer.copied());
  world.checkpointer.release({start.value - 1});
  CHECK(world.log.released == Lsn{});
  world.write(5000);
  CHECK_FALSE(world.checkpointer.due());  // one at a time
  world.checkpointer.release(start);
  CHECK(world.log.released == start);
  CHECK_FALSE(world.checkpointer.open());
  CHECK(world.checkpointer.due());
  CHECK_FALSE(world.checkpointer.begin(start, [] { FAIL("no progress"); }));
}

TEST_CASE("on a full disk a checkpoint is due early, but not because of its own copies") {
  World world;
  world.log.room = false;
  world.write(100);
  CHECK_FALSE(world.checkpointer.due());
  world.write(10);
  CHECK(world.checkpointer.due());
  REQUIRE(world.checkpoint(500));
  world.checkpointer.release(world.log.sync());
  REQUIRE_FALSE(world.checkpointer.open());
  CHECK_FALSE(world.checkpointer.due());
  world.write(400);
  CHECK_FALSE(world.checkpointer.due());
  world.write(150);
  CHECK(world.checkpointer.due());
}
