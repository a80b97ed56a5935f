// When the file is committed, and which records wait for company.
#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::participant;
using std::chrono::milliseconds;
using troth::tests::EngineWorld;

TEST_CASE("what comes within quiet_interval shares the commit of the file") {
  participant::EngineOptions options;
  options.quiet_interval = milliseconds(5);
  EngineWorld world(options);
  world.bring_to_prepared(world.two_phase(1));
  world.deliver(world.commit(world.two_phase(1)));
  world.sync();
  world.pass(milliseconds(4));
  CHECK(world.worker.names() == "apply");
  world.bring_to_prepared(world.two_phase(2));  // it is not quiet any more
  world.pass(milliseconds(5));
  CHECK(world.worker.names() == "");
  world.deliver(world.commit(world.two_phase(2)));
  world.sync();
  world.pass(milliseconds(4));
  CHECK(world.worker.names() == "apply");
  CHECK(world.engine->next_wake() == world.now().monotonic + milliseconds(1));
  world.pass(milliseconds(1));
  CHECK(world.worker.names() == "flush");
  world.worker_says(Flushed{world.log.durable()});
  world.bring_to_prepared(world.two_phase(3));
  world.deliver(world.commit(world.two_phase(3), AnswerAt::kApplied));
  world.sync();
  CHECK(world.worker.names() == "apply, flush");  // somebody waits for it
}

TEST_CASE("many small commits follow each other without a pause: the file does not wait for one") {
  participant::EngineOptions options;
  options.quiet_interval = milliseconds(5);
  options.quiet_applies = 3;
  EngineWorld world(options);
  for (std::uint64_t n = 1; n <= 2; ++n) {
    world.bring_to_prepared(world.two_phase(n));
    world.deliver(world.commit(world.two_phase(n)));
    world.sync();
    CHECK(world.worker.names() == "apply");
  }
  world.bring_to_prepared(world.two_phase(3));
  world.bring_to_prepared(world.two_phase(4));
  world.deliver(world.commit(world.two_phase(3)));
  world.sync();
  CHECK(world.worker.names() == "apply");  // enough, but more is undecided
  world.deliver(world.commit(world.two_phase(4)));
  world.sync();
  CHECK(world.worker.names() == "apply, flush");
}

TEST_CASE("COMMITTED waits for the next forced record, unless somebody waits for the file") {
  EngineWorld world;
  const auto patient = [&] {
    const auto& last = world.log.entries.back();
    CHECK(last.type == RecordType::kCommitted);
    return last.patient;
  };
  world.bring_to_prepared(world.two_phase(1));
  CHECK_FALSE(world.log.entries.back().patient);
  world.deliver(world.commit(world.two_phase(1)));
  CHECK(patient());
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.names() == "ACK c1");  // still a promise about the log
  world.bring_to_prepared(world.two_phase(2));
  world.deliver(world.commit(world.two_phase(2), AnswerAt::kApplied));
  CHECK_FALSE(patient());
}
