// Interactive transactions at the coordinator: one conversation after the other, and every way one
// can end before its commit.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::protocol;
using std::chrono::milliseconds;
using std::chrono::seconds;
using troth::tests::CoordinatorWorld;

namespace {

struct Talk {
  explicit Talk(CoordinatorWorld& w, BeginRequest request = {}) : world(w) {
    world.engine->conversations().begin(
        std::move(request), [this](BeginReply answer) { begun = std::move(answer); }, world.now());
    world.engine->end_of_round(world.now());
    gtid = begun.gtid;
  }
  void say(const char* participant) {
    reply.reset();
    world.engine->conversations().execute(
        gtid, {NodeName::from_trusted(participant), {{"SELECT 1", {}, {}}}, 0},
        [this](ExecuteReply answer) { reply = std::move(answer); }, world.now());
    world.engine->end_of_round(world.now());
  }
  void answer(const char* participant, std::uint32_t number, Epoch epoch = {1}) {
    ExecuteResult result;
    result.gtid = gtid;
    result.number = number;
    result.results = {StatementResult{{"1"}, {{std::int64_t{1}}}, 0}};
    result.executor = {CoordinatorWorld::id_of(participant), epoch, {100}};
    world.deliver(participant, result, epoch);
  }
  void failure(const char* participant, AbortCode code) {
    ExecuteResult result;
    result.gtid = gtid;
    result.reason = {code, "gone", {}, -1};
    result.executor = {CoordinatorWorld::id_of(participant), {1}, {100}};
    world.deliver(participant, result);
  }
  void run(const char* participant, std::uint32_t number) {
    say(participant);
    answer(participant, number);
    REQUIRE(reply);
    REQUIRE_FALSE(reply->ended);
    world.transport.take();
  }
  void commit() {
    world.engine->conversations().commit(
        gtid, [this](SubmitReply answer) { ended = std::move(answer); }, world.now());
    world.engine->end_of_round(world.now());
  }
  void rollback() {
    world.engine->conversations().rollback(
        gtid, [this](SubmitReply answer) { ended = std::move(answer); }, world.now());
    world.engine->end_of_round(world.now());
  }
  void vote(const char* participant, Vote value, Epoch epoch = {1}) {
    VoteMessage message;
    message.gtid = gtid;
    message.vote = value;
    message.voter = {CoordinatorWorld::id_of(participant), epoch, {100}};
    world.deliver(participant, message, epoch);
  }

  CoordinatorWorld& world;
  BeginReply begun;
  Gtid gtid;
  std::optional<ExecuteReply> reply;
  std::optional<SubmitReply> ended;
};

BeginRequest retry_of(const Gtid& gtid) {
  BeginRequest request;
  request.retry_of = gtid;
  return request;
}

}  // namespace

TEST_CASE("a conversation over two participants, then the same two-phase commit as always") {
  CoordinatorWorld world;
  Talk talk(world);
  CHECK(world.transport.names() == "");
  talk.say("p1");
  CHECK(world.transport.last<Execute>().number == 1);
  CHECK(world.transport.names() == "EXECUTE p1");
  CHECK_FALSE(talk.reply);
  talk.answer("p1", 1);
  CHECK(talk.reply->results.size() == 1);
  talk.run("p2", 1);
  talk.run("p1", 2);
  CHECK((*world.ask(talk.gtid))->outcome == Outcome::kPending);
  talk.commit();
  CHECK(world.transport.last<Prepare>().statements.empty());
  CHECK(world.transport.names() == "PREPARE p1, PREPARE p2");
  talk.vote("p1", Vote::kCommit);
  talk.vote("p2", Vote::kReadOnly);
  CHECK_FALSE(talk.ended);
  world.sync();
  CHECK(talk.ended->outcome.outcome == Outcome::kCommitted);
  CHECK(world.transport.names() == "RELEASE p2, COMMIT p1");
  world.deliver("p1", Ack{talk.gtid});
  CHECK((*world.ask(talk.gtid))->outcome == Outcome::kCommitted);
}

TEST_CASE("the protocol is chosen at begin; one participant is two-phase all the same") {
  CoordinatorWorld world;
  BeginRequest request;
  request.protocol = CommitProtocol::kThreePhase;
  Talk talk(world, request);
  talk.run("p1", 1);
  SUBCASE("two participants") {
    talk.run("p2", 1);
    talk.commit();
    CHECK(world.transport.last<Prepare>().protocol == CommitProtocol::kThreePhase);
    CHECK(world.transport.last<Prepare>().members.size() == 2);
  }
  SUBCASE("one") {
    talk.commit();
    CHECK(world.transport.last<Prepare>().protocol == CommitProtocol::kTwoPhase);
  }
}

TEST_CASE(
    "PREPARE names what each branch has executed; a voter from a later life is not believed") {
  CoordinatorWorld world;
  Talk talk(world);
  talk.run("p1", 1);
  talk.run("p1", 2);
  talk.commit();
  CHECK(world.transport.last<Prepare>().executed == 2);
  talk.vote("p1", Vote::kCommit, {2});
  world.sync();
  CHECK(talk.ended->outcome.outcome == Outcome::kAborted);
  CHECK(talk.ended->outcome.reason.code == AbortCode::kStaleEpoch);
}

TEST_CASE("a lost EXECUTE is sent again, a repeated answer counts once") {
  CoordinatorWorld world;
  Talk talk(world);
  talk.say("p1");
  world.transport.take();
  world.pass(seconds(1));
  CHECK(world.transport.last<Execute>().number == 1);
  talk.answer("p1", 1);
  talk.reply.reset();
  talk.answer("p1", 1);
  CHECK_FALSE(talk.reply);
}

TEST_CASE("what ends a transaction before its commit, and what everybody hears of it") {
  CoordinatorWorld world;
  SUBCASE("rollback") {
    Talk talk(world);
    talk.run("p1", 1);
    talk.rollback();
    CHECK(talk.ended->outcome.outcome == Outcome::kAborted);
    CHECK(world.transport.names() == "ABORT p1");
  }
  SUBCASE("a statement that fails") {
    Talk talk(world);
    talk.run("p1", 1);
    talk.say("p2");
    world.transport.take();
    talk.failure("p2", AbortCode::kConstraint);
    CHECK(talk.reply->ended->reason.code == AbortCode::kConstraint);
    CHECK(world.transport.names() == "ABORT p1, ABORT p2");
    talk.say("p1");
    CHECK(talk.reply->ended->reason.code == AbortCode::kConstraint);
    talk.commit();
    CHECK(talk.ended->outcome.outcome == Outcome::kAborted);
  }
  SUBCASE("a wound at a participant while its client thinks") {
    Talk talk(world);
    talk.run("p1", 1);
    talk.run("p2", 1);
    talk.failure("p1", AbortCode::kDeadlock);
    CHECK(world.transport.names() == "ABORT p1, ABORT p2");
    talk.commit();
    CHECK(talk.ended->outcome.reason.code == AbortCode::kDeadlock);
  }
  SUBCASE("a client that says nothing") {
    Talk talk(world);
    talk.run("p1", 1);
    world.pass(world.options.idle_timeout);
    CHECK(world.transport.names() == "ABORT p1");
    CHECK(world.counter("idle_aborts") == 1);
    talk.commit();
    CHECK(talk.ended->outcome.reason.code == AbortCode::kClientCancelled);
  }
  SUBCASE("silence counts from the last answer, and a statement that runs is no silence") {
    BeginRequest request;
    request.idle_timeout = milliseconds(500);
    request.deadline = seconds(20);
    Talk talk(world, request);
    for (const std::uint32_t number : {1u, 2u}) {
      world.pass(milliseconds(400));
      talk.run("p1", number);
    }
    talk.say("p1");
    for (int i = 0; i < 3; ++i) world.pass(milliseconds(400));
    CHECK(world.counter("idle_aborts") == 0);
    talk.answer("p1", 3);
    REQUIRE(talk.reply);
    CHECK_FALSE(talk.reply->ended);
    world.pass(milliseconds(499));
    CHECK(world.counter("idle_aborts") == 0);
    world.pass(milliseconds(1));
    CHECK(world.counter("idle_aborts") == 1);
  }
  SUBCASE("the deadline, also while a statement runs") {
    BeginRequest request;
    request.deadline = seconds(2);
    Talk talk(world, request);
    talk.say("p1");
    for (int i = 0; i < 4; ++i) world.pass(milliseconds(500));
    CHECK(talk.reply->ended->reason.code == AbortCode::kTimeout);
  }
  SUBCASE("a participant that restarts") {
    Talk talk(world);
    talk.run("p1", 1);
    talk.run("p2", 1);
    world.greet("p2", {2});
    CHECK(world.transport.names() == "ABORT p1, ABORT p2");
    talk.commit();
    CHECK(talk.ended->outcome.reason.code == AbortCode::kStaleEpoch);
  }
  SUBCASE("a participant whose restart shows in its answer only") {
    Talk talk(world);
    talk.run("p1", 1);
    talk.say("p1");
    ExecuteResult result;
    result.gtid = talk.gtid;
    result.number = 2;
    result.results.resize(1);
    result.executor = {CoordinatorWorld::id_of("p1"), {9}, {100}};
    world.deliver("p1", result);
    CHECK(talk.reply->ended->reason.code == AbortCode::kStaleEpoch);
  }
  SUBCASE("shutting down") {
    Talk talk(world);
    talk.run("p1", 1);
    world.engine->drain();
    world.engine->cancel_undecided(world.now());
    CHECK(world.transport.names() == "ABORT p1");
  }
  CHECK(world.counter("open") == 0);
  CHECK(world.counter("live") == 0);
}

TEST_CASE(
    "a restart of the coordinator forgets what was open: its branches are told when they ask") {
  CoordinatorWorld world;
  Talk talk(world);
  talk.run("p1", 1);
  world.deliver("p1", Inquire{talk.gtid});
  CHECK(world.transport.names() == "INQUIRY_REPLY p1");  // it is open
  world.restart();
  talk.say("p1");
  CHECK(talk.reply->refusal->error.code == ErrorCode::kNotFound);
  world.deliver("p1", Inquire{talk.gtid});
  CHECK(world.transport.names() == "ABORT p1");
}

TEST_CASE("participants may not forget what is open") {
  CoordinatorWorld world;
  Talk talk(world);
  for (int i = 0; i < 3; ++i) world.committing();
  REQUIRE(world.transport.published.back().ended_below);
  CHECK(*world.transport.published.back().ended_below <= talk.gtid);
}

TEST_CASE("one statement at a time, no unknown participant, nothing after the commit") {
  CoordinatorWorld world;
  Talk talk(world);
  talk.say("nobody");
  CHECK(talk.reply->refusal->code == AbortCode::kUnknownParticipant);
  talk.say("p1");
  talk.say("p2");
  CHECK(talk.reply->refusal->error.code == ErrorCode::kIllegalState);
  talk.commit();
  CHECK(talk.ended->refusal->error.code == ErrorCode::kIllegalState);
  talk.answer("p1", 1);
  talk.commit();
  talk.say("p1");
  CHECK(talk.reply->refusal->error.code == ErrorCode::kIllegalState);
  talk.vote("p1", Vote::kReadOnly);
  talk.say("p1");
  CHECK(talk.reply->refusal->error.code == ErrorCode::kIllegalState);  // committed, and over
  talk.commit();
  CHECK(talk.ended->outcome.outcome == Outcome::kCommitted);
  Talk empty(world);
  empty.commit();
  CHECK(empty.ended->outcome.outcome == Outcome::kCommitted);
}

TEST_CASE("who lost a conflict comes back with its age") {
  CoordinatorWorld world;
  Talk first(world);
  first.say("p1");
  const auto age = world.transport.last<Execute>().priority;
  first.failure("p1", AbortCode::kDeadlock);
  world.clock = world.clock + seconds(5);
  Talk second(world, retry_of(first.gtid));
  second.say("p1");
  CHECK(world.transport.last<Execute>().priority == age);
  second.answer("p1", 1);
  second.commit();
  CHECK(world.transport.last<Prepare>().priority == age);
  world.deliver("p1", Wound{second.gtid, world.minted(1), "row 1"});
  CHECK(second.ended->outcome.reason.code == AbortCode::kDeadlock);
  Talk third(world, retry_of(second.gtid));
  third.say("p1");
  CHECK(world.transport.last<Execute>().priority == age);
  Talk stranger(world, retry_of(world.minted(999)));
  stranger.say("p1");
  CHECK(world.transport.last<Execute>().priority != age);
}
