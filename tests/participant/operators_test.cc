// Decisions by hand: refused where somebody knows, durable before anybody is told, compared with
// the truth, shown until forgotten, also across restarts and checkpoints.
#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::participant;
using troth::tests::EngineWorld;

namespace {

struct Asked {
  std::optional<Result<ResolveReply>> reply;
  std::string refusal() const {
    REQUIRE(reply);
    REQUIRE_FALSE(*reply);
    return reply->error().context;
  }
};

void link(EngineWorld& world, bool connected) {
  LinkStatus status;
  status.peer = world.c1;
  status.connected = connected;
  world.engine->on_link(status, world.now());
}

ResolveRequest request_for(EngineWorld& world, const Gtid& gtid, Decision decision) {
  ResolveRequest request;
  request.id = gtid.text();
  request.decision = decision;
  request.by = {"ann", "c1 is gone"};
  request.confirm = gtid.text().substr(20);
  request.revision = world.engine->show(gtid.text(), world.now())->revision;
  return request;
}

Asked resolve(EngineWorld& world, const ResolveRequest& request) {
  auto asked = std::make_shared<Asked>();
  world.engine->resolve(
      request, [asked](Result<ResolveReply> reply) { asked->reply = std::move(reply); },
      world.now());
  world.engine->end_of_round(world.now());
  if (!request.dry_run && !asked->reply) {  // told only when it is durable
    world.sync();
    CHECK(asked->reply.has_value());
  }
  return *asked;
}

Asked forget(EngineWorld& world, const Gtid& gtid) {
  auto asked = std::make_shared<Asked>();
  world.engine->forget(
      {gtid.text(), {"bob", "repaired"}, gtid.text().substr(20), false},
      [asked](Result<ResolveReply> reply) { asked->reply = std::move(reply); }, world.now());
  world.sync();
  REQUIRE(asked->reply);
  return *asked;
}

std::string state_of(EngineWorld& world, const Gtid& gtid) {
  const auto shown = world.engine->show(gtid.text(), world.now());
  return shown ? shown->summary.state : "not found";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int acks(EngineWorld& world) {
  int n = 0;
  for (const auto& [to, message] : world.transport.take())
    n += std::holds_alternative<Ack>(message) ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("a decision by hand is refused wherever somebody knows, and says who") {
  EngineWorld world;
  const Gtid gtid = world.two_phase(1);
  world.bring_to_prepared(gtid);
  auto request = request_for(world, gtid, Decision::kCommit);

  link(world, true);
  CHECK(contains(resolve(world, request).refusal(), "c1 is connected and knows"));
  link(world, false);

  auto wrong = request;
  wrong.by.reason.clear();
  CHECK(contains(resolve(world, wrong).refusal(), "a reason is needed"));
  wrong = request;
  wrong.confirm = "ABCDEF";
  CHECK(contains(resolve(world, wrong).refusal(), "last 6 characters"));
  wrong = request;
  wrong.revision = "1.prepared.1";
  CHECK(contains(resolve(world, wrong).refusal(), "moved on since you looked"));
  wrong = request;
  wrong.id = "NOTHERE";
  CHECK(resolve(world, wrong).reply->error().code == ErrorCode::kNotFound);
  CHECK(state_of(world, gtid) == "prepared");
  CHECK(world.worker.names().empty());

  world.deliver(EngineWorld::commit(gtid));
  world.sync();
  CHECK(contains(resolve(world, request).refusal(), "the log knows"));

  const Gtid fresh = world.two_phase(2);
  world.deliver(world.prepare(fresh));
  CHECK(contains(resolve(world, request_for(world, fresh, Decision::kAbort)).refusal(),
                 "has not voted yet"));
  const auto trail = world.engine->audit_trail(100);
  CHECK(trail.size() == 7);
  for (const auto& entry : trail) CHECK(entry.result == "refused");
}

TEST_CASE("a revision holds for one state in one life of the process") {
  EngineWorld world;
  const Gtid gtid = world.two_phase(1);
  world.deliver(world.prepare(gtid));
  world.executed(gtid, Vote::kCommit);
  const auto still_preparing = request_for(world, gtid, Decision::kAbort);
  world.sync();
  REQUIRE(state_of(world, gtid) == "prepared");
  CHECK(contains(resolve(world, still_preparing).refusal(), "moved on since you looked"));
  const auto of_an_earlier_life = request_for(world, gtid, Decision::kAbort);
  world.restart();
  world.pass(std::chrono::milliseconds(1));
  REQUIRE(state_of(world, gtid) == "prepared");
  CHECK(contains(resolve(world, of_an_earlier_life).refusal(), "moved on since you looked"));
  const auto asked = resolve(world, request_for(world, gtid, Decision::kAbort));
  REQUIRE(asked.reply);
  CHECK(asked.reply->has_value());
}

TEST_CASE("a dry run tells the consequences and changes nothing") {
  EngineWorld world;
  const Gtid gtid = world.two_phase(1);
  auto prepare = world.prepare(gtid);
  prepare.members = {{NodeName::from_trusted("p1"), {}, {1}, "h:1"},
                     {NodeName::from_trusted("p2"), {}, {1}, "h:2"}};
  world.deliver(prepare);
  world.executed(gtid, Vote::kCommit);
  world.sync();
  const auto before = world.log.entries.size();
  ResolveRequest request;
  request.id = gtid.text().substr(20);
  request.decision = Decision::kAbort;
  request.dry_run = true;
  const auto asked = resolve(world, request);
  REQUIRE(asked.reply);
  REQUIRE(*asked.reply);
  const auto& reply = **asked.reply;
  CHECK_FALSE(reply.applied);
  CHECK(reply.gtid == gtid);
  CHECK(reply.revision == world.engine->show(gtid.text(), world.now())->revision);
  std::string text;
  for (const auto& line : reply.lines) text += line + "\n";
  CHECK_MESSAGE(contains(text, "-e h:2"), text);
  CHECK_FALSE(contains(text, "-e h:1"));
  CHECK_MESSAGE(contains(text, "differ for good"), text);
  CHECK(world.log.entries.size() == before);
  CHECK(world.engine->audit_trail(9).empty());
}

TEST_CASE("it acts, without an ack; the same decision later confirms it and is acknowledged") {
  for (const auto decision : {Decision::kCommit, Decision::kAbort}) {
    EngineWorld world;
    const Gtid gtid = world.two_phase(1);
    world.bring_to_prepared(gtid);
    const bool commit = decision == Decision::kCommit;
    const auto asked = resolve(world, request_for(world, gtid, decision));
    REQUIRE(*asked.reply);
    CHECK((*asked.reply)->applied);
    CHECK(world.worker.names() == (commit ? "apply, flush" : "discard"));
    CHECK(state_of(world, gtid) == (commit ? "heuristic_committed" : "heuristic_aborted"));
    CHECK(world.engine->status(world.now()).alarms.size() == 1);
    CHECK(acks(world) == 0);

    world.deliver(commit ? EngineWorld::commit(gtid) : EngineWorld::abort(gtid));
    world.sync();
    CHECK(acks(world) == (commit ? 1 : 0));
    CHECK(
        contains(world.engine->show(gtid.text(), world.now())->explanation, "c1 decided the same"));
    CHECK(world.engine->audit_trail(1)[0].result == "confirmed");
    REQUIRE(*forget(world, gtid).reply);
    CHECK(world.engine->status(world.now()).alarms.empty());
  }
}

TEST_CASE("who asks what became of it hears what was decided, not what was done by hand") {
  EngineWorld world;
  const Gtid gtid = world.two_phase(1);
  const auto recalled = [&] {
    world.transport.take();
    world.deliver(Recall{gtid, {}});
    return world.transport.last<Recalled>();
  };
  world.bring_to_prepared(gtid);
  REQUIRE(*resolve(world, request_for(world, gtid, Decision::kAbort)).reply);
  CHECK(recalled().knows == Recalled::Knows::kUndecided);
  world.deliver(EngineWorld::commit(gtid));
  world.sync();
  CHECK(recalled().knows == Recalled::Knows::kOutcome);
  CHECK(recalled().outcome == Outcome::kCommitted);
  REQUIRE(*forget(world, gtid).reply);
  CHECK(recalled().knows == Recalled::Knows::kForgotten);
}

TEST_CASE("the other decision is a mixed outcome: alarm to both sides, no ack until forgotten") {
  for (const auto decision : {Decision::kCommit, Decision::kAbort}) {
    EngineWorld world;
    const Gtid gtid = world.two_phase(1);
    world.bring_to_prepared(gtid);
    const bool commit = decision == Decision::kCommit;
    REQUIRE(*resolve(world, request_for(world, gtid, decision)).reply);
    world.transport.take();
    world.worker.jobs.clear();

    const auto truth = commit ? EngineWorld::abort(gtid) : EngineWorld::commit(gtid);
    for (int repeated = 0; repeated < 2; ++repeated) {
      world.deliver(truth);
      world.sync();
      int alarms = 0;
      for (const auto& [to, message] : world.transport.take()) {
        CHECK_FALSE(std::holds_alternative<Ack>(message));
        alarms += std::holds_alternative<Alarm>(message) ? 1 : 0;
      }
      CHECK(alarms == (repeated == 0 ? 1 : 0));
    }
    CHECK(world.worker.names().empty());
    CHECK(state_of(world, gtid) == "heuristic_mixed");
    CHECK(world.counter("mixed_outcomes") == 1);
    REQUIRE(world.engine->status(world.now()).alarms.size() == 1);
    CHECK(contains(world.engine->status(world.now()).alarms[0], "MIXED"));

    world.restart();
    world.hello({2});
    CHECK(state_of(world, gtid) == "heuristic_mixed");

    REQUIRE(*forget(world, gtid).reply);
    CHECK(acks(world) == (commit ? 0 : 1));
    CHECK(world.engine->status(world.now()).alarms.empty());
    world.deliver(truth);  // a repeat that was on its way
    world.sync();
    CHECK(acks(world) == (commit ? 0 : 1));
    CHECK(world.engine->status(world.now()).alarms.empty());
    world.restart();
    world.hello({3});
    world.deliver(truth);
    world.sync();
    CHECK(acks(world) == (commit ? 0 : 1));
    CHECK(world.engine->status(world.now()).alarms.empty());
  }
}

TEST_CASE("the coordinator is asked what it decided, and a shrug makes it a hazard") {
  EngineWorld world;
  const Gtid gtid = world.two_phase(1);
  world.bring_to_prepared(gtid);
  REQUIRE(*resolve(world, request_for(world, gtid, Decision::kAbort)).reply);
  world.transport.take();
  world.pass(std::chrono::seconds(6));
  int inquiries = 0;
  for (const auto& [to, message] : world.transport.take())
    inquiries += std::holds_alternative<Inquire>(message) ? 1 : 0;
  CHECK(inquiries >= 1);
  link(world, true);
  CHECK(contains(forget(world, gtid).refusal(), "c1 is connected and will say"));
  world.deliver(InquiryReply{gtid, InquiryReply::Answer::kContinuityNotProven});
  world.sync();
  CHECK(state_of(world, gtid) == "heuristic_hazard");
  world.transport.take();
  world.pass(std::chrono::seconds(60));
  for (const auto& [to, message] : world.transport.take())
    CHECK_FALSE(std::holds_alternative<Inquire>(message));
  REQUIRE(*forget(world, gtid).reply);
  CHECK(state_of(world, gtid) == "aborted");
}

TEST_CASE("a coordinator that cannot prove its past does not forbid a decision by hand") {
  EngineWorld world;
  const Gtid gtid = world.two_phase(1);
  world.bring_to_prepared(gtid);
  link(world, true);
  world.deliver(InquiryReply{gtid, InquiryReply::Answer::kContinuityNotProven});
  REQUIRE(*resolve(world, request_for(world, gtid, Decision::kCommit)).reply);
  CHECK(state_of(world, gtid) == "heuristic_hazard");
  CHECK(world.worker.names() == "apply, flush");
}

TEST_CASE("a crash right after the HEURISTIC record: the decision is carried out at the start") {
  for (const bool durable : {true, false}) {
    EngineWorld world;
    const Gtid gtid = world.two_phase(1);
    world.bring_to_prepared(gtid);
    bool told = false;
    world.engine->resolve(
        request_for(world, gtid, Decision::kAbort),
        [&told](const Result<ResolveReply>&) { told = true; }, world.now());
    CHECK_FALSE(told);
    // HEURISTIC is durable or not, ABORTED behind it is not.
    for (const auto& entry : world.log.entries)
      if (durable && entry.type == RecordType::kHeuristic) world.log.sync_to(entry.lsn);
    world.restart();
    world.pass(std::chrono::milliseconds(1));
    CHECK(state_of(world, gtid) == (durable ? "heuristic_aborted" : "prepared"));
    CHECK(world.worker.names() == (durable ? "discard" : ""));
    CHECK_FALSE(told);
  }
}

TEST_CASE("a checkpoint carries decisions by hand and the trail forward") {
  EngineOptions options;
  options.checkpoint_bytes = 1;
  EngineWorld world(options);
  const Gtid gtid = world.two_phase(1);
  world.bring_to_prepared(gtid);
  REQUIRE(*resolve(world, request_for(world, gtid, Decision::kAbort)).reply);
  for (int i = 0; i < 4; ++i) {
    world.pass(std::chrono::seconds(1));
    world.sync();
  }
  CHECK(world.counter("checkpoints") >= 1);
  auto tables = world.tables();
  CHECK(tables.operators.heuristics.size() == 1);
  CHECK(tables.operators.audit.size() == 1);  // not once for each copy
  world.restart();
  CHECK(state_of(world, gtid) == "heuristic_aborted");
  CHECK(world.engine->audit_trail(9).size() == 1);
}
