// The coordinator's engine in three-phase transactions.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::tests;

namespace {

struct ThreePhase : CoordinatorWorld {
  Gtid begin(const std::string& key = "") {
    auto asked = request({"p1", "p2"}, key);
    asked.protocol = CommitProtocol::kThreePhase;
    submit(asked);
    return last_gtid();
  }
  Gtid precommitting(const std::string& key = "") {
    const auto gtid = begin(key);
    vote("p1", gtid);
    vote("p2", gtid);
    return gtid;
  }
  void accepted(const std::string& from, const Gtid& gtid) {
    const Ballot ballot{1, options.name};
    deliver(from, PreDecided{gtid, ballot, ballot});
  }
  std::string state(const Gtid& gtid) const {
    const auto shown = engine->operators().show(gtid.text(), now());
    return shown ? shown->summary.state : "unknown";
  }
};

}  // namespace

TEST_CASE(
    "forced records and messages of a committed transaction are exactly the documented ones") {
  ThreePhase world;
  const auto forced = world.counter("forced_writes");
  const auto sent = world.counter("messages_sent");
  const auto gtid = world.precommitting();
  CHECK(world.log.count(RecordType::kPrecommitted) == 1);
  world.sync();
  CHECK_FALSE(world.answered(0));  // its own record alone is no majority
  world.accepted("p1", gtid);      // 2 of 3: the commit point
  REQUIRE(world.answered(0));
  CHECK(world.outcome(0) == Outcome::kCommitted);
  CHECK(world.log.count(RecordType::kCommit) == 0);
  world.accepted("p2", gtid);
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid});
  CHECK(world.state(gtid) == "committed");
  // With 3 of each participant (its own test): 7 forced records, 12 messages.
  CHECK(world.counter("forced_writes") - forced == 1);  // PRECOMMITTED
  CHECK(world.counter("messages_sent") - sent == 6);    // PREPARE, PRECOMMIT, COMMIT to each
}

TEST_CASE("a restarted coordinator that had not precommitted is in state A") {
  ThreePhase world;
  const auto gtid = world.precommitting();
  world.restart();  // PRECOMMITTED was not durable: no PRECOMMIT has left
  world.deliver("p1", Elect{gtid, {2, NodeName::from_trusted("p1")}, {1}});
  CHECK(world.transport.last<Decide>().decision == Decision::kAbort);
}

TEST_CASE("a restarted coordinator that had precommitted is one more member") {
  ThreePhase world;
  const auto gtid = world.precommitting("key");
  world.sync();
  const auto p1 = NodeName::from_trusted("p1");
  world.restart();
  CHECK(world.state(gtid) == "precommitting");
  // It promises, and adopts what the others came to; the client's retry is answered with it.
  auto again = world.request({"p1", "p2"}, "key");
  const auto retry = world.submit(again);
  CHECK_FALSE(world.answered(retry));
  world.deliver("p1", Elect{gtid, {2, p1}, {1}});
  CHECK(world.transport.take().empty());  // not before ELECTED is durable
  world.sync();
  CHECK(world.transport.last<Elected>().state == MemberState::kPrecommitted);
  SUBCASE("committed") {
    world.deliver("p1", Decide{gtid, Decision::kCommit, AnswerAt::kApplied, {}});
    REQUIRE(world.answered(retry));
    CHECK(world.outcome(retry) == Outcome::kCommitted);
    CHECK(world.state(gtid) == "committing");
    world.sync();
    world.restart();
    CHECK(world.state(gtid) == "committing");  // DECIDED: it goes on asking for acks
    world.deliver("p1", Ack{gtid});
    world.deliver("p2", Ack{gtid});
    CHECK(world.state(gtid) == "committed");
  }
  SUBCASE("aborted") {
    world.deliver("p1", Decide{gtid, Decision::kAbort, AnswerAt::kApplied, {}});
    REQUIRE(world.answered(retry));
    CHECK(world.outcome(retry) == Outcome::kAborted);
    world.sync();
    world.restart();
    world.deliver("p2", Elect{gtid, {9, NodeName::from_trusted("p2")}, {1}});
    CHECK(world.transport.last<Decide>().decision == Decision::kAbort);
  }
  SUBCASE("one acknowledges before it is told: a member holds COMMITTED") {
    world.deliver("p2", Ack{gtid});
    CHECK(world.outcome(retry) == Outcome::kCommitted);
    CHECK(world.alarms() == 0);
  }
}

TEST_CASE("an outcome found in the log is the first answer to a key only if there is a key") {
  for (const std::string key : {"", "key"}) {
    ThreePhase world;
    const auto gtid = world.precommitting(key);
    world.sync();
    world.restart();
    world.deliver("p1", Decide{gtid, Decision::kCommit, AnswerAt::kApplied, {}});
    world.sync();
    const auto said = world.ask(gtid);
    REQUIRE((said && *said));
    CHECK((*said)->outcome == Outcome::kCommitted);
    CHECK((*said)->replayed == !key.empty());
  }
}

TEST_CASE("the members end it while a promise of this node is on its way to the disk") {
  ThreePhase world;
  const auto gtid = world.precommitting("key");
  world.sync();
  world.deliver("p1", Elect{gtid, {2, NodeName::from_trusted("p1")}, {1}});
  world.deliver("p1", Decide{gtid, Decision::kCommit, AnswerAt::kApplied, {}});
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid});  // all is over, and ELECTED is not durable yet
  REQUIRE(world.answered(0));
  CHECK(world.outcome(0) == Outcome::kCommitted);
  const auto retry = world.submit(world.request({"p1", "p2"}, "key"));
  REQUIRE(world.answered(retry));
  CHECK(world.outcome(retry) == Outcome::kCommitted);  // not begun anew
  world.sync();
}

TEST_CASE("no majority: the client hears IN_DOUBT, later the truth") {
  ThreePhase world;
  const auto gtid = world.precommitting("key");
  world.sync();
  for (int i = 0; i < 20; ++i) world.pass(std::chrono::milliseconds(300));
  REQUIRE(world.answered(0));
  CHECK(world.outcome(0) == Outcome::kInDoubt);
  const auto retry = world.submit(world.request({"p1", "p2"}, "key"));
  CHECK(world.outcome(retry) == Outcome::kInDoubt);
  CHECK((*world.ask(gtid))->outcome == Outcome::kInDoubt);
  world.sync();
  world.accepted("p2", gtid);
  // It may have started a ballot of its own meanwhile; a member that knows ends it either way.
  world.deliver("p2", Decide{gtid, Decision::kCommit, AnswerAt::kApplied, {}});
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
}

TEST_CASE(
    "while votes are missing a member that asks is told to wait; one that refused aborts it") {
  ThreePhase world;
  const auto gtid = world.begin();
  const auto p1 = NodeName::from_trusted("p1");
  world.vote("p1", gtid);
  world.transport.take();
  world.deliver("p1", Elect{gtid, {2, p1}, {1}});
  CHECK(world.transport.last<InquiryReply>().answer == InquiryReply::Answer::kUndecided);
  world.deliver("p1", Decide{gtid, Decision::kAbort, {}, {AbortCode::kTombstone, "no", p1, -1}});
  REQUIRE(world.answered(0));
  CHECK(world.outcome(0) == Outcome::kAborted);
  CHECK(world.alarms() == 0);
}

TEST_CASE("after all votes neither a cancel nor a shutdown aborts") {
  ThreePhase world;
  const auto gtid = world.precommitting();
  world.sync();
  world.engine->cancel_undecided(world.now());
  CHECK(world.outcome(0) == Outcome::kInDoubt);
  CHECK(world.state(gtid) == "precommitting");
}

TEST_CASE(
    "the protocol is chosen for each transaction, else by the setting; one participant is "
    "one-phase") {
  coordinator::EngineOptions options;
  options.protocol = CommitProtocol::kThreePhase;
  CoordinatorWorld world(options);
  world.submit(world.request({"p1", "p2"}));
  CHECK(world.transport.last<Prepare>().protocol == CommitProtocol::kThreePhase);
  auto two = world.request({"p1", "p2"});
  two.protocol = CommitProtocol::kTwoPhase;
  world.submit(two);
  CHECK(world.transport.last<Prepare>().protocol == CommitProtocol::kTwoPhase);
  world.transport.take();
  world.submit(world.request({"p1"}));
  CHECK(world.transport.names() == "COMMIT_ONE_PHASE p1");
}

TEST_CASE("a wound aborts it while votes are missing; past them only a majority may") {
  ThreePhase world;
  const auto p1 = NodeName::from_trusted("p1");
  const Wound wound{{}, world.minted(900), "row 7"};
  SUBCASE("a vote is missing") {
    const auto gtid = world.begin();
    world.vote("p1", gtid);
    world.deliver("p1", Wound{gtid, wound.waiter, wound.resource});
    REQUIRE(world.answered(0));
    CHECK(world.outcome(0) == Outcome::kAborted);
    CHECK(world.answers.at(0)->outcome.reason.code == AbortCode::kDeadlock);
    CHECK(world.log.count(RecordType::kPrecommitted) == 0);
  }
  SUBCASE("its own ballot is on the way") {
    const auto gtid = world.precommitting();
    world.sync();
    world.transport.take();
    world.deliver("p1", Wound{gtid, wound.waiter, wound.resource});
    CHECK(world.counter("wounds_refused") == 1);
    CHECK(world.transport.last<InquiryReply>().answer == InquiryReply::Answer::kUndecided);
    CHECK_FALSE(world.answered(0));
    world.accepted("p1", gtid);
    CHECK(world.outcome(0) == Outcome::kCommitted);
  }
}

TEST_CASE("metrics name the protocol that was used") {
  ThreePhase world;
  const auto gtid = world.precommitting();
  world.sync();
  world.accepted("p1", gtid);
  world.submit(world.request({"p1", "p2"}));
  world.submit(world.request({"p1"}));
  Measurements measured;
  world.engine->operators().measure(measured, world.now());
  const auto value = [&](const std::string& name, const Labels& labels) {
    for (const auto& one : measured.numbers)
      if (one.name == name && one.labels == labels) return one.value;
    return -1.0;
  };
  CHECK(value("transactions_begun_total", {{"protocol", "3pc"}}) == 1);
  CHECK(value("transactions_begun_total", {{"protocol", "2pc"}}) == 1);
  CHECK(value("transactions_begun_total", {{"protocol", "1pc"}}) == 1);
  CHECK(value("transactions_total", {{"protocol", "3pc"}, {"outcome", "committed"}}) == 1);
}
