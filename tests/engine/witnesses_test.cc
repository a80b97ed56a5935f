// Lost memory of a peer: who is believed, what ends it, and that a restart does not.
#include "engine/witnesses.h"

#include <doctest/doctest.h>

#include "os/node_key.h"
#include "protocol/record.h"
#include "tests/engine/names.h"
#include "tests/support/recording_log.h"

using namespace troth;
using namespace troth::protocol;
using tests::log_id;
using tests::name;

namespace {

constexpr Now kNow{{}, {1000}};

struct World {
  tests::RecordingLog log;
  Reports reports{Logger()};
  OperatorDesk desk{log, reports};
  std::shared_ptr<const NodeKey> key = NodeKey::make();
  PeerHandshake peers{{name("c1"), Role::kCoordinator, "", key->log_id(), {3}, key.get()}};

  World() {
    peers.configure(name("p1"), "127.0.0.1:1", Role::kParticipant);
    answer(9, 50);
  }
  void answer(std::uint8_t log_of_p1, std::uint64_t durable, NodePosition seen_of_us = {}) {
    HelloReply reply;
    reply.seen_of_sender = seen_of_us;
    reply.name = name("p1");
    reply.role = Role::kParticipant;
    reply.verdict = HelloVerdict::kWelcome;
    reply.position = {log_id(log_of_p1), {5}, {durable}};
    Witnesses(desk, reports).judge(peers.on_reply(name("p1"), reply, {100}), name("p1"), kNow);
  }
  void greet(std::uint8_t log_of_p1, std::uint64_t durable) {
    Hello hello;
    hello.name = name("p1");
    hello.role = Role::kParticipant;
    hello.receiver = name("c1");
    hello.position = {log_id(log_of_p1), {5}, {durable}};
    HelloReply reply;
    Witnesses(desk, reports).judge(peers.on_hello(hello, {100}, reply), name("p1"), kNow);
  }
  std::vector<std::string> alarms() const { return reports.alarms().texts(); }
  std::uint64_t counted() const {
    const auto all = reports.counters().all();
    const auto found = all.find("amnesia_alarms");
    return found == all.end() ? 0 : found->second;
  }
  /// As a restart reads it.
  recovery::OperatorTables reread() const {
    recovery::OperatorTables tables;
    for (const auto& entry : log.entries)
      recovery::replay(tables, *decode(static_cast<std::uint8_t>(entry.type), entry.payload));
    return tables;
  }
};

}  // namespace

TEST_CASE("an older log is an alarm, counted, and in the log") {
  World world;
  world.answer(9, 30);
  CHECK(world.alarms().empty());  // it may be a greeting that was only late
  world.answer(9, 30);
  REQUIRE(world.alarms().size() == 1);
  CHECK(world.alarms()[0].find("p1 lost memory: the log of p1 was seen at LSN 50, it now ends at "
                               "30 (noticed 1970-01-01T00:00:01Z)") == 0);
  CHECK(world.counted() == 1);
  world.answer(9, 31);
  CHECK(world.alarms().size() == 1);
  CHECK(world.reread().witnessed.count("p1") == 1);
}

TEST_CASE("another log under the old name is one too") {
  World world;
  world.answer(8, 500);
  world.answer(8, 500);
  REQUIRE(world.alarms().size() == 1);
  CHECK(world.alarms()[0].find("is known here by the log") != std::string::npos);
}

TEST_CASE("a late greeting is none: the next one agrees") {
  World world;
  world.answer(9, 30);
  world.answer(9, 60);
  world.answer(9, 40);
  CHECK(world.alarms().empty());
}

TEST_CASE("who only greets under its name proves nothing: it may be any process") {
  World world;
  world.greet(8, 30);
  world.greet(8, 30);
  CHECK(world.alarms().empty());
  CHECK(world.reread().witnessed.empty());
}

TEST_CASE("a restart shows it again and counts it again; the newest log disproves it") {
  World before;
  before.answer(9, 30);
  before.answer(9, 30);
  World world;
  world.desk.adopt(before.reread());
  Witnesses(world.desk, world.reports).adopt();
  CHECK(world.alarms() == before.alarms());
  CHECK(world.counted() == 1);
  world.answer(9, 70);
  CHECK(world.alarms().empty());
  CHECK(world.reread().witnessed.empty());
  CHECK(world.desk.book().audit(1)[0].result == "disproved");
}

TEST_CASE("a checkpoint keeps it, however long ago the trail forgot it") {
  World world;
  world.answer(9, 30);
  world.answer(9, 30);
  for (int i = 0; i < 600; ++i) world.desk.audit("retry", "", "ok", {"ann", ""}, {{}, {2000 + i}});
  world.log.entries.clear();
  world.desk.book().copy_forward();
  CHECK(world.reread().witnessed.count("p1") == 1);
}

TEST_CASE("who is drained survives a checkpoint that a crash cut off anywhere") {
  World world;
  const Operator ann{"ann", ""};
  world.desk.audit("drain", "p1", "ok", ann, {{}, {1}});
  world.desk.audit("resume", "p1", "ok", ann, {{}, {2}});
  world.desk.audit("drain", "p1", "ok", ann, {{}, {3}});
  world.desk.book().copy_forward();
  while (world.log.entries.size() > 3) {
    CHECK(world.reread().drained.count("p1") == 1);
    world.log.entries.pop_back();
  }
}

TEST_CASE("a peer that claims more of this log without a receipt is one alarm, until it agrees") {
  World world;
  for (std::uint64_t more = 500; more < 600; ++more)
    world.answer(9, 50, {world.key->log_id(), {3}, {more}});
  REQUIRE(world.alarms().size() == 1);
  CHECK(world.alarms()[0].find("p1 has seen the log of c1 reach LSN 500") == 0);
  CHECK(world.counted() == 0);  // nothing was lost
  world.answer(9, 50, {world.key->log_id(), {3}, {90}});
  CHECK(world.alarms().empty());
}
