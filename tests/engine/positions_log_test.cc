// What is known of peers' logs is written down with what follows from it.
#include "engine/positions_log.h"

#include <doctest/doctest.h>

#include "tests/support/recording_log.h"

using namespace troth;
using namespace troth::protocol;
using troth::tests::RecordingLog;

namespace {

struct World {
  RecordingLog log;
  recovery::PeerTable peers;
  PositionsLog positions{log, peers};
  MonotonicTime clock{std::chrono::seconds(1)};
  const NodeName p1 = NodeName::from_trusted("p1");

  World() {
    peers.configure(p1, "h:1", Role::kParticipant);
    said(5);
    static_cast<void>(peers.take_risen());
  }
  void said(std::uint64_t durable) {
    LogId id;
    id.bytes[0] = 9;
    peers.learn(p1, Role::kParticipant, {p1, Role::kParticipant, {id, {1}, {durable}}, ""});
  }
  void append() {
    const Record record{EndRecord{}};
    positions.append(type_of(record), encode(record), force_of(record));
  }
};

}  // namespace

TEST_CASE("a position that rose is in the log before the next record, once") {
  World world;
  world.append();
  CHECK(world.log.count(RecordType::kSeen) == 0);
  world.said(70);
  world.said(60);  // late
  world.append();
  REQUIRE(world.log.entries.size() == 3);
  const auto& entry = world.log.entries[1];
  REQUIRE(entry.type == RecordType::kSeen);
  const auto record = decode(static_cast<std::uint8_t>(entry.type), entry.payload);
  const auto& reached = std::get<SeenRecord>(*record).reached;
  REQUIRE(reached.size() == 1);
  CHECK(reached[0].peer == world.p1);
  CHECK(reached[0].lsn == Lsn{70});
  world.append();
  CHECK(world.log.count(RecordType::kSeen) == 1);
}

TEST_CASE("without a record it is written within a second, if the peer had something to say") {
  World world;
  world.said(70);
  world.positions.end_of_round(world.clock);
  CHECK_FALSE(world.positions.next_wake());  // an empty batch: nothing follows from it
  world.positions.heard();
  world.positions.end_of_round(world.clock);
  REQUIRE(world.positions.next_wake());
  CHECK(*world.positions.next_wake() == world.clock + PositionsLog::kLongest);
  world.positions.tick(world.clock);
  CHECK(world.log.count(RecordType::kSeen) == 0);
  world.positions.tick(world.clock + PositionsLog::kLongest);
  CHECK(world.log.count(RecordType::kSeen) == 1);
  CHECK_FALSE(world.positions.next_wake());
}
