// What a participant says about transactions that a coordinator does not know.
#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

namespace troth::tests {
namespace {

using protocol::Recall;
using protocol::Recalled;
using Knows = protocol::Recalled::Knows;

}  // namespace

TEST_CASE("a participant recalls keys and transactions, and promises nothing by it") {
  EngineWorld world;
  const auto ask = [&](Recall question) {
    world.transport.take();
    world.deliver(std::move(question));
    return world.transport.last<Recalled>();
  };
  CHECK(ask({{}, "k"}).knows == Knows::kNothing);
  CHECK(ask({world.two_phase(5), {}}).knows == Knows::kNothing);

  protocol::CommitOnePhase request;
  request.gtid = world.one_phase(1);
  request.time_left = std::chrono::seconds(10);
  request.statements = {{"UPDATE t SET v = 1", {}, {}}};
  request.idempotency_key = "k";
  request.body_digest = "digest";
  request.key_retention = std::chrono::hours(24);
  world.deliver(request);
  CHECK(ask({{}, "k"}).knows == Knows::kUndecided);
  CHECK(ask({{}, "k"}).first_gtid == request.gtid);
  world.executed(request.gtid, Vote::kCommit);
  world.transport.take();
  world.deliver(Recall{{}, "k"});
  CHECK(world.transport.sent.empty());  // it waits until the record is durable
  world.sync();
  const auto known = ask({{}, "k"});
  CHECK(known.knows == Knows::kOutcome);
  CHECK(known.outcome == Outcome::kCommitted);
  CHECK(known.first_gtid == request.gtid);
  CHECK(known.body_digest == "digest");
  CHECK(ask({request.gtid, {}}).outcome == Outcome::kCommitted);

  world.deliver(protocol::InquireOnePhase{world.one_phase(9)});  // a promise, but no news
  world.sync();
  CHECK(ask({world.one_phase(9), {}}).knows == Knows::kNothing);

  // What is unknown stays free: it can still be prepared.
  const auto gtid = world.two_phase(5);
  world.deliver(world.prepare(gtid));
  CHECK(ask({gtid, {}}).knows == Knows::kUndecided);
  world.executed(gtid, Vote::kAbort);
  world.sync();
  CHECK(ask({gtid, {}}).outcome == Outcome::kAborted);
  CHECK(ask({gtid, {}}).reason.code == AbortCode::kConstraint);

  world.deliver(protocol::Recall{{}, "x"}, world.two_phase(6));  // everything below is ended
  CHECK(ask({gtid, {}}).knows == Knows::kForgotten);
}

}  // namespace troth::tests
