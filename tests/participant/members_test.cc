// The participant's engine among other members: cooperative termination of two-phase commit, and
// the quorum of three-phase commit. Every record and every message counts.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::tests;

namespace {

const NodeName kP2 = NodeName::from_trusted("p2");

struct MembersWorld : EngineWorld {
  explicit MembersWorld(participant::EngineOptions given = faster())
      : EngineWorld(std::move(given)) {
    p2_id.bytes[0] = 9;
    meet_p2();
    transport.take();
  }
  static participant::EngineOptions faster() {
    participant::EngineOptions options;
    options.inquiry = {std::chrono::milliseconds(100), std::chrono::milliseconds(100)};
    options.suspicion.timeout = std::chrono::seconds(1);
    options.suspicion.resend = {std::chrono::milliseconds(200), std::chrono::seconds(1)};
    return options;
  }
  void meet_p2() {
    Hello hello;
    hello.name = kP2;
    hello.role = Role::kParticipant;
    hello.address = "127.0.0.1:7440";
    hello.position = {p2_id, {1}, {50}};
    hello.receiver = options.name;
    engine->on_hello(hello, now());
  }
  void from_p2(Message message, std::optional<LogId> with_log = {}) {
    Batch batch;
    batch.header = {kP2,
                    {with_log.value_or(p2_id), {1}, {50}},
                    options.epoch,
                    {},
                    protocol::kPeerProtocolVersion};
    batch.messages.push_back(std::move(message));
    engine->on_batch(batch, now());
    engine->end_of_round(now());
  }
  /// No link to it can be made here.
  void c1_falls_silent() { clock = clock + participant::CoordinatorSilence::kWithoutLink; }
  void link_to_c1(bool connected) {
    LinkStatus status;
    status.peer = c1;
    status.connected = connected;
    engine->on_link(status, now());
  }
  Prepare prepare_of(const Gtid& gtid, CommitProtocol protocol) const {
    auto message = prepare(gtid);
    message.protocol = protocol;
    message.members = {{options.name, options.log_id, {1}, "127.0.0.1:7430"},
                       {kP2, p2_id, {1}, "127.0.0.1:7440"}};
    return message;
  }
  void prepared(const Gtid& gtid, CommitProtocol protocol, Vote vote = Vote::kCommit) {
    deliver(prepare_of(gtid, protocol));
    executed(gtid, vote);
    sync();
    transport.take();
    worker.jobs.clear();
  }
  std::string state(const Gtid& gtid) const {
    const auto shown = engine->show(gtid.text(), now());
    return shown ? shown->summary.state : "unknown";
  }
  std::string explanation(const Gtid& gtid) const {
    return engine->show(gtid.text(), now())->explanation;
  }
  /// Lets timers fire until `type` is in the log, at most `limit`.
  bool wait_for(RecordType type, Duration limit) {
    const auto before = log.count(type);
    for (Duration waited{0}; waited < limit && log.count(type) == before;
         waited += std::chrono::milliseconds(50))
      pass(std::chrono::milliseconds(50));
    return log.count(type) > before;
  }
  LogId p2_id;
};

constexpr auto kTwo = CommitProtocol::kTwoPhase;
constexpr auto kThree = CommitProtocol::kThreePhase;

}  // namespace

TEST_CASE("2PC: a member that has not voted forces REFUSED before it answers ABORT") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  SUBCASE("it never heard of it") {
    world.c1_falls_silent();
  }
  SUBCASE("it executes it") {
    world.deliver(world.prepare_of(gtid, kTwo));
    world.transport.take();
  }
  world.from_p2(AskMember{gtid, {1}});
  CHECK(world.log.count(RecordType::kRefused) == 1);
  CHECK(world.transport.sent.empty());  // nothing is said before it is durable
  world.sync();
  CHECK(world.transport.last<Decide>().decision == Decision::kAbort);
  world.restart();
  world.hello();
  world.deliver(world.prepare_of(gtid, kTwo));
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kAbort);  // for ever
}

TEST_CASE(
    "whoever is no member ends nothing that has not arrived: neither by its word nor by asking") {
  MembersWorld world;
  world.deliver(EngineWorld::abort(world.two_phase(50)));  // c1 is no guest, and is linked
  world.link_to_c1(true);
  const auto gtid = world.two_phase(1);
  const auto one_phase = world.one_phase(2);
  world.from_p2(EngineWorld::abort(gtid));
  world.from_p2(AskMember{gtid, {1}});
  CHECK(world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kNoOpinion);
  CHECK(world.transport.names().find("RELEASED c1") != std::string::npos);  // is it there?
  world.from_p2(Elect{gtid, {5, kP2}, {1}});
  world.from_p2(PreDecide{gtid, {5, kP2}, Decision::kAbort, {1}});
  world.from_p2(AskMember{one_phase, {1}});
  world.from_p2(Elect{Gtid({77}, {1}, 1, Decider::kCoordinator), {5, kP2}, {1}});  // nobody's
  CHECK(world.counter("promises_withheld") == 5);
  CHECK(world.counter("unauthorized") == 1);
  CHECK(world.log.count(RecordType::kRefused) == 0);
  SUBCASE("c1 is alive: its transactions execute") {
    world.clock = world.clock + std::chrono::seconds(2);
    world.deliver(InquiryReply{gtid, InquiryReply::Answer::kUndecided});
    world.from_p2(AskMember{gtid, {1}});
    CHECK(world.log.count(RecordType::kRefused) == 0);
    world.deliver(world.prepare_of(gtid, kTwo));
    CHECK(world.worker.names() == "execute");
    world.deliver(world.commit_one_phase(one_phase));
    CHECK(world.worker.names() == "execute");
  }
  SUBCASE("c1 does not answer: its members may end it") {
    world.clock = world.clock + std::chrono::seconds(1);
    world.from_p2(AskMember{gtid, {1}});
    CHECK(world.log.count(RecordType::kRefused) == 1);
    world.from_p2(AskMember{one_phase, {1}});
    CHECK(world.log.count(RecordType::kRefused) == 1);
  }
}

TEST_CASE("links are made to so many nodes that were never met, and to no more") {
  MembersWorld world;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    const auto gtid = world.two_phase(i);
    auto message = world.prepare(gtid);
    message.members = {{world.options.name, world.options.log_id, {1}, "127.0.0.1:7430"}};
    for (int j = 0; j < 62; ++j)
      message.members.push_back(
          {NodeName::from_trusted(fmt::format("n{}x{}", i, j)), {}, {}, "127.0.0.1:1"});
    world.deliver(std::move(message));
    world.executed(gtid, Vote::kCommit);
    world.sync();
  }
  for (int i = 0; i < 4; ++i) world.pass(std::chrono::milliseconds(130));
  std::size_t links = 0;
  for (const auto& [peer, address] : world.transport.addresses)
    links += address == "127.0.0.1:1" ? 1U : 0U;
  CHECK(links == participant::NamedLinks::kMost);
  CHECK(world.counter("links_refused") >= 4 * 62 - links);
}

TEST_CASE("whoever is no member does not end a conversation that its coordinator holds open") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  Execute piece;
  piece.gtid = gtid;
  piece.priority = {1, gtid};
  piece.time_left = std::chrono::seconds(10);
  piece.statements = {{"UPDATE t SET v = 1", {}, {}}};
  world.deliver(std::move(piece));
  world.link_to_c1(true);
  const auto before = world.state(gtid);
  world.from_p2(EngineWorld::abort(gtid));
  world.from_p2(AskMember{gtid, {1}});
  CHECK(world.state(gtid) == before);
  CHECK(world.log.count(RecordType::kRefused) == 0);
}

TEST_CASE("2PC: whoever voted yes decides nothing, and says so") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kTwo);
  world.from_p2(AskMember{gtid, {1}});
  CHECK(world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kPrepared);
  CHECK(world.state(gtid) == "prepared");
}

TEST_CASE("2PC: who may have voted READ_ONLY before a restart has no opinion") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kTwo, Vote::kReadOnly);
  world.from_p2(AskMember{gtid, {1}});
  CHECK(world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kReadOnly);
  world.restart();
  world.meet_p2();
  world.from_p2(AskMember{gtid, {1}});
  CHECK(world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kNoOpinion);
  CHECK(world.log.count(RecordType::kRefused) == 0);
}

TEST_CASE("2PC: two inquiries in vain, then the members are asked; their decision is adopted") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kTwo);
  for (int i = 0; i < 3; ++i) world.pass(std::chrono::milliseconds(130));
  CHECK(world.transport.last<AskMember>().named_epoch == Epoch{1});
  CHECK(world.transport.addresses.at(kP2) == "127.0.0.1:7440");
  SUBCASE("one knows") {
    world.from_p2(EngineWorld::commit(gtid));
    world.sync();
    CHECK(world.state(gtid) == "committed");
    CHECK(world.transport.last<Ack>().gtid == gtid);
    CHECK(world.transport.sent.back().to == world.c1);
  }
  SUBCASE("all are prepared: blocked, and the reason is given") {
    world.from_p2(MemberAnswer{gtid, MemberAnswer::Knows::kPrepared});
    CHECK(world.state(gtid) == "prepared");
    CHECK(world.explanation(gtid).find("All members prepared, coordinator c1 down") == 0);
  }
  SUBCASE("one does not answer") {
    CHECK(world.explanation(gtid).find("1 of 1 other members unreachable: p2") == 0);
  }
  SUBCASE("somebody else took the name of a member") {
    LogId other;
    other.bytes[0] = 99;
    world.from_p2(EngineWorld::abort(gtid), other);
    CHECK(world.state(gtid) == "prepared");
  }
}

TEST_CASE(
    "3PC: forced records and messages of a committed branch are exactly the documented ones") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  const auto forced = world.counter("forced_writes");
  const auto sent = world.counter("messages_sent");
  world.prepared(gtid, kThree);
  world.deliver(PreDecide{gtid, {1, world.c1}, Decision::kCommit, {1}});
  CHECK(world.transport.sent.empty());  // not before it is durable
  world.sync();
  CHECK(world.transport.last<PreDecided>().promised == Ballot{1, world.c1});
  world.deliver(EngineWorld::commit(gtid));
  world.sync();
  CHECK(world.state(gtid) == "committed");
  CHECK(world.counter("forced_writes") - forced == 3);  // PREPARED, PRECOMMITTED, COMMITTED
  CHECK(world.counter("messages_sent") - sent == 3);    // VOTE, PREDECIDED, ACK
}

TEST_CASE("3PC: the coordinator falls silent, a majority of two ends it") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kThree);
  Decision expected = Decision::kAbort;
  SUBCASE("nobody had precommitted") {}
  SUBCASE("this node had: the coordinator may have committed with it") {
    world.deliver(PreDecide{gtid, {1, world.c1}, Decision::kCommit, {1}});
    expected = Decision::kCommit;
  }
  world.sync();
  REQUIRE(world.wait_for(RecordType::kElected, std::chrono::seconds(3)));
  world.sync();
  const auto ballot = world.transport.last<Elect>().ballot;
  world.from_p2(Elected{gtid, ballot, ballot, MemberState::kWaiting, {}});
  world.sync();
  CHECK(world.transport.last<PreDecide>().decision == expected);
  CHECK(world.state(gtid) == "prepared");  // its own acceptance alone decides nothing
  world.from_p2(PreDecided{gtid, ballot, ballot});
  world.sync();
  CHECK(world.state(gtid) == (expected == Decision::kCommit ? "committed" : "aborted"));
  CHECK(world.counter("quorum_decided") == 1);
}

TEST_CASE("3PC: alone it blocks for ever and says who is missing") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kThree);
  world.sync();
  for (int i = 0; i < 100; ++i) {
    world.pass(std::chrono::milliseconds(300));
    world.sync();
  }
  CHECK(world.state(gtid) == "prepared");
  CHECK(world.explanation(gtid).find("2 of 3 members unreachable: c1, p2") == 0);
}

TEST_CASE("3PC: a coordinator that answers is not suspected") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kThree);
  for (int i = 0; i < 60; ++i) {
    world.pass(std::chrono::milliseconds(100));
    if (!world.transport.sent.empty())
      world.deliver(InquiryReply{gtid, InquiryReply::Answer::kUndecided});
    world.transport.take();
  }
  CHECK(world.log.count(RecordType::kElected) == 0);
}

TEST_CASE("3PC: promises and acceptances survive a crash and a checkpoint") {
  auto options = MembersWorld::faster();
  SUBCASE("crash") {}
  SUBCASE("checkpoint, then crash") {
    options.checkpoint_bytes = 1;
  }
  MembersWorld world(options);
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kThree);
  world.deliver(PreDecide{gtid, {1, world.c1}, Decision::kCommit, {1}});
  world.sync();
  world.from_p2(Elect{gtid, {5, kP2}, {1}});
  world.sync();
  world.sync();
  world.restart();
  world.hello();
  world.meet_p2();
  world.from_p2(Elect{gtid, {6, kP2}, {1}});
  world.sync();
  const auto elected = world.transport.last<Elected>();
  CHECK(elected.state == MemberState::kPrecommitted);
  CHECK(elected.last_attempt == Ballot{1, world.c1});
  world.deliver(PreDecide{gtid, {4, world.c1}, Decision::kAbort, {1}});
  world.sync();
  CHECK(world.transport.last<PreDecided>().promised == Ballot{6, kP2});  // refused
}

TEST_CASE("3PC: who only reads is a member with a record, and has nothing to apply") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.deliver(world.prepare_of(gtid, kThree));
  world.executed(gtid, Vote::kReadOnly);
  CHECK(world.log.count(RecordType::kPrepared) == 1);
  world.sync();
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kCommit);
  world.worker.jobs.clear();
  world.deliver(EngineWorld::commit(gtid, AnswerAt::kApplied));
  world.sync();
  CHECK(world.worker.names().find("apply") == std::string::npos);
  CHECK(world.transport.last<Ack>().gtid == gtid);
}

TEST_CASE("3PC: PRECOMMIT of what was never prepared here is lost memory, never an answer") {
  MembersWorld world;
  world.deliver(PreDecide{world.two_phase(1), {1, world.c1}, Decision::kCommit, {1}});
  world.sync();
  CHECK(world.counter("amnesia_alarms") == 1);
  CHECK(world.log.count(RecordType::kRefused) == 0);
}

TEST_CASE("an adopted copy takes no part in what names it before, nor where it holds no trace") {
  MembersWorld world;
  const Record adopted{AdoptedRecord{{65'538}, {}, 1}};
  world.log.append(type_of(adopted), encode(adopted), Force::kYes);
  world.sync();
  world.options.epoch = {65'537};
  world.restart();
  world.hello();
  world.meet_p2();
  world.transport.take();
  const auto gtid = world.two_phase(1);
  SUBCASE("ballots") {
    world.from_p2(Elect{gtid, {5, kP2}, {1}});
    world.from_p2(Elect{gtid, {5, kP2}, {40'000}});  // a life that the copy has not seen
    world.from_p2(PreDecide{gtid, {5, kP2}, Decision::kAbort, {1}});
    world.sync();
    CHECK(world.transport.sent.empty());
    CHECK(world.log.count(RecordType::kRefused) == 0);
    CHECK(world.counter("promises_withheld") == 3);
    world.c1_falls_silent();
    world.from_p2(Elect{gtid, {5, kP2}, {65'538}});  // named since
    world.sync();
    CHECK(world.log.count(RecordType::kRefused) == 1);
  }
  SUBCASE("inquiries") {
    world.from_p2(AskMember{gtid, {1}});
    world.sync();
    CHECK(world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kNoOpinion);
  }
  SUBCASE("votes") {
    auto prepare = world.prepare_of(gtid, kThree);
    for (auto& member : prepare.members)
      if (member.name == world.options.name) member.epoch = {1};
    world.deliver(prepare);
    world.sync();
    CHECK(world.worker.jobs.empty());
    CHECK(world.transport.last<VoteMessage>().reason.code == AbortCode::kStaleEpoch);
  }
}

TEST_CASE("what its coordinator ended and this node forgot is called ended to whoever asks") {
  MembersWorld world;
  world.deliver(EngineWorld::abort(world.two_phase(50)));  // c1 is no guest
  const auto gtid = world.two_phase(1);
  const auto ended = [&](std::vector<Gtid> unfinished) {
    Batch batch;
    batch.header = {
        world.c1, {world.coordinator_id, {1}, {100}}, world.options.epoch, world.two_phase(10)};
    batch.header.unfinished_version = unfinished.empty() ? 0 : 1;
    batch.header.unfinished = std::make_shared<const std::vector<Gtid>>(std::move(unfinished));
    world.engine->on_batch(batch, world.now());
  };
  const auto ask = [&](Message message) {
    world.from_p2(std::move(message));
    world.sync();
  };
  SUBCASE("two-phase; this node forgot its NO, or never saw it") {
    ended({});
    ask(AskMember{gtid, {1}, {90}});
    CHECK(world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kEnded);
    CHECK(world.log.count(RecordType::kRefused) == 0);
  }
  SUBCASE("three-phase") {
    ended({});
    ask(Elect{gtid, {5, kP2}, {1}, {90}});
    CHECK(world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kEnded);
  }
  SUBCASE("not if the one that asks has seen more of the coordinator's log: it may be an old one") {
    ended({});
    ask(AskMember{gtid, {1}, {101}});
    ask(AskMember{gtid, {1}});  // an older version does not say
    CHECK(world.transport.sent.empty());
  }
  SUBCASE("not while its coordinator lists it as unfinished: a lost participant may lack it") {
    ended({gtid});
    world.deliver(world.prepare_of(gtid, kTwo));
    world.executed(gtid, Vote::kCommit);
    world.sync();
    world.deliver(EngineWorld::commit(gtid));
    world.sync();
    world.worker_says(participant::Flushed{world.log.durable()});
    ended({gtid});
    world.transport.take();
    ask(AskMember{gtid, {1}, {90}});
    CHECK(world.transport.last<Decide>().decision == Decision::kCommit);
  }
}

TEST_CASE("whoever is in doubt and hears that it is ended aborts, and nobody else does") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  const MemberAnswer ended{gtid, MemberAnswer::Knows::kEnded};
  auto protocol = kTwo;
  SUBCASE("two-phase") {}
  SUBCASE("three-phase") {
    protocol = kThree;
  }
  world.prepared(gtid, protocol);
  const auto tell = [&] {
    world.from_p2(ended);
    world.sync();
  };
  SUBCASE("in doubt") {
    tell();
    CHECK(world.state(gtid) == "aborted");
  }
  SUBCASE("it has committed meanwhile: a late answer to an old question") {
    world.deliver(EngineWorld::commit(gtid));
    world.sync();
    tell();
    CHECK(world.state(gtid) == "committed");
    CHECK(world.engine->status(world.now()).alarms.empty());
  }
  SUBCASE("found in the log at the start: its log may have been put back") {
    world.restart();
    world.hello();
    world.meet_p2();
    tell();
    CHECK(world.state(gtid) == "prepared");
  }
}

TEST_CASE("a member that has restarted since it voted does not ask for what is merely ended") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kTwo);
  SUBCASE("up since") {
    for (int i = 0; i < 3; ++i) world.pass(std::chrono::milliseconds(130));
    CHECK(world.transport.last<AskMember>().coordinator_seen == Lsn{100});
  }
  SUBCASE("restarted: its log may have been put back, and its acknowledgement be missing") {
    world.restart();
    world.hello();
    world.meet_p2();
    for (int i = 0; i < 5; ++i) world.pass(std::chrono::milliseconds(130));
    CHECK(world.transport.last<AskMember>().coordinator_seen == Lsn{});
  }
}

TEST_CASE(
    "3PC: prepared before the adoption is told from the branch itself, not from the order of "
    "records") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  world.prepared(gtid, kThree);
  std::string prepared;
  for (const auto& entry : world.log.entries)
    if (entry.type == RecordType::kPrepared) prepared = entry.payload;
  const Record adopted{AdoptedRecord{{65'538}, {}, 1}};
  world.log.append(type_of(adopted), encode(adopted), Force::kYes);
  // A checkpoint copies it, and a crash keeps this copy alone.
  world.log.append(RecordType::kPrepared, prepared, Force::kYes);
  world.sync();
  world.options.epoch = {65'537};
  world.restart();
  world.hello();
  world.meet_p2();
  world.transport.take();
  world.from_p2(Elect{gtid, {5, kP2}, {1}});
  world.sync();
  CHECK(world.log.count(RecordType::kElected) == 0);
  CHECK(world.state(gtid) == "prepared");
}

TEST_CASE("a decision by hand binds its own database: the other members never hear it") {
  MembersWorld world;
  const auto gtid = world.two_phase(1);
  auto protocol = kTwo;
  SUBCASE("two-phase") {}
  SUBCASE("three-phase") {
    protocol = kThree;
  }
  world.prepared(gtid, protocol);
  const auto ask = [&](std::uint32_t round) {
    world.transport.take();
    if (protocol == kTwo) {
      world.from_p2(AskMember{gtid, {1}});
    } else {
      world.from_p2(Elect{gtid, {round, kP2}, {1}});
    }
    world.sync();
  };
  const auto said_nothing = [&] {
    if (protocol == kThree) return world.transport.sent.empty();
    return world.transport.last<MemberAnswer>().knows == MemberAnswer::Knows::kPrepared;
  };
  ResolveRequest request;
  request.id = gtid.text();
  request.decision = Decision::kAbort;
  request.by = {"ann", "c1 is gone"};
  request.confirm = gtid.text().substr(20);
  request.revision = world.engine->show(gtid.text(), world.now())->revision;
  bool done = false;
  world.engine->resolve(
      request, [&](const auto& reply) { done = reply.has_value(); }, world.now());
  world.sync();
  REQUIRE(done);
  ask(2);
  CHECK(said_nothing());
  SUBCASE("also not after a restart") {
    world.restart();
    world.hello();
    world.meet_p2();
    ask(3);
    CHECK(said_nothing());
  }
  SUBCASE("the truth is told on as soon as it is known") {
    world.from_p2(EngineWorld::commit(gtid));
    ask(4);
    CHECK(world.transport.last<Decide>().decision == Decision::kCommit);
  }
}
