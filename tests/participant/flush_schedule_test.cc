#include "participant/flush_schedule.h"

#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::participant;

namespace {

struct ScheduleWorld {
  Lsn commit(std::uint64_t sequence) {
    const Gtid gtid({1}, {1}, sequence, Decider::kCoordinator);
    const Lsn lsn =
        log.append(protocol::RecordType::kCommitted, "committed", protocol::Force::kYes);
    schedule.committed(lsn, gtid);
    schedule.apply({gtid, lsn}, now);
    return lsn;
  }
  Now now{{std::chrono::seconds(1)}, {1000}};
  EngineOptions options;
  tests::RecordingLog log;
  tests::JobList worker;
  FlushSchedule schedule{options, log, worker};
};

}  // namespace

TEST_CASE("the file is committed only when the log is durable through what was applied") {
  ScheduleWorld world;
  const Lsn first = world.commit(1);
  world.schedule.await_file();
  world.schedule.flush_if_due(1, world.now);
  CHECK(world.worker.names() == "apply");
  world.commit(2);  // held back: it would move the flush out again
  world.schedule.flush_if_due(2, world.now);
  CHECK(world.worker.names().empty());
  world.log.sync_to(first);
  world.schedule.flush_if_due(2, world.now);
  CHECK(world.worker.names() == "flush, apply");
  CHECK(world.schedule.busy());
  const auto flushed = world.schedule.flushed(first, world.now);
  REQUIRE(flushed.size() == 1);
  CHECK(flushed.front().sequence() == 1);
  CHECK(world.schedule.unflushed() == 1);
}

TEST_CASE("a checkpoint's marker moves only past commits that the file holds") {
  ScheduleWorld world;
  const Lsn first = world.commit(1);
  world.log.sync();
  world.schedule.move_marker_to(first);
  CHECK(world.worker.names() == "apply");
  world.now.monotonic = world.now.monotonic + world.options.flush_interval;
  world.schedule.flush_if_due(0, world.now);
  CHECK(world.worker.names() == "flush");
  world.schedule.flushed(first, world.now);
  world.schedule.move_marker_to(first);
  CHECK(world.worker.names().empty());
  world.schedule.move_marker_to({first.value + 1});
  CHECK(world.worker.names() == "flush");
  CHECK(world.worker.settled == Lsn{first.value + 1});
}
