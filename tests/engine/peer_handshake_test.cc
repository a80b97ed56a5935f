// The continuity handshake: whose word counts, what a greeting leaves behind, and who is refused.
#include "engine/peer_handshake.h"

#include <doctest/doctest.h>

#include "os/node_key.h"
#include "tests/engine/names.h"

using namespace troth;
using namespace troth::protocol;
using tests::log_id;
using tests::name;

namespace {

Gtid gtid_of(std::uint8_t log) {
  return {CoordinatorTag::of(log_id(log)), {1}, 1, Decider::kCoordinator};
}

PeerHandshake coordinator() {
  PeerHandshake out({name("c1"), Role::kCoordinator, "", log_id(1), {3}});
  out.configure(name("p1"), "127.0.0.1:1", Role::kParticipant);
  return out;
}
/// A participant that any coordinator of the cluster may use.
PeerHandshake open_participant() {
  return PeerHandshake({name("p1"), Role::kParticipant, "", log_id(9), {3}});
}

Hello greeting(const std::string& from, const std::string& to, std::uint8_t log, Epoch epoch,
               Lsn durable, NodePosition seen_of_us = {}) {
  Hello hello;
  hello.name = name(from);
  hello.role = from[0] == 'p' ? Role::kParticipant : Role::kCoordinator;
  hello.position = {log_id(log), epoch, durable};
  hello.seen_of_receiver = seen_of_us;
  hello.receiver = name(to);
  hello.address = "127.0.0.1:9";
  return hello;
}
Hello hello_from_p1(Epoch epoch, Lsn durable, NodePosition seen_of_us = {}) {
  return greeting("p1", "c1", 9, epoch, durable, seen_of_us);
}
BatchHeader batch_from(const std::string& from, std::uint8_t log, Epoch epoch = {1}) {
  return {name(from), {log_id(log), epoch, {5}}, {3}, {}, kPeerProtocolVersion};
}

}  // namespace

TEST_CASE("continuity: whose log ends before what the other has seen of it") {
  struct Row {
    const char* what;
    NodePosition seen_of_us;  // what p1 claims to have seen of c1
    Epoch epoch;              // of p1, known here in epoch 5 at LSN 50
    std::uint64_t durable;
    HelloVerdict verdict;
    bool lost_memory;
  };
  const auto disputed = HelloVerdict::kReceiverDisputed;
  const Row rows[] = {
      {"first meeting of its view", {}, {5}, 50, HelloVerdict::kWelcome, false},
      {"agrees", {log_id(1), {3}, {100}}, {5}, 60, HelloVerdict::kWelcome, false},
      {"restarted", {log_id(1), {2}, {90}}, {6}, 60, HelloVerdict::kWelcome, false},
      {"saw more of us than there is", {log_id(1), {3}, {101}}, {5}, 60, disputed, true},
      {"saw a later epoch of us", {log_id(1), {4}, {10}}, {5}, 60, disputed, true},
      {"knows us by another log", {log_id(2), {9}, {999}}, {5}, 60, disputed, false},
      {"is an older incarnation",
       {log_id(1), {9}, {999}},
       {4},
       60,
       HelloVerdict::kStaleEpoch,
       false},
      {"lost the end of its log",
       {log_id(1), {9}, {999}},
       {6},
       49,
       HelloVerdict::kSenderLostMemory,
       false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    auto table = coordinator();
    table.adopt({name("p1"), Role::kParticipant, {log_id(9), {5}, {50}}, ""});
    HelloReply reply;
    const auto judgement =
        table.on_hello(hello_from_p1(row.epoch, {row.durable}, row.seen_of_us), {100}, reply);
    CHECK(reply.verdict == row.verdict);
    CHECK(judgement.lost_memory.has_value() == row.lost_memory);
    CHECK(judgement.refusal.empty() == (row.verdict == HelloVerdict::kWelcome));
    CHECK(reply.seen_of_sender.durable == Lsn{50});
  }
}

TEST_CASE("a greeting that was overtaken is late; said twice in a row it is lost memory") {
  auto table = coordinator();
  table.adopt({name("p1"), Role::kParticipant, {log_id(9), {5}, {50}}, ""});
  const auto greet = [&](std::uint64_t durable) {
    HelloReply reply;
    const auto judgement = table.on_hello(hello_from_p1({5}, {durable}), {100}, reply);
    CHECK(judgement.refusal.empty() == (reply.verdict == HelloVerdict::kWelcome));
    return reply.verdict;
  };
  CHECK(greet(49) == HelloVerdict::kNotReady);
  CHECK(greet(51) == HelloVerdict::kWelcome);
  CHECK(greet(50) == HelloVerdict::kNotReady);
  CHECK(greet(50) == HelloVerdict::kSenderLostMemory);
  CHECK(greet(50) == HelloVerdict::kSenderLostMemory);
  CHECK(greet(51) == HelloVerdict::kWelcome);
}

TEST_CASE("a claim is no evidence unless its peer is configured and its log was met") {
  HelloReply reply;
  const NodePosition more{log_id(1), {9}, {999}};
  auto table = coordinator();
  CHECK_FALSE(table.on_hello(hello_from_p1({1}, {1}, more), {100}, reply).lost_memory);
  CHECK(reply.verdict == HelloVerdict::kReceiverDisputed);
  CHECK(table.position_of(name("p1")).log_id.is_nil());  // it has not become one that was met
  REQUIRE(table.on_hello(hello_from_p1({1}, {1}), {100}, reply).refusal.empty());
  CHECK(table.on_hello(hello_from_p1({1}, {1}, more), {100}, reply).lost_memory);

  HelloReply said;
  said.verdict = HelloVerdict::kSenderLostMemory;
  said.name = name("p1");
  said.position = {log_id(9), {1}, {1}};
  said.seen_of_sender = more;
  CHECK(table.on_reply(name("p1"), said, {100}).lost_memory);
  said.position.log_id = log_id(8);  // the address leads to a namesake
  CHECK_FALSE(table.on_reply(name("p1"), said, {100}).lost_memory);
  said.position.log_id = log_id(9);
  said.cluster = "other";
  CHECK_FALSE(table.on_reply(name("p1"), said, {100}).lost_memory);
}

TEST_CASE(
    "one configured peer that only says so stops nobody: it must show the node's own receipt") {
  const auto key = NodeKey::make();
  PeerHandshake table({name("c1"), Role::kCoordinator, "", key->log_id(), {3}, key.get()});
  table.configure(name("p1"), "127.0.0.1:1", Role::kParticipant);
  table.adopt({name("p1"), Role::kParticipant, {log_id(9), {5}, {50}}, ""});
  NodePosition more{key->log_id(), {3}, {999}};
  HelloReply reply;
  SUBCASE("no receipt") {}
  SUBCASE("the receipt of another position") {
    more.receipt = key->receipt({key->log_id(), {3}, {100}});
  }
  SUBCASE("a receipt of another node") {
    more.receipt = NodeKey::make()->receipt(more);
  }
  auto judgement = table.on_hello(hello_from_p1({5}, {60}, more), {100}, reply);
  CHECK_FALSE(judgement.lost_memory);
  CHECK(reply.verdict == HelloVerdict::kReceiverDisputed);
  CHECK(judgement.alarm.find("shows no receipt of this log") != std::string::npos);
  more.receipt = key->receipt(more);  // an earlier life said so
  judgement = table.on_hello(hello_from_p1({5}, {60}, more), {100}, reply);
  CHECK(judgement.lost_memory);
}

TEST_CASE("a peer keeps the receipt of the furthest position, and shows it") {
  const auto key = NodeKey::make();
  const OwnPosition c1(key->log_id(), {3}, key.get());
  PeerHandshake p1({name("p1"), Role::kParticipant, "", log_id(9), {5}});
  p1.configure(name("c1"), "127.0.0.1:1", Role::kCoordinator);
  HelloReply reply;
  Hello hello = greeting("c1", "p1", 1, {3}, {100});
  hello.position = c1.at({100});
  REQUIRE(p1.on_hello(hello, {60}, reply).refusal.empty());
  BatchHeader header{name("c1"), c1.at({140}), {5}, {}, kPeerProtocolVersion};
  REQUIRE(p1.on_batch(header).refusal.empty());
  header.position = c1.at({120});  // overtaken
  REQUIRE(p1.on_batch(header).refusal.empty());
  const auto shown = p1.make_hello(name("c1"), "", {60}).seen_of_receiver;
  CHECK(shown == c1.at({140}));
}

TEST_CASE("a log that was put back and started often enough to be longer is found out") {
  HelloReply reply;
  recovery::Lives lives;
  lives.begin({1}, {10});
  lives.begin({2}, {40});
  auto table = coordinator();  // in epoch 3
  table.adopt({name("p1"), Role::kParticipant, {log_id(9), {5}, {50}}, ""});
  table.adopt(lives, {}, {70});
  const auto claimed = [&](NodePosition seen) {
    const auto judgement = table.on_hello(hello_from_p1({5}, {60}, seen), {100}, reply);
    CHECK(judgement.refusal.empty() != judgement.lost_memory.has_value());
    return judgement.lost_memory.has_value();
  };
  CHECK_FALSE(claimed({log_id(1), {1}, {39}}));
  CHECK_FALSE(claimed({log_id(1), {3}, {100}}));
  CHECK(claimed({log_id(1), {1}, {60}}));
  CHECK(claimed({log_id(1), {2}, {90}}));
  // The operator says that p1 is wrong: that counts for what it said, and no further.
  const ClaimRecord dismissed{
      name("p1"), log_id(9), {log_id(1), {2}, {90}}, {}, {}, ClaimRecord::Standing::kDismissed, {}};
  table.adopt(std::map<NodeName, ClaimRecord>{{name("p1"), dismissed}});
  CHECK_FALSE(claimed({log_id(1), {2}, {90}}));
  CHECK(claimed({log_id(1), {2}, {91}}));
}

TEST_CASE("what a guest said before it restarted does not take its present epoch back") {
  auto table = open_participant();
  HelloReply reply;
  REQUIRE(table.on_hello(greeting("p2", "p1", 7, {1}, {80}), {100}, reply).refusal.empty());
  HelloReply said;
  said.verdict = HelloVerdict::kWelcome;
  said.name = name("p2");
  said.role = Role::kParticipant;
  said.position = {log_id(7), {2}, {90}};
  REQUIRE(table.on_reply(name("p2"), said, {100}).refusal.empty());
  table.accept(name("p2"));
  CHECK(table.position_of(name("p2")).epoch == Epoch{2});
  CHECK(table.position_of(name("p2")).durable == Lsn{90});
}

TEST_CASE("a configured peer that answers at its address is believed though its log was not met") {
  auto table = coordinator();
  HelloReply said;
  said.verdict = HelloVerdict::kSenderLostMemory;
  said.name = name("p1");
  said.position = {log_id(9), {1}, {1}};
  said.seen_of_sender = {log_id(1), {9}, {999}};
  CHECK(table.on_reply(name("p1"), said, {100}).lost_memory);
}

TEST_CASE(
    "the claim of a coordinator that nobody configured holds back its own transactions only") {
  auto table = open_participant();
  HelloReply reply;
  REQUIRE(table.on_hello(greeting("c1", "p1", 1, {1}, {1}), {100}, reply).refusal.empty());
  REQUIRE(table.accept(name("c1")).to_append.size() == 1);
  const auto judgement =
      table.on_hello(greeting("c1", "p1", 1, {1}, {1}, {log_id(9), {3}, {101}}), {100}, reply);
  CHECK_FALSE(judgement.lost_memory);
  CHECK_FALSE(judgement.alarm.empty());
  CHECK(table.disputed(CoordinatorTag::of(log_id(1))));
  CHECK(table.standing(name("c1"), gtid_of(1)) == PeerStanding::kStranger);
  CHECK_FALSE(table.disputed(CoordinatorTag::of(log_id(2))));
  CHECK(table.on_hello(greeting("c1", "p1", 1, {1}, {1}, {log_id(9), {3}, {99}}), {100}, reply)
            .refusal.empty());
  CHECK_FALSE(table.disputed(CoordinatorTag::of(log_id(1))));
}

TEST_CASE("who else may not speak") {
  auto table = coordinator();
  HelloReply reply;
  const NodePosition more{log_id(1), {9}, {999}};
  CHECK_FALSE(table.on_hello(greeting("p9", "c1", 9, {1}, {1}, more), {1}, reply).lost_memory);
  CHECK(reply.verdict == HelloVerdict::kUnknownSender);
  auto lost = hello_from_p1({1}, {1}, more);
  lost.receiver = name("c2");
  CHECK_FALSE(table.on_hello(lost, {1}, reply).lost_memory);  // it meant somebody else
  CHECK(reply.verdict == HelloVerdict::kWrongReceiver);
  auto future = hello_from_p1({1}, {1}, {});
  const auto newest = kPeerVersions.newest;
  for (const auto& versions : {PeerVersions{newest + 1, newest + 2}, PeerVersions{1, 2}}) {
    future.versions = versions;
    CHECK_FALSE(table.on_hello(future, {1}, reply).refusal.empty());
    CHECK(reply.verdict == HelloVerdict::kVersionMismatch);
  }
  HelloReply welcome;
  REQUIRE(table.on_hello(hello_from_p1({1}, {1}), {1}, welcome).refusal.empty());
  CHECK(welcome.version == newest);
  auto old = hello_from_p1({1}, {1});
  old.versions = {3, 3};  // 0.1.0
  REQUIRE(table.on_hello(old, {1}, welcome).refusal.empty());
  CHECK(welcome.version == 3);
  auto replaced = hello_from_p1({2}, {1});
  replaced.position.log_id = log_id(8);
  CHECK_FALSE(table.on_hello(replaced, {1}, reply).refusal.empty());
  CHECK(reply.verdict == HelloVerdict::kSenderLogReplaced);
}

TEST_CASE("the cluster is looked at before anything else, and nothing is told") {
  auto table = coordinator();
  table.adopt({name("p1"), Role::kParticipant, {log_id(9), {5}, {50}}, ""});
  auto hello = hello_from_p1({5}, {60}, {log_id(1), {9}, {999}});
  hello.cluster = "test";
  HelloReply reply;
  const auto judgement = table.on_hello(hello, {100}, reply);
  CHECK(reply.verdict == HelloVerdict::kWrongCluster);
  CHECK(judgement.refusal == "c1 belongs to cluster default, p1 to cluster test");
  CHECK_FALSE(judgement.lost_memory);
  CHECK(reply.position.log_id.is_nil());
  CHECK(reply.seen_of_sender.log_id.is_nil());
  hello.cluster = "default";  // what a node of an earlier version means by saying nothing
  hello.seen_of_receiver = {};
  CHECK(table.on_hello(hello, {100}, reply).refusal.empty());
}

TEST_CASE("a greeting leaves nothing behind until the guest sends what it may send") {
  auto table = open_participant();
  HelloReply reply;
  for (int i = 0; i < 3000; ++i) {
    const auto judgement =
        table.on_hello(greeting("n" + std::to_string(i), "p1", 2, {1}, {1}), {1}, reply);
    CHECK(reply.verdict == HelloVerdict::kWelcome);
    CHECK(judgement.to_append.empty());
    CHECK(judgement.reach_at.empty());
  }
  CHECK(table.records().empty());
  CHECK_FALSE(table.on_batch(batch_from("n5", 2)).refusal.empty());  // made room for later ones
  CHECK(table.on_batch(batch_from("n2999", 2)).refusal.empty());
  const auto accepted = table.accept(name("n2999"));
  CHECK(accepted.reach_at == "127.0.0.1:9");
  CHECK(accepted.to_append.size() == 1);
  CHECK(table.records().size() == 1);
}

TEST_CASE("only so many are accepted that nobody configured") {
  auto table = open_participant();
  HelloReply reply;
  for (std::size_t i = 0; i <= PeerHandshake::kMaxAccepted; ++i) {
    const auto guest = "n" + std::to_string(i);
    static_cast<void>(table.on_hello(greeting(guest, "p1", 2, {1}, {1}), {1}, reply));
    CHECK(table.accept(name(guest)).refusal.empty() == (i < PeerHandshake::kMaxAccepted));
  }
}

TEST_CASE("a coordinator hears a participant that it has met and does not name any more") {
  PeerHandshake table({name("c1"), Role::kCoordinator, "", log_id(1), {3}});
  HelloReply reply;
  CHECK_FALSE(table.on_hello(greeting("p1", "c1", 5, {1}, {1}), {1}, reply).refusal.empty());
  table.adopt({name("p1"), Role::kParticipant, {log_id(5), {1}, {1}}, ""});
  auto hello = greeting("p1", "c1", 5, {1}, {1});
  hello.role = Role::kParticipant;
  CHECK(table.on_hello(hello, {1}, reply).refusal.empty());
  CHECK(table.on_batch(batch_from("p1", 5)).refusal.empty());
  // Its word about this log is no evidence.
  hello.position.durable = {5};
  hello.seen_of_receiver = {log_id(1), {9}, {999}};
  CHECK_FALSE(table.on_hello(hello, {1}, reply).lost_memory);
  CHECK(reply.verdict == HelloVerdict::kReceiverDisputed);
}

TEST_CASE("one configured coordinator closes the door to the others") {
  auto table = open_participant();
  table.configure(name("c1"), "127.0.0.1:7", Role::kCoordinator);
  HelloReply reply;
  CHECK_FALSE(table.on_hello(greeting("c2", "p1", 2, {1}, {1}), {1}, reply).refusal.empty());
  CHECK(reply.verdict == HelloVerdict::kUnknownSender);
  CHECK_FALSE(table.on_hello(greeting("p2", "p1", 5, {1}, {1}), {1}, reply).refusal.empty());
  auto hello = greeting("c1", "p1", 1, {1}, {1});
  hello.participants = {{name("p1"), log_id(9), {3}, ""}, {name("p2"), log_id(5), {1}, ""}};
  const auto judgement = table.on_hello(hello, {1}, reply);
  CHECK(judgement.refusal.empty());
  CHECK(judgement.to_append.size() == 2);                // c1, and p2 that it names
  CHECK(table.address_of(name("c1")) == "127.0.0.1:7");  // configuration wins
  CHECK(table.on_hello(greeting("p2", "p1", 5, {1}, {1}), {1}, reply).refusal.empty());
}

TEST_CASE("how a sender stands to a gtid") {
  auto table = open_participant();
  HelloReply reply;
  auto from_c1 = greeting("c1", "p1", 1, {1}, {1});
  from_c1.participants = {{name("p2"), log_id(5), {1}, ""}};
  static_cast<void>(table.on_hello(from_c1, {1}, reply));
  static_cast<void>(table.on_hello(greeting("evil", "p1", 2, {1}, {1}), {1}, reply));
  static_cast<void>(table.on_hello(greeting("p2", "p1", 5, {1}, {1}), {1}, reply));
  CHECK(table.standing(name("c1"), gtid_of(1)) == PeerStanding::kCoordinator);
  CHECK(table.standing(name("p2"), gtid_of(1)) == PeerStanding::kPeer);  // c1 has named it
  CHECK(table.standing(name("p2"), gtid_of(2)) == PeerStanding::kStranger);
  CHECK(table.standing(name("evil"), gtid_of(1)) == PeerStanding::kStranger);
  CHECK(table.standing(name("evil"), gtid_of(2)) == PeerStanding::kCoordinator);
  CHECK(table.standing(name("nobody"), gtid_of(1)) == PeerStanding::kStranger);
}

TEST_CASE("a refusal is news once, until a greeting is welcome or the reason changes") {
  auto table = coordinator();
  HelloReply reply;
  CHECK_FALSE(table.on_hello(hello_from_p1({2}, {5}), {1}, reply).repeated);
  auto misdirected = hello_from_p1({2}, {5});
  misdirected.receiver = name("somebody");
  CHECK_FALSE(table.on_hello(misdirected, {1}, reply).repeated);
  CHECK(table.on_hello(misdirected, {1}, reply).repeated);
  CHECK(table.refusal_of(name("p1")) == "this is c1, not somebody");
  CHECK_FALSE(table.on_hello(hello_from_p1({1}, {5}), {1}, reply).repeated);  // stale: another
  CHECK_FALSE(table.on_hello(hello_from_p1({2}, {5}), {1}, reply).repeated);
  CHECK(table.refusal_of(name("p1")).empty());
  CHECK_FALSE(table.on_hello(misdirected, {1}, reply).repeated);
}

TEST_CASE("a greeting is written down when it brings news, and batches are held to it") {
  auto table = coordinator();
  auto header = batch_from("p1", 9);
  CHECK_FALSE(table.on_batch(header).refusal.empty());  // has not introduced itself
  HelloReply reply;
  CHECK_FALSE(table.on_hello(hello_from_p1({1}, {5}), {1}, reply).to_append.empty());
  CHECK(table.on_hello(hello_from_p1({1}, {6}), {1}, reply).to_append.empty());
  CHECK(table.on_batch(header).refusal.empty());
  const auto restarted = table.on_hello(hello_from_p1({2}, {7}), {1}, reply);
  CHECK(restarted.restarted);
  CHECK_FALSE(restarted.to_append.empty());
  CHECK_FALSE(table.on_batch(header).refusal.empty());  // epoch 1 is over
  header.position.epoch = {2};
  header.receiver_epoch = {2};
  CHECK_FALSE(table.on_batch(header).refusal.empty());  // meant for this node's last life
  header.receiver_epoch = {3};
  CHECK(table.on_batch(header).refusal.empty());
}
