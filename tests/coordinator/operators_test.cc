// A coordinator decides nothing by hand: it says why, drains participants, and keeps the trail.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::protocol;
using troth::tests::CoordinatorWorld;

namespace {

std::string refusal(CoordinatorWorld& world, const Gtid& gtid) {
  const auto reply = world.engine->operators().resolve(
      {gtid.text(), Decision::kAbort, {"ann", "unblock p2"}, "", gtid.text().substr(20), false},
      world.now());
  REQUIRE_FALSE(reply);
  return reply.error().context;
}

/// The answer comes when no crash can take the action back; nothing before.
Status drain(CoordinatorWorld& world, const NodeName& name, bool drained, const Operator& by) {
  std::optional<Status> told;
  world.engine->operators().drain_participant(
      name, drained, by, [&](Status status) { told = std::move(status); }, world.now());
  if (told) {
    CHECK_FALSE(told->has_value());
    return *told;
  }
  world.sync();
  REQUIRE(told.has_value());
  return *told;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every state has its reason why an operator must not decide") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  CHECK(contains(refusal(world, gtid), "decides by itself within its deadline"));
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  world.sync();
  world.deliver("p1", Ack{gtid});
  const auto text = refusal(world, gtid);
  CHECK_MESSAGE(contains(text, "COMMIT is in the log and 1 of 2 participants"), text);
  CHECK_MESSAGE(contains(text, "aborting it at p2 would leave it committed elsewhere"), text);
  world.deliver("p2", Ack{gtid});
  CHECK(contains(refusal(world, gtid), "it is committed: there is nothing to decide"));
  CHECK(contains(refusal(world, Gtid({9}, {1}, 9, Decider::kCoordinator)), "no transaction"));
  std::optional<Result<ResolveReply>> forgot;
  world.engine->operators().forget(
      {gtid.text(), {}, "", true}, [&](Result<ResolveReply> reply) { forgot = std::move(reply); },
      world.now());
  REQUIRE(forgot);
  CHECK(contains(forgot->error().context, "decides nothing by hand"));
  CHECK(world.transport.sent.size() == 4);  // PREPARE and COMMIT, nothing else
}

TEST_CASE("what a participant reported ends when it acknowledges; other alarms stay") {
  CoordinatorWorld world;
  const auto gtid = world.committing();
  for (int i = 0; i < 2; ++i) world.deliver("p2", Alarm{gtid, "p2: aborted by hand: MIXED"});
  world.deliver("p1", Inquire{world.minted(77)});  // never begun
  CHECK(world.alarms() == 2);
  world.deliver("p1", Ack{gtid});
  CHECK(world.alarms() == 2);
  world.deliver("p2", Ack{gtid});
  REQUIRE(world.alarms() == 1);
  CHECK_FALSE(contains(world.engine->operators().status(world.now()).alarms[0], "MIXED"));
}

TEST_CASE("a drained participant gets nothing new; what runs goes on") {
  CoordinatorWorld world;
  const auto p2 = NodeName::from_trusted("p2");
  const auto running = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  REQUIRE(drain(world, p2, true, {"ann", "disk"}));
  const auto refused = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  REQUIRE(world.answers[refused]->refusal);
  CHECK(world.answers[refused]->refusal->code == AbortCode::kDraining);
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  world.sync();
  CHECK(world.outcome(running) == Outcome::kCommitted);
  for (const auto& link : world.engine->operators().status(world.now()).links)
    CHECK(link.draining == (link.peer == p2));
  REQUIRE(drain(world, p2, false, {"ann", ""}));
  CHECK_FALSE(world.answered(world.submit(CoordinatorWorld::request({"p1", "p2"}))));
  CHECK(drain(world, NodeName::from_trusted("px"), true, {}).error().code == ErrorCode::kNotFound);
}

TEST_CASE("the trail is kept across restarts and checkpoints, once") {
  coordinator::EngineOptions options;
  options.checkpoint_bytes = 1;
  CoordinatorWorld world(options);
  REQUIRE(world.engine->operators().retry("", {"ann", "hurry"}, world.now()));
  const auto p2 = NodeName::from_trusted("p2");
  REQUIRE(drain(world, p2, true, {"bob", "disk"}));
  for (int i = 0; i < 5; ++i) {
    world.submit(CoordinatorWorld::request({"p1"}));
    world.pass(std::chrono::seconds(1));
    world.sync();
  }
  CHECK(world.counter("checkpoints") >= 1);
  world.restart();
  CHECK(world.engine->operators().book().is_drained(p2));
  const auto trail = world.engine->operators().book().audit(10);
  REQUIRE(trail.size() == 2);
  CHECK(trail[0].action == "drain");
  CHECK(trail[0].by.name == "bob");
  CHECK(trail[1].action == "retry");
  CHECK(trail[1].by.reason == "hurry");
}

TEST_CASE("who is drained is remembered when the trail has forgotten it") {
  coordinator::EngineOptions options;
  options.checkpoint_bytes = 1;
  CoordinatorWorld world(options);
  const auto p1 = NodeName::from_trusted("p1"), p2 = NodeName::from_trusted("p2");
  REQUIRE(drain(world, p1, true, {"ann", "first"}));
  REQUIRE(drain(world, p2, true, {"ann", "disk"}));
  REQUIRE(drain(world, p1, false, {"ann", "done"}));
  for (int i = 0; i < 600; ++i)
    REQUIRE(world.engine->operators().retry("", {"bob", "again"}, world.now()));
  for (int i = 0; i < 3; ++i) {
    world.pass(std::chrono::seconds(1));
    world.sync();
    world.restart();
    CHECK(world.engine->operators().book().is_drained(p2));
    CHECK_FALSE(world.engine->operators().book().is_drained(p1));
  }
  REQUIRE(drain(world, p2, false, {"ann", "done"}));
  world.restart();
  CHECK_FALSE(world.engine->operators().book().is_drained(p2));
}
