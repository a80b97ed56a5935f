// A coordinator decides nothing by hand: it says why, drains participants, and keeps the trail.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::protocol;
using troth::tests::CoordinatorWorld;

namespace {

std::string refusal(CoordinatorWorld& world, const Gtid& gtid) {
  const auto reply = world.engine->resolve(
      {gtid.text(), Decision::kAbort, {"ann", "unblock p2"}, "", gtid.text().substr(20), false},
      world.now());
  REQUIRE_FALSE(reply);
  return reply.error().context;
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
  CHECK(contains(world.engine->forget({gtid.text(), {}, "", true}, world.now()).error().context,
                 "decides nothing by hand"));
  CHECK(world.transport.sent.size() == 4);  // PREPARE and COMMIT, nothing else
}

TEST_CASE("a drained participant gets nothing new; what runs goes on") {
  CoordinatorWorld world;
  const auto p2 = NodeName::from_trusted("p2");
  const auto running = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  REQUIRE(world.engine->drain_participant(p2, true, {"ann", "disk"}, world.now()));
  const auto refused = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  REQUIRE(world.answers[refused]->refusal);
  CHECK(world.answers[refused]->refusal->code == AbortCode::kDraining);
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  world.sync();
  CHECK(world.outcome(running) == Outcome::kCommitted);
  for (const auto& link : world.engine->status(world.now()).links)
    CHECK(link.draining == (link.peer == p2));
  REQUIRE(world.engine->drain_participant(p2, false, {"ann", ""}, world.now()));
  CHECK_FALSE(world.answered(world.submit(CoordinatorWorld::request({"p1", "p2"}))));
  CHECK(world.engine->drain_participant(NodeName::from_trusted("px"), true, {}, world.now())
            .error()
            .code == ErrorCode::kNotFound);
}

TEST_CASE("the trail is kept across restarts and checkpoints, once") {
  coordinator::EngineOptions options;
  options.checkpoint_bytes = 1;
  CoordinatorWorld world(options);
  REQUIRE(world.engine->retry("", {"ann", "hurry"}, world.now()));
  REQUIRE(world.engine->drain_participant(NodeName::from_trusted("p2"), true, {"bob", "disk"},
                                          world.now()));
  for (int i = 0; i < 5; ++i) {
    world.submit(CoordinatorWorld::request({"p1", "p2"}));
    world.pass(std::chrono::seconds(1));
    world.sync();
  }
  CHECK(world.counter("checkpoints") >= 1);
  world.restart();
  const auto trail = world.engine->audit_trail(10);
  REQUIRE(trail.size() == 2);
  CHECK(trail[0].action == "drain");
  CHECK(trail[0].by.name == "bob");
  CHECK(trail[1].action == "retry");
  CHECK(trail[1].by.reason == "hurry");
}
