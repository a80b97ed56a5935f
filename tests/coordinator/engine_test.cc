// What the coordinator's engine promises, and when: every test moves the disk, the network and the
// clock by hand.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::protocol;
using std::chrono::milliseconds;
using std::chrono::seconds;
using troth::coordinator::EngineOptions;
using troth::tests::CoordinatorWorld;

TEST_CASE("nobody hears COMMIT before its record is durable; END follows the last ack") {
  CoordinatorWorld world;
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  CHECK(world.transport.names() == "PREPARE p1, PREPARE p2");
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  CHECK(world.log.count(RecordType::kCommit) == 1);
  CHECK(world.transport.names() == "");
  CHECK_FALSE(world.answered(client));
  CHECK((*world.ask(gtid))->outcome == Outcome::kPending);
  world.sync();
  CHECK(world.outcome(client) == Outcome::kCommitted);
  CHECK(world.transport.names() == "COMMIT p1, COMMIT p2");
  world.deliver("p1", Ack{gtid});
  CHECK(world.log.count(RecordType::kEnd) == 0);
  world.deliver("p2", Ack{gtid});
  CHECK(world.log.count(RecordType::kEnd) == 1);
  CHECK(world.counter("forced_writes") == 1);
  CHECK(world.counter("messages_sent") == 4);
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
}

namespace {
/// Mean milliseconds and how many, of each phase that was seen.
std::string phases_of(const CoordinatorWorld& world) {
  std::string out;
  for (const auto& phase : world.engine->operators().status(world.now()).phases) {
    std::uint64_t times = 0;
    for (const auto& [value, n] : phase.buckets_ns) times += n;
    if (times == 0) continue;
    out += out.empty() ? "" : ", ";
    out += phase.phase + " " + std::to_string(whole_ms(phase.sum / times)) + " x " +
           std::to_string(times);
  }
  return out;
}
}  // namespace

TEST_CASE("the phases of a transaction follow each other without a gap") {
  CoordinatorWorld world;
  auto request = CoordinatorWorld::request({"p1", "p2"});
  request.arrived = world.clock;
  world.clock = world.clock + milliseconds(3);
  world.submit(request);
  const auto gtid = world.last_gtid();
  CHECK(phases_of(world) == "queue 3 x 1");
  world.clock = world.clock + milliseconds(5);
  world.vote("p1", gtid);
  world.clock = world.clock + milliseconds(2);
  world.vote("p2", gtid);
  CHECK(phases_of(world) == "queue 3 x 1, prepare 7 x 1");
  world.clock = world.clock + milliseconds(11);
  world.sync();
  CHECK(phases_of(world) == "queue 3 x 1, prepare 7 x 1, log_decision 11 x 1");
  world.clock = world.clock + milliseconds(13);
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid});
  CHECK(phases_of(world) == "queue 3 x 1, prepare 7 x 1, log_decision 11 x 1, commit 13 x 1");
}

TEST_CASE("who only reads has a queue and votes; who aborts a queue") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1", "p2"}));
  auto gtid = world.last_gtid();
  world.clock = world.clock + milliseconds(4);
  world.vote("p1", gtid, Vote::kReadOnly);
  world.vote("p2", gtid, Vote::kReadOnly);
  world.clock = world.clock + milliseconds(2);
  world.deliver("p1", Released{gtid});
  world.deliver("p2", Released{gtid});
  CHECK(phases_of(world) == "prepare 6 x 1");
  auto request = CoordinatorWorld::request({"p1", "p2"});
  request.arrived = world.clock;
  world.submit(request);
  gtid = world.last_gtid();
  world.vote("p1", gtid, Vote::kAbort);
  CHECK(phases_of(world) == "queue 0 x 1, prepare 6 x 1");
}

TEST_CASE("presumed abort: a NO is answered at once and forces nothing") {
  CoordinatorWorld world;
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.transport.take();
  const auto forced = world.log.forced();
  world.vote("p2", gtid, Vote::kAbort);
  CHECK(world.outcome(client) == Outcome::kAborted);
  CHECK(world.answers[client]->outcome.reason.code == AbortCode::kConstraint);
  CHECK(world.transport.names() == "ABORT p1");
  CHECK(world.log.forced() == forced);
  world.restart();
  CHECK((*world.ask(gtid))->outcome == Outcome::kAborted);
  world.deliver("p1", Inquire{gtid});
  CHECK(world.transport.last<Decide>().decision == Decision::kAbort);
  CHECK(world.counter("presumed_aborts") == 1);
}

TEST_CASE("silence until the deadline aborts, and a yes that comes later changes nothing") {
  CoordinatorWorld world;
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  SUBCASE("it is connected") {}
  SUBCASE("it is not") {
    world.connect("p2", false);
  }
  const auto code = world.engine->operators().status(world.now()).links.at(1).connected
                        ? AbortCode::kTimeout
                        : AbortCode::kUnreachable;
  world.pass(world.options.prepare_timeout);
  CHECK(world.outcome(client) == Outcome::kAborted);
  CHECK(world.answers[client]->outcome.reason.code == code);
  world.transport.take();
  world.vote("p2", gtid);
  CHECK(world.transport.last<Decide>().decision == Decision::kAbort);
  CHECK(world.log.count(RecordType::kCommit) == 0);
}

TEST_CASE("after a crash: COMMIT without END is sent again until every ack is in") {
  CoordinatorWorld world;
  const auto gtid = world.committing();
  world.deliver("p1", Ack{gtid});
  world.restart();
  world.pass(seconds(1));
  CHECK(world.transport.names() == "COMMIT p1, COMMIT p2");
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid});
  CHECK(world.log.count(RecordType::kEnd) == 1);
  world.sync();
  world.restart();
  world.pass(seconds(10));
  CHECK(world.transport.names() == "");
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
  world.deliver("p1", Ack{gtid});  // a late duplicate
  CHECK(world.alarms() == 0);
}

TEST_CASE("a crash before COMMIT is durable is an abort, for everybody") {
  CoordinatorWorld world;
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  CHECK_FALSE(world.answered(client));
  world.restart();
  world.deliver("p1", Inquire{gtid});
  CHECK(world.transport.last<Decide>().decision == Decision::kAbort);
  CHECK((*world.ask(gtid))->outcome == Outcome::kAborted);
}

// Found by killing a coordinator right after a segment was made: participants had forgotten what an
// END that was lost had told them to forget, and never acknowledged again.
TEST_CASE("participants are told to forget only what this log durably knows to have ended") {
  CoordinatorWorld world;
  const auto gtid = world.committing();
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid});
  REQUIRE(world.log.count(RecordType::kEnd) == 1);
  CHECK(*world.transport.published.back().ended_below == gtid);
  const auto other = world.committing();
  CHECK(world.log.durable() == world.log.appended());
  CHECK(*world.transport.published.back().ended_below == other);
  world.deliver("p1", Ack{other});
  world.deliver("p2", Ack{other});
  world.sync();
  CHECK(*world.transport.published.back().ended_below > other);
}

TEST_CASE("a key: joined while undecided, answered at once when known, kept across restarts") {
  CoordinatorWorld world;
  const auto request = CoordinatorWorld::request({"p1", "p2"}, "k");
  const auto first = world.submit(request);
  const auto gtid = world.last_gtid();
  const auto joined = world.submit(request);
  CHECK_FALSE(world.answered(joined));
  const auto other = world.submit(CoordinatorWorld::request({"p1", "p2"}, "k", "DELETE FROM t"));
  CHECK(world.answers[other]->refusal->error.code == ErrorCode::kAlreadyExists);
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  const auto deciding = world.submit(request);
  CHECK_FALSE(world.answered(deciding));
  world.sync();
  for (const auto client : {first, joined, deciding})
    CHECK(world.outcome(client) == Outcome::kCommitted);
  const auto committing = world.submit(request);  // acks are missing: nobody else would answer it
  REQUIRE(world.answered(committing));
  CHECK(world.answers[committing]->outcome.replayed);
  world.restart();
  const auto recovered = world.submit(request);
  REQUIRE(world.answered(recovered));
  CHECK(world.outcome(recovered) == Outcome::kCommitted);
  CHECK(world.answers[recovered]->outcome.gtid == gtid);
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid});
  const auto ended = world.submit(request);
  CHECK(world.answers[ended]->outcome.gtid == gtid);
  world.wall_offset_ms += 25 * 3600 * 1000;  // longer than a key is kept: a new transaction
  world.transport.take();
  CHECK_FALSE(world.answered(world.submit(request)));
  CHECK(world.last_gtid() != gtid);
}

TEST_CASE("an abort with a key is durable before it is told, and told again after a crash") {
  CoordinatorWorld world;
  const auto request = CoordinatorWorld::request({"p1", "p2"}, "k");
  const auto client = world.submit(request);
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid, Vote::kAbort);
  CHECK_FALSE(world.answered(client));
  world.sync();
  CHECK(world.outcome(client) == Outcome::kAborted);
  world.restart();
  const auto again = world.submit(request);
  CHECK(world.outcome(again) == Outcome::kAborted);
  CHECK(world.answers[again]->outcome.reason.code == AbortCode::kConstraint);
  CHECK(world.answers[again]->outcome.gtid == gtid);
}

TEST_CASE("an inquiry while votes are missing is not answered with a guess") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.transport.take();
  world.deliver("p1", Inquire{gtid});
  CHECK(world.transport.last<InquiryReply>().answer == InquiryReply::Answer::kUndecided);
}

TEST_CASE(
    "what this log never began is not presumed aborted: another log of this name knows more") {
  CoordinatorWorld world;
  for (const auto& gtid : {world.minted(99), world.minted(1, {7})}) {
    const auto before = world.alarms();
    world.deliver("p1", Inquire{gtid});
    CHECK(world.transport.last<InquiryReply>().answer ==
          InquiryReply::Answer::kContinuityNotProven);
    CHECK(world.alarms() == before + 1);
  }
  const Gtid foreign({77}, {1}, 1, Decider::kCoordinator);
  world.deliver("p1", Inquire{foreign});
  CHECK(world.transport.last<InquiryReply>().answer == InquiryReply::Answer::kContinuityNotProven);
  CHECK_FALSE(world.ask(foreign));  // the participants are asked
}

TEST_CASE("its files changed: it decides and says nothing more, and the process lives on") {
  CoordinatorWorld world;
  const auto gtid = world.committing();
  const auto waits = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  world.engine->peers().stop_for({ErrorCode::kFenced, "files changed under this process: x"},
                                 world.now());
  CHECK_FALSE(world.fatal);
  const auto status = world.engine->operators().status(world.now());
  CHECK(status.state == "failed");
  REQUIRE(status.alarms.size() == 1);
  CHECK(status.alarms[0] == "files changed under this process: x");
  CHECK(world.answers[waits]->outcome.outcome == Outcome::kInDoubt);
  world.transport.take();
  world.deliver("p1", Inquire{gtid});
  world.pass(seconds(10));
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  CHECK(world.answers[client]->refusal->error.code == ErrorCode::kUnavailable);
  CHECK(world.transport.names() == "");
}

TEST_CASE(
    "a log that ends before what a peer has seen of it: the node is in quarantine and says "
    "nothing, after a restart, too") {
  CoordinatorWorld world;
  const auto gtid = world.committing();
  CHECK(world.greet("p1", {1}, {world.log.durable().value + 1}) != HelloVerdict::kWelcome);
  CHECK_FALSE(world.fatal);
  CHECK(world.engine->quarantined());
  CHECK(world.engine->operators().status(world.now()).state == "quarantine");
  SUBCASE("at once") {}
  SUBCASE("after a restart") {
    world.sync();
    world.restart();
    CHECK(world.engine->quarantined());
  }
  world.transport.take();
  world.deliver("p1", Inquire{gtid});
  world.pass(seconds(10));
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  CHECK(world.answers[client]->refusal->error.code == ErrorCode::kUnavailable);
  CHECK(world.transport.names() == "");
}

TEST_CASE("messages of an earlier incarnation are refused and counted") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  CHECK(world.greet("p1", {5}) == HelloVerdict::kWelcome);
  VoteMessage late;
  late.gtid = gtid;
  late.vote = Vote::kCommit;
  world.deliver("p1", late, {4});
  CHECK(world.counter("stale_refused") == 1);
}

TEST_CASE("a branch that only read is released, and hears nothing of the decision") {
  CoordinatorWorld world;
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.vote("p2", gtid, Vote::kReadOnly);
  world.sync();
  CHECK_FALSE(world.answered(client));  // until p2 says that its locks are still there
  world.deliver("p2", Released{gtid});
  world.sync();
  // p1 is alone with writes: COMMIT goes to it only; the reader is released.
  CHECK(world.outcome(client) == Outcome::kCommitted);
  std::size_t decided = 0, released = 0;
  for (const auto& sent : world.transport.take()) {
    if (std::holds_alternative<Decide>(sent.message)) decided += sent.to.text() == "p1" ? 1 : 100;
    if (std::holds_alternative<Release>(sent.message)) released += sent.to.text() == "p2" ? 1 : 100;
  }
  CHECK(decided == 1);
  CHECK(released == 1);
}

TEST_CASE("a reader that restarts before it has confirmed its locks aborts the transaction") {
  CoordinatorWorld world;
  const auto client = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.vote("p2", gtid, Vote::kReadOnly);
  world.deliver("p2", Released{gtid}, {2});
  world.sync();
  CHECK(world.outcome(client) == Outcome::kAborted);
  CHECK(world.answers[client]->outcome.reason.code == AbortCode::kStaleEpoch);
}

TEST_CASE("limits: what is refused was not started and says when to come back") {
  EngineOptions options;
  options.max_in_flight = 1;
  CoordinatorWorld world(options);
  const auto keyed = CoordinatorWorld::request({"p1", "p2"}, "k");
  const auto first = world.submit(keyed);
  world.transport.take();
  const auto second = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  CHECK(world.answers[second]->refusal->error.code == ErrorCode::kBusy);
  CHECK(world.answers[second]->refusal->retry_after > Duration{0});
  CHECK(world.transport.names() == "");
  CHECK_FALSE(world.answered(world.submit(keyed)));  // a retry with its key joins
  CHECK_FALSE(world.answered(first));
  world.log.room = false;
  const auto full = world.submit(CoordinatorWorld::request({"p1"}));
  CHECK(world.answers[full]->refusal->code == AbortCode::kLogFull);
  const auto bad = world.submit(CoordinatorWorld::request({"p1", "nobody"}));
  CHECK(world.answers[bad]->refusal->error.context.find("nobody") != std::string::npos);
  const auto twice = world.submit(CoordinatorWorld::request({"p1", "p1"}));
  CHECK(world.answers[twice]->refusal->error.code == ErrorCode::kInvalidArgument);
  auto big = CoordinatorWorld::request({"p1"});
  big.branches[0].statements[0].params = {std::string(kMaxBranchBytes, 'x')};
  const auto long_one = world.submit(big);
  CHECK(world.answers[long_one]->refusal->error.code == ErrorCode::kInvalidArgument);
  CHECK(world.answers[long_one]->refusal->error.context.find("at most 14000000") !=
        std::string::npos);
  big.branches[0].statements[0].params = {std::string(kMaxBranchBytes - 1000, 'x')};
  const auto fits = world.submit(big);  // refused for the log only
  CHECK(world.answers[fits]->refusal->code == AbortCode::kLogFull);
}

TEST_CASE("shutting down: nothing new, what is undecided aborts, what is decided stays decided") {
  CoordinatorWorld world;
  const auto committed = world.committing();
  const auto undecided = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto single = world.submit(CoordinatorWorld::request({"p3"}));
  world.engine->drain();
  const auto late = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  CHECK(world.answers[late]->refusal->code == AbortCode::kDraining);
  CHECK(world.engine->unanswered() == 2);
  world.engine->cancel_undecided(world.now());
  CHECK(world.outcome(undecided) == Outcome::kAborted);
  CHECK(world.outcome(single) == Outcome::kInDoubt);  // only its participant knows
  CHECK(world.engine->unanswered() == 0);
  CHECK((*world.ask(committed))->outcome == Outcome::kCommitted);
}

TEST_CASE("one phase: the participant decides; silence is IN_DOUBT, never an abort") {
  CoordinatorWorld world;
  const auto client = world.submit(CoordinatorWorld::request({"p1"}, "k"));
  const auto gtid = world.last_gtid();
  CHECK(world.transport.names() == "COMMIT_ONE_PHASE p1");
  CHECK(gtid.decider() == Decider::kParticipant);
  world.pass(world.options.prepare_timeout);
  CHECK_FALSE(world.answered(client));  // its participant is asked first
  world.pass(seconds(1));
  REQUIRE(world.answered(client));
  CHECK(world.outcome(client) == Outcome::kInDoubt);
  const auto retry = world.submit(CoordinatorWorld::request({"p1"}, "k"));
  CHECK(world.outcome(retry) == Outcome::kInDoubt);
  const auto asked = world.ask(gtid);
  REQUIRE(asked);
  CHECK((*asked)->outcome != Outcome::kAborted);
  OnePhaseResult result;
  result.gtid = result.first_gtid = gtid;
  result.outcome = Outcome::kCommitted;
  world.deliver("p1", result);
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
  CHECK(world.counter("forced_writes") == 0);
}

TEST_CASE("a dead participant: definite answers, and its requests keep nobody else out") {
  EngineOptions options;
  options.max_in_flight = 4;
  CoordinatorWorld world(options);
  world.connect("p1", false);
  std::vector<std::size_t> dead;
  for (int i = 0; i < 4; ++i) dead.push_back(world.submit(CoordinatorWorld::request({"p1"})));
  CHECK(world.transport.names().empty());  // nothing can have been executed
  const auto refused = world.submit(CoordinatorWorld::request({"p2"}));
  CHECK(world.answers.at(refused)->refusal.has_value());
  for (int i = 0; i < 30; ++i) world.pass(std::chrono::milliseconds(100));
  for (const auto client : dead) {
    REQUIRE(world.answered(client));
    CHECK(world.outcome(client) == Outcome::kAborted);
    CHECK(world.answers.at(client)->outcome.reason.code == AbortCode::kUnreachable);
  }
  world.submit(CoordinatorWorld::request({"p2"}));
  CHECK(world.transport.names() == "COMMIT_ONE_PHASE p2");
}

TEST_CASE("what was answered IN_DOUBT does not count against admission") {
  EngineOptions options;
  options.max_in_flight = 2;
  CoordinatorWorld world(options);
  for (int i = 0; i < 2; ++i) world.submit(CoordinatorWorld::request({"p1"}));
  for (int i = 0; i < 40; ++i) world.pass(std::chrono::milliseconds(100));
  CHECK(world.outcome(0) == Outcome::kInDoubt);
  world.transport.take();
  world.submit(CoordinatorWorld::request({"p2"}));
  CHECK(world.transport.names() == "COMMIT_ONE_PHASE p2");
}

TEST_CASE("a request that waited for the link is sent when the link is up") {
  CoordinatorWorld world;
  world.connect("p1", false);
  world.submit(CoordinatorWorld::request({"p1"}));
  CHECK(world.transport.names().empty());
  world.connect("p1", true);
  CHECK(world.transport.names() == "COMMIT_ONE_PHASE p1");
}

TEST_CASE("applied is asked for and a file is late: COMMITTED at the deadline, not yet applied") {
  CoordinatorWorld world;
  auto request = CoordinatorWorld::request({"p1", "p2"}, "k");
  request.answer_at = AnswerAt::kApplied;
  const auto client = world.submit(request);
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  world.sync();
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
  world.deliver("p1", Ack{gtid});
  CHECK_FALSE(world.answered(client));
  for (int i = 0; i < 25; ++i) world.pass(std::chrono::milliseconds(100));
  REQUIRE(world.answered(client));
  CHECK(world.outcome(client) == Outcome::kCommitted);
  CHECK_FALSE(world.answers.at(client)->outcome.applied);
  const auto before = world.counter("committed");
  world.deliver("p2", Ack{gtid});
  CHECK(world.counter("committed") == before);  // it is told once
}

TEST_CASE("applied is asked for and every file holds it in time") {
  CoordinatorWorld world;
  auto request = CoordinatorWorld::request({"p1", "p2"});
  request.answer_at = AnswerAt::kApplied;
  const auto client = world.submit(request);
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  world.sync();
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid});
  REQUIRE(world.answered(client));
  CHECK(world.answers.at(client)->outcome.applied);
}

TEST_CASE("one phase across a restart: forgotten at its participant is not aborted") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1"}));
  const auto gtid = world.last_gtid();
  world.restart();
  std::optional<Outcome> told;
  world.engine->inquiries().get_outcome(
      gtid, true, [&](Result<TransactionOutcome> result) { told = result->outcome; }, world.now());
  OnePhaseResult never;
  never.gtid = never.first_gtid = gtid;
  never.outcome = Outcome::kAborted;
  world.deliver("p2", never);
  world.deliver("p3", never);
  OnePhaseResult forgotten = never;
  forgotten.outcome = Outcome::kInDoubt;
  forgotten.forgotten = true;
  world.deliver("p1", forgotten);
  REQUIRE(told.has_value());
  CHECK(*told == Outcome::kInDoubt);
}

TEST_CASE("one phase across a restart: a participant that is no longer named is asked, too") {
  CoordinatorWorld world;
  world.sync();
  world.submit(CoordinatorWorld::request({"p1"}));
  const auto gtid = world.last_gtid();
  world.options.participants.erase(NodeName::from_trusted("p1"));
  world.restart();
  std::optional<TransactionOutcome> told;
  world.engine->inquiries().get_outcome(
      gtid, true, [&](Result<TransactionOutcome> result) { told = *result; }, world.now());
  CHECK(world.transport.names() ==
        "INQUIRE_ONE_PHASE p1, INQUIRE_ONE_PHASE p2, INQUIRE_ONE_PHASE p3");
  OnePhaseResult result;
  result.gtid = result.first_gtid = gtid;
  result.outcome = Outcome::kAborted;
  result.reason.code = AbortCode::kTombstone;
  world.deliver("p2", result);
  world.deliver("p3", result);
  CHECK_FALSE(told);  // "nobody I asked knows" is no "no"
  SUBCASE("it knows") {
    result.outcome = Outcome::kCommitted;
    world.deliver("p1", result);
    REQUIRE(told);
    CHECK(told->outcome == Outcome::kCommitted);
  }
  SUBCASE("it does not answer") {
    for (int i = 0; i < 60; ++i) world.pass(std::chrono::milliseconds(500));
    REQUIRE(told);
    CHECK(told->outcome == Outcome::kInDoubt);
    CHECK(told->reason.detail.find("p1") == 0);
  }
}

TEST_CASE("one phase across a restart: who executed it need not wait for the others") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1"}));
  const auto gtid = world.last_gtid();
  world.restart();
  std::optional<TransactionOutcome> told;
  world.engine->inquiries().get_outcome(
      gtid, true, [&](Result<TransactionOutcome> result) { told = *result; }, world.now());
  OnePhaseResult result;
  result.gtid = result.first_gtid = gtid;
  result.outcome = Outcome::kAborted;
  result.reason.code = AbortCode::kConstraint;
  world.deliver("p1", result);
  REQUIRE(told);
  CHECK(told->outcome == Outcome::kAborted);
  CHECK(told->reason.code == AbortCode::kConstraint);
}

TEST_CASE("a participant that is no longer named ends what it owes, and begins nothing") {
  CoordinatorWorld world;
  const auto gtid = world.committing();
  world.deliver("p1", Ack{gtid});
  world.options.participants.erase(NodeName::from_trusted("p2"));
  world.restart();
  CHECK(world.greet("p2", {2}) == HelloVerdict::kWelcome);
  world.pass(std::chrono::milliseconds(200));
  CHECK(world.transport.names().find("COMMIT p2") != std::string::npos);
  CHECK(world.counter("live") == 1);
  world.submit(CoordinatorWorld::request({"p1", "p3"}));
  const auto other = world.last_gtid();
  world.deliver("p2", Wound{other, world.minted(1), "row 1"}, {2});
  CHECK(world.counter("unauthorized") == 1);
  CHECK(world.counter("wounded") == 0);
  world.transport.take();
  world.deliver("p2", Inquire{world.minted(999)}, {2});  // presumed abort
  CHECK(world.transport.names() == "ABORT p2");
  world.deliver("p1", Ack{gtid});
  world.deliver("p2", Ack{gtid}, {2});
  CHECK(world.counter("live") == 1);  // the other one
  const auto refused = world.submit(CoordinatorWorld::request({"p2"}));
  REQUIRE(world.answered(refused));
  CHECK(world.answers.at(refused)->refusal.has_value());
  CHECK(world.greet("p9") == HelloVerdict::kUnknownSender);
}

namespace {

// A request with a key to one participant is committed; it is repeated and asks for the file.
struct AppliedWorld : CoordinatorWorld {
  explicit AppliedWorld(bool restarted) {
    auto request = CoordinatorWorld::request({"p1"}, "k");
    submit(request);
    first = last_gtid();
    result.gtid = result.first_gtid = first;
    result.outcome = Outcome::kCommitted;
    deliver("p1", result);
    sync();
    if (restarted) restart();
    transport.take();
    request.answer_at = AnswerAt::kApplied;
    again = submit(request);
    CHECK(transport.names() == "INQUIRE_ONE_PHASE p1");  // nothing that could be executed
    CHECK_FALSE(answered(again));
  }
  void check(bool applied) {
    REQUIRE(answered(again));
    CHECK(outcome(again) == Outcome::kCommitted);
    CHECK(answers.at(again)->outcome.replayed);
    CHECK(answers.at(again)->outcome.gtid == first);
    CHECK(answers.at(again)->outcome.applied == applied);
  }
  Gtid first;
  OnePhaseResult result;
  std::size_t again = 0;
};

}  // namespace

TEST_CASE("a repeated request that asks for the file executes nothing, whatever p1 remembers") {
  for (const bool restarted : {false, true}) {
    CAPTURE(restarted);
    {  // the file holds it, a while later
      AppliedWorld world(restarted);
      world.deliver("p1", world.result);
      CHECK_FALSE(world.answered(world.again));
      world.transport.take();
      world.pass(std::chrono::milliseconds(200));
      CHECK(world.transport.names() == "INQUIRE_ONE_PHASE p1");
      world.result.applied = true;
      world.deliver("p1", world.result);
      world.check(true);
    }
    {  // p1 has forgotten it, so that its file holds it
      AppliedWorld world(restarted);
      world.result.outcome = Outcome::kInDoubt;
      world.result.forgotten = world.result.applied = true;
      world.deliver("p1", world.result);
      world.check(true);
    }
    {  // p1 lost its trace
      AppliedWorld world(restarted);
      world.result.outcome = Outcome::kAborted;
      world.result.reason.code = AbortCode::kTombstone;
      world.deliver("p1", world.result);
      world.check(false);
    }
    {  // p1 is silent until the deadline
      AppliedWorld world(restarted);
      for (int i = 0; i < 30; ++i) world.pass(std::chrono::milliseconds(100));
      world.check(false);
    }
    {  // the coordinator stops
      AppliedWorld world(restarted);
      world.engine->cancel_undecided(world.now());
      world.check(false);
    }
  }
}

TEST_CASE("a key belongs to one body, whatever the participants") {
  CoordinatorWorld world;
  const auto answer = [&](const Gtid& gtid) {
    OnePhaseResult done;
    done.gtid = done.first_gtid = gtid;
    done.outcome = Outcome::kCommitted;
    world.deliver("p1", done);
  };
  world.submit(CoordinatorWorld::request({"p1"}, "a"));
  const auto first = world.last_gtid();
  answer(first);
  const auto both = world.committing("b");
  world.deliver("p1", Ack{both});
  world.deliver("p2", Ack{both});
  world.sync();
  for (const bool restarted : {false, true}) {
    if (restarted) world.restart();
    world.transport.take();
    for (const auto& [names, key] : std::vector<std::pair<std::vector<std::string>, std::string>>{
             {{"p1", "p2"}, "a"}, {{"p1"}, "b"}}) {
      const auto wrong = world.submit(CoordinatorWorld::request(names, key));
      REQUIRE(world.answered(wrong));
      REQUIRE(world.answers.at(wrong)->refusal.has_value());
      CHECK(world.answers.at(wrong)->refusal->code == AbortCode::kKeyReused);
    }
    const auto again = world.submit(CoordinatorWorld::request({"p1"}, "a"));
    REQUIRE(world.answered(again));
    CHECK(world.answers.at(again)->outcome.gtid == first);
    CHECK(world.outcome(again) == Outcome::kCommitted);
    // The order of the branches does not matter.
    const auto turned = world.submit(CoordinatorWorld::request({"p2", "p1"}, "b"));
    REQUIRE(world.answered(turned));
    CHECK(world.outcome(turned) == Outcome::kCommitted);
    CHECK(world.transport.names().empty());
    std::optional<Outcome> told;
    world.engine->inquiries().get_outcome_by_key(
        "a", [&](Result<TransactionOutcome> result) { told = result->outcome; }, world.now());
    REQUIRE(told.has_value());
    CHECK(*told == Outcome::kCommitted);
  }
}

TEST_CASE("an abort by a passing failure leaves its key free, also across a restart") {
  CoordinatorWorld world;
  const auto first = world.submit(CoordinatorWorld::request({"p1", "p2"}, "k"));
  for (int i = 0; i < 25; ++i) world.pass(std::chrono::milliseconds(100));
  world.sync();
  REQUIRE(world.answered(first));
  CHECK(world.outcome(first) == Outcome::kAborted);
  SUBCASE("at once") {}
  SUBCASE("after a restart") {
    world.restart();
  }
  world.transport.take();
  world.submit(CoordinatorWorld::request({"p1", "p2"}, "k"));
  CHECK(world.transport.names() == "PREPARE p1, PREPARE p2");
}

TEST_CASE("the outcome of a one-phase transaction is known after a restart, with its reason") {
  CoordinatorWorld world;
  std::vector<Gtid> gtids;
  for (const auto outcome : {Outcome::kCommitted, Outcome::kAborted}) {
    world.submit(CoordinatorWorld::request({"p2"}));
    gtids.push_back(world.last_gtid());
    OnePhaseResult done;
    done.gtid = done.first_gtid = gtids.back();
    done.outcome = outcome;
    if (outcome == Outcome::kAborted) done.reason = {AbortCode::kConstraint, "CHECK", {}, 0};
    world.deliver("p2", done);
    // The participant remembers it until this log does.
    CHECK(world.transport.published.back().ended_below <= gtids.back());
  }
  world.sync();
  CHECK(world.transport.published.back().ended_below > gtids.back());
  world.restart();
  const auto committed = world.ask(gtids[0]), aborted = world.ask(gtids[1]);
  REQUIRE(committed.has_value());
  REQUIRE(aborted.has_value());
  CHECK((*committed)->outcome == Outcome::kCommitted);
  CHECK((*aborted)->outcome == Outcome::kAborted);
  CHECK((*aborted)->reason.code == AbortCode::kConstraint);
}

TEST_CASE("one phase across a restart: nobody who only never heard of it is blamed") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p2"}));
  const auto gtid = world.last_gtid();
  world.restart();
  std::optional<TransactionOutcome> told;
  world.engine->inquiries().get_outcome(
      gtid, true, [&](Result<TransactionOutcome> result) { told = *result; }, world.now());
  for (const char* name : {"p2", "p1", "p3"}) {
    OnePhaseResult never;
    never.gtid = never.first_gtid = gtid;
    never.outcome = Outcome::kAborted;
    const bool executed = std::string(name) == "p2";
    never.reason = {executed ? AbortCode::kConstraint : AbortCode::kTombstone, "why",
                    NodeName::from_trusted(name), -1};
    world.deliver(name, never);
  }
  REQUIRE(told.has_value());
  CHECK(told->outcome == Outcome::kAborted);
  CHECK(told->reason.participant.text() == "p2");
}

TEST_CASE("one phase across a restart: every participant is asked before an outcome is told") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1"}));
  const auto gtid = world.last_gtid();
  world.restart();
  CHECK_FALSE(world.ask(gtid, true));
  CHECK(world.transport.names() ==
        "INQUIRE_ONE_PHASE p1, INQUIRE_ONE_PHASE p2, INQUIRE_ONE_PHASE p3");
  OnePhaseResult never;
  never.gtid = never.first_gtid = gtid;
  never.outcome = Outcome::kAborted;
  world.deliver("p2", never);
  world.deliver("p3", never);
  CHECK_FALSE(world.ask(gtid, true));  // p1 has not spoken
  OnePhaseResult done = never;
  done.outcome = Outcome::kCommitted;
  world.deliver("p1", done);
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
}

TEST_CASE("low space leads to a checkpoint before its turn") {
  EngineOptions options;
  options.checkpoint_bytes = 40000;
  CoordinatorWorld world(options);
  const auto some = [&] {
    for (int i = 0; i < 60; ++i) {
      const auto gtid = world.committing();
      world.deliver("p1", Ack{gtid});
      world.deliver("p2", Ack{gtid});
    }
    world.sync();
  };
  some();
  CHECK(world.counter("checkpoints") == 0);
  world.log.room = false;
  world.pass(seconds(1));
  world.sync();
  CHECK(world.counter("checkpoints") == 1);
  CHECK(world.log.released.value > 0);
}

TEST_CASE("a checkpoint keeps what is unended and the keys; the rest of the log may go") {
  EngineOptions options;
  options.checkpoint_bytes = 4000;
  CoordinatorWorld world(options);
  const auto stuck = world.committing("stuck");
  const auto done = world.committing("done");
  world.deliver("p1", Ack{done});
  world.deliver("p2", Ack{done});
  for (int i = 0; i < 60 && world.log.released.value == 0; ++i) {
    const auto gtid = world.committing();
    world.deliver("p1", Ack{gtid});
    world.deliver("p2", Ack{gtid});
    world.sync();
  }
  const auto released = world.log.released;
  REQUIRE(released.value > 0);
  CHECK(world.counter("checkpoints") >= 1);
  std::erase_if(world.log.entries, [&](const auto& entry) { return entry.lsn <= released; });
  world.restart();
  CHECK((*world.ask(stuck))->outcome == Outcome::kCommitted);
  world.pass(seconds(1));
  CHECK(world.transport.names().find("COMMIT p1, COMMIT p2") != std::string::npos);
  const auto again = world.submit(CoordinatorWorld::request({"p1", "p2"}, "done"));
  REQUIRE(world.answered(again));
  CHECK(world.answers[again]->outcome.gtid == done);
}

TEST_CASE("many short runs: what earlier starts left is copied and goes as well") {
  EngineOptions options;
  options.checkpoint_bytes = 1000;
  CoordinatorWorld world(options);
  for (int i = 0; i < 20 && world.log.released.value == 0; ++i) {
    const Lsn before = world.log.appended();
    const auto gtid = world.committing();
    world.deliver("p1", Ack{gtid});
    world.deliver("p2", Ack{gtid});
    world.sync();
    world.pass(seconds(1));
    world.sync();
    world.pass(seconds(1));
    if (world.log.released.value == 0) {
      REQUIRE(world.log.appended().value - before.value < options.checkpoint_bytes / 2);
      world.restart();
    }
  }
  CHECK(world.log.released.value > 0);
}

TEST_CASE("a participant that never committed what it reports raises an alarm, once") {
  CoordinatorWorld world;
  world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid, Vote::kAbort);
  world.deliver("p2", Ack{gtid});
  world.deliver("p2", Ack{gtid});
  CHECK(world.alarms() == 1);
}

TEST_CASE("operators see what is stuck, why, and can have it tried at once") {
  CoordinatorWorld world;
  const auto gtid = world.committing();
  world.deliver("p1", Ack{gtid});
  const auto shown = world.engine->operators().show(gtid.text().substr(18), world.now());
  REQUIRE(shown.has_value());
  CHECK(shown->explanation.find("p2") != std::string::npos);
  CHECK(shown->explanation.find("p1") == std::string::npos);
  CHECK(world.engine->operators()
            .list({TransactionFilter::kInDoubt, 10, ""}, world.now())
            ->transactions.size() == 1);
  CHECK(world.engine->operators().show("ZZZZZZ", world.now()).error().code == ErrorCode::kNotFound);
  world.transport.take();
  CHECK(*world.engine->operators().retry("", {}, world.now()) == 1);
  CHECK(world.transport.names() == "COMMIT p2");
}

TEST_CASE("cursors lead through everything once: what lives, oldest first, then what ended") {
  CoordinatorWorld world;
  std::vector<Gtid> live, ended;
  for (int i = 0; i < 5; ++i) live.push_back(world.committing());
  for (int i = 0; i < 3; ++i) {
    ended.push_back(world.committing());
    world.deliver("p1", Ack{ended.back()});
    world.deliver("p2", Ack{ended.back()});
  }
  std::vector<Gtid> expected = live;
  expected.insert(expected.end(), ended.rbegin(), ended.rend());
  for (const std::size_t limit : {1, 2, 4, 5, 8, 100}) {
    std::vector<Gtid> seen;
    ListRequest request{TransactionFilter::kAll, limit, ""};
    for (bool more = true; more;) {
      const auto page = world.engine->operators().list(request, world.now());
      REQUIRE(page.has_value());
      CHECK(page->transactions.size() <= limit);
      for (const auto& summary : page->transactions) seen.push_back(summary.gtid);
      request.after = page->next;
      more = !page->next.empty();
    }
    CHECK(seen == expected);
  }
  const auto doubt = world.engine->operators().list(
      {TransactionFilter::kInDoubt, 9, "live:" + live[1].text()}, world.now());
  CHECK(doubt->transactions.size() == 3);
  for (const auto* bad : {"x", "live:", "live:nonsense", "dead:"})
    CHECK(world.engine->operators()
              .list({TransactionFilter::kAll, 9, bad}, world.now())
              .error()
              .code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a greeting wakes the link to the participant that greets, a refused one does not") {
  CoordinatorWorld world;
  world.transport.addresses.clear();
  REQUIRE(world.greet("p1", {2}) == HelloVerdict::kWelcome);
  CHECK(world.transport.addresses.count(NodeName::from_trusted("p1")) == 1);
  CHECK(world.greet("stranger") == HelloVerdict::kUnknownSender);
  CHECK(world.greet("p2", {2}) == HelloVerdict::kWelcome);
  CHECK(world.greet("p2", {1}) == HelloVerdict::kStaleEpoch);
  CHECK(world.transport.addresses.size() == 2);
}

TEST_CASE("a configured node that is no member of a transaction cannot end it") {
  const NodeName p3 = NodeName::from_trusted("p3");
  const auto messages = [&](const CoordinatorWorld& world, const Gtid& gtid) {
    VoteMessage no;
    no.gtid = gtid;
    no.vote = Vote::kAbort;
    OnePhaseResult conflict;
    conflict.gtid = gtid;
    conflict.key_conflict = true;
    return std::vector<Message>{Decide{gtid, Decision::kAbort, AnswerAt::kDecided, {}},
                                Decide{gtid, Decision::kCommit, AnswerAt::kDecided, {}},
                                Wound{gtid, world.minted(1), "row 1"},
                                no,
                                Ack{gtid},
                                Released{gtid},
                                conflict};
  };
  for (const auto protocol : {CommitProtocol::kTwoPhase, CommitProtocol::kThreePhase}) {
    for (const bool voted : {false, true}) {
      CAPTURE(voted);
      CoordinatorWorld world;
      auto request = CoordinatorWorld::request({"p1", "p2"});
      request.protocol = protocol;
      const auto number = world.submit(request);
      const auto gtid = world.last_gtid();
      const auto all_vote = [&] {
        world.vote("p1", gtid);
        world.vote("p2", gtid);
      };
      if (voted) all_vote();
      const auto sent = messages(world, gtid);
      for (const auto& message : sent) world.deliver("p3", message);
      CHECK(world.counter("unauthorized") == sent.size() - 1);
      CHECK_FALSE(world.answered(number));
      if (!voted) all_vote();
      if (protocol == CommitProtocol::kThreePhase) continue;
      world.sync();
      CHECK(world.outcome(number) == Outcome::kCommitted);
    }
  }
  CoordinatorWorld world;
  const auto number = world.submit(CoordinatorWorld::request({"p1"}, "k"));
  const auto gtid = world.last_gtid();
  OnePhaseResult result;
  result.gtid = gtid;
  result.key_conflict = true;
  world.deliver("p3", result);
  result.key_conflict = false;
  result.outcome = Outcome::kAborted;
  world.deliver("p3", result);
  CHECK_FALSE(world.answered(number));
  result.outcome = Outcome::kCommitted;
  world.deliver("p1", result);
  CHECK(world.outcome(number) == Outcome::kCommitted);
}
