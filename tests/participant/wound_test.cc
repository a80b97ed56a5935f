// Wound-wait at one participant: who gives way to whom, and through whom.
#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::participant;
using std::chrono::milliseconds;
using troth::tests::EngineWorld;

namespace {

Prepare of_age(const EngineWorld& world, const Gtid& gtid, std::int64_t start) {
  auto message = world.prepare(gtid);
  message.priority = {start, gtid};
  return message;
}

/// The branch `gtid` of age `start` waits for `holder`.
void let_wait(EngineWorld& world, const Gtid& gtid, std::int64_t start, const Gtid& holder) {
  world.deliver(of_age(world, gtid, start));
  world.worker.jobs.clear();
  world.worker_says(Waiting{gtid, {holder}, "row 1"});
}

}  // namespace

TEST_CASE("an older transaction wounds a younger prepared one, after a moment and again") {
  EngineWorld world;
  const auto younger = world.two_phase(2), older = world.two_phase(1);
  world.deliver(of_age(world, younger, 20));
  world.executed(younger, Vote::kCommit);
  world.sync();
  world.transport.take();
  let_wait(world, older, 10, younger);
  CHECK(world.transport.names() == "");  // most conflicts end by themselves
  world.pass(world.options.wound_after);
  const auto wound = world.transport.last<Wound>();
  CHECK(wound.gtid == younger);
  CHECK(wound.waiter == older);
  CHECK(world.transport.names() == "WOUND c1");
  world.pass(world.options.wound_again);  // the first may be lost
  CHECK(world.transport.names() == "WOUND c1");
  CHECK(world.counter("wounds_sent") == 2);

  world.deliver(EngineWorld::abort(younger));
  world.executed(older, Vote::kCommit);
  world.sync();
  world.transport.take();
  world.pass(world.options.wound_again);
  CHECK(world.transport.names() == "");
}

TEST_CASE("a younger transaction waits for an older one and wounds nobody") {
  EngineWorld world;
  const auto older = world.two_phase(1), younger = world.two_phase(2);
  world.deliver(of_age(world, older, 10));
  world.executed(older, Vote::kCommit);
  world.sync();
  world.transport.take();
  let_wait(world, younger, 20, older);
  world.pass(world.options.wound_after);
  world.pass(world.options.wound_again);
  CHECK(world.counter("wounds_sent") == 0);
}

TEST_CASE("age counts, not the name: a retried transaction wounds one that started after it") {
  EngineWorld world;
  const auto other = world.two_phase(1), retried = world.two_phase(9);
  world.deliver(of_age(world, other, 20));
  world.executed(other, Vote::kReadOnly);  // read locks are held as well, until the RELEASE
  world.transport.take();
  let_wait(world, retried, 10, other);
  world.pass(world.options.wound_after);
  CHECK(world.transport.last<Wound>().gtid == other);
}

TEST_CASE("what is decided is not wounded, and a prepared branch of an earlier life is") {
  EngineWorld world;
  const auto younger = world.two_phase(2), older = world.two_phase(3);
  world.deliver(of_age(world, younger, 20));
  world.executed(younger, Vote::kCommit);
  world.sync();
  world.restart();
  world.hello();
  world.transport.take();
  let_wait(world, older, 10, younger);
  world.pass(world.options.wound_after);
  CHECK(world.transport.last<Wound>().gtid == younger);
  world.deliver(EngineWorld::commit(younger));
  world.transport.take();
  world.pass(world.options.wound_again);
  CHECK(world.counter("wounds_sent") == 1);
}

TEST_CASE("operators see who waits for whom, for how long, and who gave up") {
  EngineWorld world;
  const auto stuck = world.two_phase(1), first = world.two_phase(2), second = world.two_phase(3);
  world.deliver(of_age(world, stuck, 10));
  world.executed(stuck, Vote::kCommit);
  world.sync();
  let_wait(world, first, 20, stuck);
  world.pass(milliseconds(700));
  world.deliver(of_age(world, second, 30));
  world.worker_says(Waiting{second, {stuck, first}, "row 1"});
  world.pass(milliseconds(300));
  auto shown = world.engine->show(stuck.text(), world.now());
  REQUIRE(shown);
  CHECK(shown->blocked_total == 2);
  REQUIRE(shown->blocked.size() == 2);
  CHECK(shown->blocked[0].gtid == first);
  CHECK(shown->blocked[0].participant == world.options.name);
  CHECK(shown->blocked[0].lasts == std::chrono::milliseconds(1000));
  CHECK(shown->blocked[0].gives_up_in == std::chrono::milliseconds(1000));
  CHECK(shown->blocked[1].gtid == second);
  CHECK(shown->blocked[1].lasts == std::chrono::milliseconds(300));
  CHECK(shown->gave_up == 0);

  std::optional<Result<LockPage>> seen;
  LockQuery query;
  query.id = stuck.text().substr(20);
  world.worker.jobs.clear();
  world.engine->look_at_locks(query, [&](Result<LockPage> page) { seen = std::move(page); });
  REQUIRE(world.worker.jobs.size() == 1);
  const auto& job = std::get<LookAtLocksJob>(world.worker.jobs.front());
  CHECK(job.owner == stuck);
  LockPage page;
  page.resources.push_back({"row 1", {{stuck, "X", "", {}, "", {}}}, 1, {}, 2});
  page.resources[0].waiters.push_back({first, "X", "", {}, stuck.text(), {}});
  world.worker_says(LocksSeen{job.number, page});
  REQUIRE(seen.has_value());
  REQUIRE(seen->has_value());
  const auto& row = (*seen)->resources[0];
  CHECK(row.holders[0].state == "prepared");
  CHECK(row.holders[0].lasts == std::chrono::milliseconds(1000));
  CHECK_FALSE(row.holders[0].gives_up_in);
  CHECK(row.waiters[0].state == "executing");
  CHECK(row.waiters[0].lasts == std::chrono::milliseconds(1000));
  CHECK(row.waiters[0].gives_up_in == std::chrono::milliseconds(1000));
  query.id = "nobody";
  world.engine->look_at_locks(query, [&](Result<LockPage> answer) { seen = std::move(answer); });
  CHECK(seen->error().code == ErrorCode::kNotFound);

  world.pass(milliseconds(1000));  // the first gives up; it was a waiter, so nobody blames it
  world.pass(milliseconds(700));
  shown = world.engine->show(stuck.text(), world.now());
  CHECK(shown->blocked_total == 0);
  CHECK(shown->gave_up == 2);
  CHECK(world.engine->show(first.text(), world.now())->gave_up == 0);
}

TEST_CASE("a lock wait ends with the locks, whenever the answer comes") {
  EngineWorld world;
  const auto holder = world.two_phase(1), reader = world.two_phase(2);
  let_wait(world, reader, 10, holder);
  world.worker_says(Granted{reader});
  world.pass(2 * world.options.lock_timeout);
  CHECK(world.transport.names() == "");
  world.executed(reader, Vote::kCommit);
  world.sync();
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kCommit);

  // Its statements run, and the news of its locks comes with their results.
  const auto writer = world.two_phase(3), waits = world.two_phase(4);
  let_wait(world, writer, 11, holder);
  let_wait(world, waits, 12, holder);
  world.worker.executing = writer;
  world.transport.take();
  world.pass(2 * world.options.lock_timeout);
  CHECK(world.transport.last<VoteMessage>().gtid == waits);
  CHECK(world.transport.last<VoteMessage>().reason.code == AbortCode::kLockTimeout);
  world.transport.take();
  world.executed(writer, Vote::kCommit);
  world.sync();
  CHECK(world.transport.last<VoteMessage>().gtid == writer);
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kCommit);
}
