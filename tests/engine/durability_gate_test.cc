#include "engine/durability_gate.h"

#include "doctest/doctest.h"
#include "tests/support/recording_log.h"
#include "tests/support/recording_transport.h"

namespace troth {
namespace {

using namespace protocol;

NodeName name(const char* text) {
  return NodeName::from_trusted(text);
}
Gtid gtid(std::uint64_t sequence) {
  return Gtid({}, Epoch{1}, sequence, Decider::kCoordinator);
}

struct World {
  tests::RecordingLog log;
  tests::RecordingTransport transport;
  Reports reports{Logger()};
  Standing standing;
  DurabilityGate gate{log, transport, standing, reports};

  static DurabilityGate::Held ack(std::uint64_t sequence, const char* to = "p1") {
    DurabilityGate::Held held;
    held.gtid = gtid(sequence);
    held.promises.emplace_back(name(to), Ack{held.gtid});
    return held;
  }
  /// Sends what is due; the sequence numbers in that order.
  std::vector<std::uint64_t> open(Lsn durable) {
    std::vector<std::uint64_t> out;
    while (auto due = gate.take_due(durable)) {
      out.push_back(due->gtid().sequence());
      gate.send(std::move(*due));
    }
    return out;
  }
};

TEST_CASE("a promise leaves when its record is durable, in the order of the log") {
  World world;
  const Lsn first = world.log.append(RecordType::kPrepared, "a", Force::kYes);
  const Lsn second = world.log.append(RecordType::kPrepared, "b", Force::kYes);
  CHECK(!world.gate.hold(second, World::ack(2, "p2")));
  CHECK(!world.gate.hold(first, World::ack(1)));
  CHECK(world.open(Lsn{first.value - 1}).empty());
  CHECK(world.transport.sent.empty());
  CHECK(world.open(first) == std::vector<std::uint64_t>{1});
  CHECK(world.transport.names() == "ACK p1");
  CHECK(world.open(second) == std::vector<std::uint64_t>{2});
  CHECK(world.transport.names() == "ACK p2");
}

TEST_CASE("what depends on nothing that is missing may leave at once") {
  World world;
  auto due = world.gate.hold({}, World::ack(1));
  REQUIRE(due);
  CHECK(world.transport.sent.empty());
  world.gate.send(std::move(*due));
  CHECK(world.transport.names() == "ACK p1");
}

TEST_CASE("a step's own record always comes out of take_due, even if it is durable already") {
  World world;
  auto held = World::ack(1);
  held.record = RecordType::kCommit;
  CHECK(!world.gate.hold({}, std::move(held)));
  CHECK(world.open({}) == std::vector<std::uint64_t>{1});
}

TEST_CASE("what a majority decided waits for no record of this log, unless the step wrote one") {
  World world;
  const Lsn missing{world.log.durable().value + 1};
  CHECK(world.gate.hold_decided_by_majority(missing, World::ack(1)));
  auto held = World::ack(2);
  held.record = RecordType::kDecided;
  CHECK(!world.gate.hold_decided_by_majority(missing, std::move(held)));
  CHECK(world.open(world.log.durable()).empty());
}

TEST_CASE("a node that has stopped says nothing, not even what is due") {
  World world;
  auto due = world.gate.hold({}, World::ack(1));
  REQUIRE(due);
  static_cast<void>(world.standing.quarantine().raise({}, {}));
  world.gate.send(std::move(*due));
  world.gate.repeat(name("p1"), Decide{});
  world.gate.presume_abort(name("p1"), gtid(1), {});
  world.gate.send(name("p1"), Inquire{});
  CHECK(world.transport.sent.empty());
}

}  // namespace
}  // namespace troth
