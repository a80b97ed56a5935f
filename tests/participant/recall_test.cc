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

TEST_CASE(
    "a transaction that only read leaves no record: nobody hears an outcome that a restart takes "
    "back") {
  EngineWorld world;
  const auto gtid = world.one_phase(1);
  world.deliver(world.commit_one_phase(gtid));
  world.executed(gtid, Vote::kReadOnly);
  world.sync();
  REQUIRE(world.transport.last<protocol::OnePhaseResult>().outcome == Outcome::kCommitted);
  world.transport.take();
  world.deliver(protocol::Recall{gtid, {}});
  world.sync();
  CHECK(world.transport.last<protocol::Recalled>().knows == protocol::Recalled::Knows::kForgotten);
}

TEST_CASE("keys of one-phase requests have a bound, and a refusal that says so") {
  participant::EngineOptions options;
  options.max_retained_keys = 1;
  EngineWorld world(options);
  const auto request = [&](std::uint64_t number, const std::string& key) {
    world.transport.take();
    world.deliver(world.commit_one_phase(world.one_phase(number), key));
  };
  request(1, "k1");
  world.executed(world.one_phase(1), Vote::kCommit);
  world.sync();
  request(2, "k2");
  world.sync();
  const auto refused = world.transport.last<protocol::OnePhaseResult>();
  CHECK(refused.outcome == Outcome::kAborted);
  CHECK(refused.reason.code == AbortCode::kBusy);
  CHECK(refused.reason.detail.find("max-retained-keys") != std::string::npos);
  request(3, "k1");  // the known one is answered
  world.sync();
  CHECK(world.transport.last<protocol::OnePhaseResult>().outcome == Outcome::kCommitted);
  request(4, "");
  CHECK(world.transport.sent.empty());  // it executes

  Measurements seen;
  world.engine->measure(seen, world.now());
  const auto value = [&](const char* name) {
    for (const auto& sample : seen.numbers)
      if (sample.name == name) return sample.value;
    return -1.0;
  };
  CHECK(value("retained_keys") == 1);
  CHECK(value("retained_keys_limit") == 1);

  world.pass(std::chrono::hours(2));  // over its retention: it makes room
  request(5, "k2");
  world.executed(world.one_phase(5), Vote::kCommit);
  world.sync();
  CHECK(world.transport.last<protocol::OnePhaseResult>().outcome == Outcome::kCommitted);
}

}  // namespace troth::tests
