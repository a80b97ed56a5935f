// Transactions that the coordinator does not know: its participants are asked.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

namespace troth::tests {
namespace {

using protocol::Recall;
using protocol::Recalled;
using protocol::Record;

struct Asked {
  explicit Asked(coordinator::EngineOptions options = {}) : world(std::move(options)) {}
  void by_key(const std::string& key) {
    world.engine->inquiries().get_outcome_by_key(
        key, [this](Result<TransactionOutcome> result) { said = std::move(result); }, world.now());
    world.engine->end_of_round(world.now());
  }
  void by_gtid(const Gtid& gtid) {
    world.engine->inquiries().get_outcome(
        gtid, false, [this](Result<TransactionOutcome> result) { said = std::move(result); },
        world.now());
    world.engine->end_of_round(world.now());
  }
  void answer(const std::string& from, Recalled::Knows knows, Outcome outcome = Outcome::kPending) {
    const auto question = world.transport.last<Recall>();
    Recalled answer{question.gtid, question.idempotency_key, knows, first, "digest", outcome, {}};
    if (outcome == Outcome::kAborted) answer.reason.code = AbortCode::kConstraint;
    world.deliver(from, answer);
  }
  void nothing_known() {
    for (const char* name : {"p1", "p2", "p3"}) answer(name, Recalled::Knows::kNothing);
  }

  CoordinatorWorld world;
  std::optional<Result<TransactionOutcome>> said;
  const Gtid first{{77}, {3}, 9, Decider::kParticipant};
};

coordinator::EngineOptions born(std::int64_t unix_ms) {
  coordinator::EngineOptions out;
  out.log_born = {unix_ms};
  return out;
}

}  // namespace

TEST_CASE("a key that is not known here: the participant that executed its request knows") {
  Asked asked;
  asked.by_key("k");
  CHECK(asked.world.transport.names() == "RECALL p1, RECALL p2, RECALL p3");
  asked.by_key("k");
  CHECK(asked.world.transport.names().empty());  // they are being asked
  asked.by_key("k");
  asked.world.transport.take();
  Asked once;
  once.by_key("k");
  once.answer("p1", Recalled::Knows::kNothing);
  CHECK_FALSE(once.said);
  once.answer("p2", Recalled::Knows::kOutcome, Outcome::kCommitted);
  REQUIRE(once.said);
  CHECK((*once.said)->outcome == Outcome::kCommitted);
  CHECK((*once.said)->gtid == once.first);
  CHECK((*once.said)->replayed);
}

TEST_CASE("\"no such key\" only if every participant says so and none could have forgotten it") {
  constexpr std::int64_t kDay = 24 * 3600 * 1000;
  const std::int64_t now = CoordinatorWorld().now().wall.unix_ms;
  SUBCASE("the log is younger than key-retention") {
    Asked asked(born(now - kDay / 2));
    asked.by_key("k");
    asked.nothing_known();
    CHECK(asked.said->error().code == ErrorCode::kNotFound);
  }
  SUBCASE("it is older") {
    Asked asked(born(now - 2 * kDay));
    asked.by_key("k");
    asked.nothing_known();
    REQUIRE(*asked.said);
    CHECK((*asked.said)->outcome == Outcome::kInDoubt);
    CHECK((*asked.said)->forgotten_since->unix_ms == now - kDay);
  }
  SUBCASE("one does not answer") {
    Asked asked(born(now));
    asked.by_key("k");
    asked.answer("p1", Recalled::Knows::kNothing);
    asked.answer("p3", Recalled::Knows::kNothing);
    asked.world.transport.take();
    asked.world.pass(std::chrono::milliseconds(400));
    CHECK(asked.world.transport.names() == "RECALL p2");
    CHECK_FALSE(asked.said);
    asked.world.pass(std::chrono::milliseconds(700));
    REQUIRE(*asked.said);
    CHECK((*asked.said)->outcome == Outcome::kInDoubt);
    CHECK_FALSE((*asked.said)->forgotten_since);
    CHECK((*asked.said)->reason.detail.find("p2") != std::string::npos);
  }
  SUBCASE("nobody can be reached") {
    Asked asked(born(now));
    for (const char* name : {"p1", "p2", "p3"}) asked.world.connect(name, false);
    asked.by_key("k");
    CHECK((*asked.said)->outcome == Outcome::kInDoubt);
  }
  SUBCASE("one has it in progress") {
    Asked asked(born(now));
    asked.by_key("k");
    asked.answer("p2", Recalled::Knows::kUndecided);
    CHECK_FALSE(asked.said);
    asked.answer("p1", Recalled::Knows::kNothing);
    asked.answer("p3", Recalled::Knows::kNothing);
    REQUIRE(*asked.said);
    CHECK((*asked.said)->outcome == Outcome::kInDoubt);
    CHECK((*asked.said)->gtid == asked.first);
  }
}

TEST_CASE("another coordinator's transaction, and one of a later life of this log") {
  Asked asked;
  for (const auto& gtid : {asked.first, asked.world.minted(99), asked.world.minted(1, {7})}) {
    asked.said.reset();
    asked.by_gtid(gtid);
    asked.answer("p3", Recalled::Knows::kOutcome, Outcome::kAborted);
    REQUIRE(*asked.said);
    if (gtid.decider() == Decider::kParticipant) {
      CHECK((*asked.said)->outcome == Outcome::kAborted);
      CHECK((*asked.said)->reason.code == AbortCode::kConstraint);
    } else {  // its request may have gone on in another attempt
      CHECK((*asked.said)->outcome == Outcome::kInDoubt);
    }
    asked.said.reset();
    asked.by_gtid(gtid);
    asked.answer("p2", Recalled::Knows::kOutcome, Outcome::kCommitted);
    CHECK((*asked.said)->outcome == Outcome::kCommitted);
    asked.said.reset();
    asked.by_gtid(gtid);
    asked.answer("p1", Recalled::Knows::kForgotten);
    asked.answer("p2", Recalled::Knows::kNothing);
    asked.answer("p3", Recalled::Knows::kNothing);
    CHECK((*asked.said)->forgotten_since);
    asked.said.reset();
    asked.by_gtid(gtid);
    asked.nothing_known();
    if (gtid == asked.first) {
      CHECK((*asked.said)->outcome == Outcome::kInDoubt);
    } else {
      CHECK(asked.said->error().code == ErrorCode::kNotFound);
    }
  }
}

TEST_CASE("no record of an earlier start proves nothing before every participant has greeted") {
  Asked asked;
  auto& world = asked.world;
  world.greeters = {"p1", "p2"};
  world.restart();
  const Gtid gtid = world.minted(5);
  asked.by_gtid(gtid);
  asked.answer("p1", Recalled::Knows::kNothing);
  asked.answer("p2", Recalled::Knows::kNothing);
  world.pass(std::chrono::seconds(2));
  REQUIRE(*asked.said);
  CHECK((*asked.said)->outcome == Outcome::kInDoubt);
  CHECK((*asked.said)->reason.detail.find("p3") != std::string::npos);
  world.transport.take();

  SUBCASE("a participant in doubt waits, but not for ever") {
    world.restart();
    world.deliver("p1", protocol::Inquire{gtid});
    CHECK(world.transport.last<protocol::InquiryReply>().answer ==
          protocol::InquiryReply::Answer::kUndecided);
    world.pass(std::chrono::seconds(4));
    world.deliver("p1", protocol::Inquire{gtid});
    CHECK(world.transport.last<protocol::Decide>().decision == Decision::kAbort);
  }
  SUBCASE("all have greeted") {
    world.greet("p3");
    asked.by_gtid(gtid);
    CHECK((*asked.said)->outcome == Outcome::kAborted);
    world.deliver("p1", protocol::Inquire{gtid});
    CHECK(world.transport.last<protocol::Decide>().decision == Decision::kAbort);
  }
  SUBCASE("what this start has begun is not in question") {
    const auto flying = world.submit(CoordinatorWorld::request({"p1", "p2"}));
    const auto begun = world.last_gtid();
    world.vote("p1", begun, Vote::kAbort);
    CHECK(world.outcome(flying) == Outcome::kAborted);
    asked.by_gtid(begun);
    CHECK((*asked.said)->outcome == Outcome::kAborted);
  }
}

TEST_CASE(
    "an epoch in which this log never was: a newer log began it, and no record proves nothing") {
  Asked asked;
  auto& world = asked.world;
  const auto began = [&](std::uint32_t epoch) {
    const Record record(protocol::EpochRecord{{epoch}});
    world.log.append(type_of(record), encode(record), protocol::Force::kYes);
    world.log.sync();
  };
  began(1);
  began(20);
  world.options.epoch = {39};
  world.restart();  // in epoch 40
  const auto tag = world.minted(1).tag();
  const Gtid put_back(tag, {30}, 1, Decider::kCoordinator);
  asked.by_gtid(put_back);
  asked.nothing_known();
  REQUIRE(*asked.said);
  CHECK((*asked.said)->outcome == Outcome::kInDoubt);
  CHECK((*asked.said)->reason.detail.find("epoch 30") != std::string::npos);
  world.transport.take();
  world.deliver("p1", protocol::Inquire{put_back});
  CHECK(world.transport.last<protocol::InquiryReply>().answer ==
        protocol::InquiryReply::Answer::kContinuityNotProven);

  for (const std::uint32_t known : {1U, 20U}) {
    asked.by_gtid(Gtid(tag, {known}, 1, Decider::kCoordinator));
    CHECK((*asked.said)->outcome == Outcome::kAborted);
  }
}

}  // namespace troth::tests
