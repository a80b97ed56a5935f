// A participant that is gone for good: what was decided COMMIT stays COMMIT, need not be waited for
// once an operator says so, and is never taken for "no record, hence aborted".
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::protocol;
using troth::tests::CoordinatorWorld;

namespace {

const NodeName kP1 = NodeName::from_trusted("p1"), kP2 = NodeName::from_trusted("p2"),
               kP3 = NodeName::from_trusted("p3");

struct LostWorld : CoordinatorWorld {
  /// Nobody is connected unless the test says so.
  explicit LostWorld(coordinator::EngineOptions given = {})
      : CoordinatorWorld(std::move(given), false) {}

  /// Its answer; the action is durable, if there was one.
  Result<LostReply> ask_lost(const LostRequest& request) {
    std::optional<Result<LostReply>> told;
    engine->operators().declare_lost(
        request, [&](Result<LostReply> reply) { told = std::move(reply); }, now());
    engine->end_of_round(now());
    if (told) {
      CHECK((!*told || request.dry_run));  // nothing is promised before it is durable
      return *told;
    }
    sync();
    REQUIRE(told);
    return *told;
  }
  Result<LostReply> lose(const NodeName& name, bool forget = false) {
    return ask_lost({name, forget, {"ann", "disk burnt"}, name.text(), false});
  }
  std::string why(const LostRequest& request) {
    const auto reply = ask_lost(request);
    REQUIRE_FALSE(reply);
    return reply.error().context;
  }
  std::vector<TransactionSummary> in_doubt() const {
    return engine->operators().list({TransactionFilter::kInDoubt, 100, ""}, now())->transactions;
  }
  /// Everything before the checkpoint is gone, and so is the process.
  void checkpoint_and_restart() {
    for (int i = 0; i < 4; ++i) {
      REQUIRE(engine->operators().retry("", {"bob", "grow the log"}, now()));
      pass(std::chrono::seconds(1));
      sync();
    }
    REQUIRE(counter("checkpoints") >= 1);
    std::erase_if(log.entries, [&](const auto& entry) { return entry.lsn <= log.released; });
    restart();
  }
  /// What the coordinator says to a branch in doubt.
  std::optional<Decision> told(const std::string& participant, const Gtid& gtid) {
    transport.take();
    deliver(participant, Inquire{gtid});
    for (const auto& sent : transport.take())
      if (const auto* decide = std::get_if<Decide>(&sent.message);
          decide && sent.to.text() == participant)
        return decide->decision;
    return std::nullopt;
  }
  void link(const NodeName& peer, bool connected) {
    LinkStatus status;
    status.peer = peer;
    status.connected = connected;
    engine->peers().on_link(status, now());
  }
};

coordinator::EngineOptions small_log() {
  coordinator::EngineOptions options;
  options.checkpoint_bytes = 1;
  return options;
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a lost participant is not waited for, and what it owed is shown until forgotten") {
  LostWorld world;
  const auto gtid = world.committing();
  world.deliver("p1", Ack{gtid});
  REQUIRE(world.in_doubt().size() == 1);
  CHECK(world.in_doubt()[0].state == "committing");

  const auto plan = world.ask_lost({kP2, false, {}, "", true});
  REQUIRE(plan);
  CHECK_FALSE(plan->applied);
  CHECK(plan->transactions == 1);
  CHECK(says(plan->lines[0], gtid.text()));
  CHECK(world.in_doubt()[0].state == "committing");
  CHECK(world.engine->operators().book().audit(10).empty());

  const auto before = world.log.forced();
  const auto done = world.lose(kP2);
  REQUIRE(done);
  CHECK(done->applied);
  CHECK(world.log.forced() == before + 1);
  REQUIRE(world.in_doubt().size() == 1);
  CHECK(world.in_doubt()[0].state == "heuristic_hazard");
  CHECK(world.in_doubt()[0].decision == "commit");
  CHECK(world.in_doubt()[0].comment == "p2 lost: disk burnt");
  CHECK(world.engine->operators().show(gtid.text(), world.now())->summary.state ==
        "heuristic_hazard");
  CHECK(world.alarms() == 1);
  CHECK(world.engine->operators().status(world.now()).in_doubt == 0);
  CHECK(*world.transport.published.back().ended_below == gtid);
  const auto all = world.engine->operators().list({TransactionFilter::kAll, 100, ""}, world.now());
  CHECK(all->transactions.size() == 1);  // once
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
  CHECK(world.log.count(RecordType::kEnd) == 1);
  world.pass(std::chrono::seconds(10));
  for (const auto& sent : world.transport.take()) CHECK(sent.to != kP2);

  REQUIRE(world.lose(kP2, true));
  CHECK(world.in_doubt().empty());
  CHECK(world.alarms() == 0);
  world.sync();
  // It may come back all the same, and ask the others: they must not take it for ended everywhere.
  CHECK(*world.transport.published.back().ended_below == gtid);
  const auto trail = world.engine->operators().book().audit(10);
  REQUIRE(trail.size() == 2);
  CHECK(trail[1].action == "lost");
  CHECK(trail[1].by.reason == "disk burnt");
  CHECK(trail[0].action == "lost_forget");
}

TEST_CASE("what is refused changes nothing") {
  LostWorld world;
  const Operator ann{"ann", "disk burnt"};
  CHECK(says(world.why({kP2, false, ann, "p2", false}), "nothing that was decided COMMIT"));
  const auto px = NodeName::from_trusted("px");
  CHECK(says(world.why({px, false, ann, "px", false}), "no participant is called px"));
  world.submit(CoordinatorWorld::request({"p2", "p3"}));  // undecided: its deadline ends it
  CHECK(says(world.why({kP2, false, ann, "p2", false}), "nothing that was decided COMMIT"));
  const auto gtid = world.committing();
  CHECK(says(world.why({kP2, false, {"ann", ""}, "p2", false}), "a reason is needed"));
  CHECK(says(world.why({kP2, false, ann, "p1", false}), "confirm it with the participant's"));
  CHECK(says(world.why({kP2, true, ann, "p2", false}), "nothing is shown that p2 owed"));
  world.link(kP2, true);
  CHECK(says(world.why({kP2, false, ann, "p2", true}), "p2 is connected"));
  CHECK(says(world.why({kP2, false, ann, "p2", false}), "p2 is connected"));
  CHECK(world.log.count(RecordType::kHeuristic) == 0);
  CHECK(world.engine->operators().show(gtid.text(), world.now())->summary.state == "committing");
  for (const auto& entry : world.engine->operators().book().audit(10))
    CHECK(entry.result == "refused");
}

TEST_CASE(
    "a connected participant that lost its trace of one branch: that branch alone is given up") {
  LostWorld world;
  const auto lost = world.committing();
  const auto owed = world.committing();
  world.link(kP2, true);
  CHECK(says(world.why({kP2, false, {"ann", "copy"}, "p2", false}), "confirms by itself"));
  world.deliver("p2", Alarm{lost, "p2 holds no trace of it"});
  const auto reply = world.lose(kP2);
  REQUIRE(reply);
  CHECK(reply->transactions == 1);
  world.deliver("p1", Ack{lost});
  world.sync();
  REQUIRE(world.in_doubt().size() == 2);
  for (const auto& summary : world.in_doubt())
    CHECK(summary.state == (summary.gtid == owed ? "committing" : "heuristic_hazard"));
  REQUIRE(world.lose(kP2, true));
  CHECK(world.in_doubt().size() == 1);
  CHECK(world.alarms() == 0);
}

TEST_CASE("it is not waited for after a restart either, though END was lost") {
  LostWorld world;
  const auto gtid = world.committing();
  world.deliver("p1", Ack{gtid});
  std::optional<Result<LostReply>> told;
  world.engine->operators().declare_lost(
      {kP2, false, {"ann", "disk burnt"}, "p2", false},
      [&](Result<LostReply> reply) { told = std::move(reply); }, world.now());
  Lsn heuristic;
  for (const auto& entry : world.log.entries)
    if (entry.type == RecordType::kHeuristic) heuristic = entry.lsn;
  world.log.sync_to(heuristic);
  world.restart();
  REQUIRE(world.in_doubt().size() == 1);
  CHECK(world.in_doubt()[0].state == "committing");  // p1's ack is asked for again
  CHECK(world.in_doubt()[0].waiting_for == std::vector<NodeName>{kP1});
  world.deliver("p1", Ack{gtid});
  CHECK(world.in_doubt()[0].state == "heuristic_hazard");
  // Before that is durable: nothing of it happened.
  LostWorld other;
  const auto unknown = other.committing();
  other.engine->operators().declare_lost(
      {kP2, false, {"ann", "disk burnt"}, "p2", false},
      [](const Result<LostReply>&) { FAIL("promised too early"); }, other.now());
  other.restart();
  CHECK(other.in_doubt()[0].waiting_for == std::vector<NodeName>{kP1, kP2});
  CHECK(other.told("p2", unknown) == Decision::kCommit);
}

TEST_CASE("its decision is remembered over checkpoints, forgotten or not") {
  for (const bool forgotten : {false, true}) {
    CAPTURE(forgotten);
    LostWorld world(small_log());
    const auto gtid = world.committing();
    world.deliver("p1", Ack{gtid});
    REQUIRE(world.lose(kP2));
    if (forgotten) REQUIRE(world.lose(kP2, true));
    for (int i = 0; i < 2; ++i) {
      world.checkpoint_and_restart();
      CHECK(world.log.count(RecordType::kCommit) == 0);
      CHECK(world.in_doubt().size() == (forgotten ? 0 : 1));
      CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
      CHECK(world.told("p2", gtid) == Decision::kCommit);
    }
    // As a member of a three-phase transaction asks.
    world.deliver("p2", Elect{gtid, {2, kP2}, {1}});
    const auto sent = world.transport.take();
    REQUIRE(sent.size() == 1);
    CHECK(std::get<Decide>(sent[0].message).decision == Decision::kCommit);
  }
}

TEST_CASE("two are lost of one transaction: each is forgotten alone") {
  LostWorld world;
  world.submit(CoordinatorWorld::request({"p1", "p2", "p3"}));
  const auto gtid = world.last_gtid();
  for (const char* name : {"p1", "p2", "p3"}) world.vote(name, gtid);
  world.sync();
  REQUIRE(world.lose(kP2));
  CHECK(world.in_doubt()[0].state == "committing");
  CHECK(says(world.why({kP2, true, {"ann", "x"}, "p2", false}), "others must still confirm"));
  world.deliver("p1", Ack{gtid});
  CHECK(world.in_doubt()[0].waiting_for == std::vector<NodeName>{kP3});
  REQUIRE(world.lose(kP3));
  CHECK(world.in_doubt()[0].waiting_for == std::vector<NodeName>{kP2, kP3});
  CHECK(world.alarms() == 2);
  REQUIRE(world.lose(kP2, true));
  for (int i = 0; i < 2; ++i) {
    REQUIRE(world.in_doubt().size() == 1);
    CHECK(world.in_doubt()[0].state == "heuristic_hazard");
    CHECK(world.in_doubt()[0].waiting_for == std::vector<NodeName>{kP3});
    world.restart();
  }
  // By its id, as a decision by hand at a participant.
  std::optional<Result<ResolveReply>> forgot;
  const auto forget = [&](const std::string& confirm) {
    forgot.reset();
    world.engine->operators().forget(
        {gtid.text(), {"ann", "mended"}, confirm, false},
        [&](Result<ResolveReply> reply) { forgot = std::move(reply); }, world.now());
  };
  forget("p3");
  REQUIRE(forgot);
  CHECK(says(forgot->error().context, "the last 6 characters"));
  forget(gtid.text().substr(20));
  CHECK_FALSE(forgot);
  world.sync();
  REQUIRE(forgot);
  CHECK((*forgot)->applied);
  CHECK(world.in_doubt().empty());
  world.restart();
  CHECK(world.in_doubt().empty());
}

TEST_CASE("one of two is settled: a crash at any record keeps the other's hazard") {
  LostWorld world(small_log());
  world.submit(CoordinatorWorld::request({"p1", "p2", "p3"}));
  const auto gtid = world.last_gtid();
  for (const char* name : {"p1", "p2", "p3"}) world.vote(name, gtid);
  world.sync();
  world.deliver("p1", Ack{gtid});
  REQUIRE(world.lose(kP2));
  REQUIRE(world.lose(kP3));
  const auto settled_from = world.log.entries.back().lsn;
  REQUIRE(world.lose(kP2, true));
  for (int i = 0; i < 4; ++i) {  // and is copied by checkpoints
    REQUIRE(world.engine->operators().retry("", {"bob", "grow the log"}, world.now()));
    world.pass(std::chrono::seconds(1));
    world.sync();
  }
  REQUIRE(world.counter("checkpoints") >= 1);
  const auto written = world.log.entries;
  for (std::size_t kept = written.size(); kept > 0 && written[kept - 1].lsn >= settled_from;
       --kept) {
    world.log.entries.assign(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(kept));
    world.restart();
    CAPTURE(kept);
    REQUIRE(world.in_doubt().size() == 1);
    const auto waiting = world.in_doubt()[0].waiting_for;
    CHECK(std::find(waiting.begin(), waiting.end(), kP3) != waiting.end());
    CHECK(world.told("p3", gtid) == Decision::kCommit);
  }
  world.log.entries = written;
  std::erase_if(world.log.entries,
                [&](const auto& entry) { return entry.lsn <= world.log.released; });
  world.restart();
  REQUIRE(world.in_doubt().size() == 1);
  CHECK(world.in_doubt()[0].waiting_for == std::vector<NodeName>{kP3});
  CHECK(world.told("p2", gtid) == Decision::kCommit);
}

TEST_CASE("who comes back after all is told, and ends the hazard by confirming") {
  LostWorld world;
  const auto gtid = world.committing();
  world.deliver("p1", Ack{gtid});
  REQUIRE(world.lose(kP2));
  for (int i = 0; i < 2; ++i) {
    world.transport.take();
    CHECK(world.greet("p2") == HelloVerdict::kWelcome);
    const auto sent = world.transport.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].to == kP2);
    CHECK(std::get<Decide>(sent[0].message).decision == Decision::kCommit);
    world.restart();
    CHECK(world.in_doubt().size() == 1);
  }
  world.link(kP2, true);
  CHECK(says(world.why({kP2, true, {"ann", "x"}, "p2", false}), "will confirm it"));
  world.deliver("p2", Ack{gtid});
  CHECK(world.in_doubt().empty());
  CHECK(world.alarms() == 0);
  CHECK(world.engine->operators().book().audit(1)[0].result == "confirmed");
  world.sync();
  world.restart();
  CHECK(world.in_doubt().empty());
  CHECK((*world.ask(gtid))->outcome == Outcome::kCommitted);
}

namespace {

/// The settings name p1 and p3 only, from now on.
void unname_p2(LostWorld& world) {
  world.engine->reload({{{kP1, "127.0.0.1:1"}, {kP3, "127.0.0.1:1"}}, std::chrono::seconds(2), 10});
  world.options.participants.erase(kP2);  // after a restart, too
}

Result<ForgetPeerReply> forget_p2(LostWorld& world, bool dry_run = false) {
  std::optional<Result<ForgetPeerReply>> told;
  world.engine->operators().forget_peer(
      {kP2, {"ann", "disk burnt"}, "p2", dry_run},
      [&](Result<ForgetPeerReply> reply) { told = std::move(reply); }, world.now());
  world.engine->end_of_round(world.now());
  if (!told) world.sync();
  REQUIRE(told);
  return *told;
}

const LinkStatus* shown(const NodeStatus& status, const NodeName& peer) {
  for (const auto& link : status.links)
    if (link.peer == peer) return &link;
  return nullptr;
}

}  // namespace

TEST_CASE("a participant that the settings name no more: retired once it owes nothing, forgotten") {
  LostWorld world(small_log());
  const auto gtid = world.committing();
  CHECK(says(forget_p2(world).error().context, "take it out of them first"));
  unname_p2(world);
  CHECK(says(forget_p2(world).error().context, "1 transaction of p2 has not ended"));
  CHECK_FALSE(shown(world.engine->operators().status(world.now()), kP2)->retired);
  world.deliver("p1", Ack{gtid});
  REQUIRE(world.lose(kP2));
  CHECK(says(forget_p2(world).error().context, "p2 never confirmed 1 transaction"));
  REQUIRE(world.lose(kP2, true));
  world.sync();
  CHECK(shown(world.engine->operators().status(world.now()), kP2)->retired);
  CHECK_FALSE(forget_p2(world, true)->applied);
  REQUIRE(forget_p2(world)->applied);
  CHECK(shown(world.engine->operators().status(world.now()), kP2) == nullptr);
  CHECK(world.greet("p2") == HelloVerdict::kUnknownSender);
  const auto refused = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  CHECK(world.answers[refused]->refusal->code == AbortCode::kUnknownParticipant);
  world.checkpoint_and_restart();
  CHECK(world.greet("p2") == HelloVerdict::kUnknownSender);
}

TEST_CASE("what a forgotten participant may have executed is unknown, not aborted") {
  for (const bool forgotten : {false, true}) {
    CAPTURE(forgotten);
    LostWorld world;
    for (const char* name : {"p1", "p2", "p3"}) world.greet(name);
    world.sync();
    world.connect("p2", true);
    world.submit(CoordinatorWorld::request({"p2"}));
    const auto gtid = world.last_gtid();
    world.connect("p2", false);
    if (forgotten) {
      world.restart();  // it is not known any more which participant was asked
      unname_p2(world);
      world.restart();
      REQUIRE(forget_p2(world)->applied);
    }
    world.restart();
    std::optional<Result<TransactionOutcome>> said;
    world.engine->inquiries().get_outcome(
        gtid, true, [&](Result<TransactionOutcome> result) { said = result; }, world.now());
    OnePhaseResult nothing;
    nothing.gtid = gtid;
    nothing.outcome = Outcome::kAborted;
    nothing.reason.code = AbortCode::kTombstone;
    for (const char* name : {"p1", "p2", "p3"})
      if (!forgotten || name != std::string("p2")) world.deliver(name, nothing, {1});
    REQUIRE(said);
    REQUIRE(said->has_value());
    CHECK((*said)->outcome == (forgotten ? Outcome::kInDoubt : Outcome::kAborted));
  }
}
