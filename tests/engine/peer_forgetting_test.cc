// `troth peer forget`: what refuses it, what it leaves, and what a log says of it later.
#include "engine/peer_forgetting.h"

#include <doctest/doctest.h>

#include <optional>

#include "recovery/participant_replay.h"
#include "tests/engine/names.h"
#include "tests/support/recording_log.h"

using namespace troth;
using namespace troth::protocol;
using tests::log_id;
using tests::name;

namespace {

const PeerAtHand kGone{true, false, false, {}};

struct World {
  tests::RecordingLog log;
  Reports reports{Logger()};
  OperatorDesk desk{log, reports};
  PeerHandshake peers{{name("p1"), Role::kParticipant, "", log_id(9), {3}}};
  std::optional<Result<ForgetPeerReply>> told;

  World() { meet(); }
  void meet() {
    const PeerRecord record{name("c1"), Role::kCoordinator, {log_id(1), {1}, {50}}, "127.0.0.1:9"};
    peers.adopt(record);
    log.append(RecordType::kPeer, encode(Record(record)), Force::kNo);
  }
  bool forget(const PeerAtHand& peer, bool dry_run = false, const std::string& confirm = "c1") {
    told.reset();
    return PeerForgetting(desk, peers, reports)
        .forget({name("c1"), {"ann", "replaced by c2"}, confirm, dry_run}, peer,
                [&](Result<ForgetPeerReply> reply) { told = std::move(reply); }, {{}, {1000}});
  }
  std::string why(const PeerAtHand& peer) {
    CHECK_FALSE(forget(peer));
    REQUIRE(told);
    return told->error().context;
  }
  std::map<NodeName, PeerRecord> reread() const {
    recovery::ParticipantTables tables;
    std::uint64_t lsn = 0;
    for (const auto& entry : log.entries)
      REQUIRE(recovery::replay(tables,
                               {Lsn{++lsn}, static_cast<std::uint8_t>(entry.type), entry.payload}));
    return tables.peers;
  }
};

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("refused while it is configured, connected, or something is owed; the trail says so") {
  World world;
  CHECK(has(world.why({false, false, false, {}}), "no peer is called c1"));
  CHECK(has(world.why({true, true, false, {}}), "take it out of them first"));
  CHECK(has(world.why({true, false, true, {}}), "is connected"));
  CHECK(has(world.why({true, false, false, "3 branches wait"}), "3 branches wait"));
  CHECK(world.peers.table().knows(name("c1")));
  CHECK(world.desk.actions().at({"peer_forget", "refused"}) == 4);
  CHECK_FALSE(world.forget(kGone, false, "c2"));
  CHECK(world.told->error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a dry run says what would be done, and does nothing") {
  World world;
  const auto before = world.log.entries.size();
  CHECK_FALSE(world.forget(kGone, true, ""));
  REQUIRE(world.told->has_value());
  CHECK_FALSE((*world.told)->applied);
  CHECK(has((*world.told)->lines.back(), "troth peer forget c1 --reason TEXT --confirm c1"));
  CHECK(world.log.entries.size() == before);
}

TEST_CASE("forgotten when it is durable; a restart does not remember it") {
  World world;
  CHECK(world.reread().count(name("c1")) == 1);
  CHECK(world.forget(kGone));
  CHECK_FALSE(world.peers.table().knows(name("c1")));
  CHECK_FALSE(world.told);  // not durable yet
  world.desk.on_durable(world.log.appended());
  REQUIRE(world.told);
  CHECK((*world.told)->applied);
  CHECK(world.reread().count(name("c1")) == 0);
}

TEST_CASE("one that came later under its name stays known, whatever a checkpoint repeats") {
  World world;
  world.forget(kGone);
  world.meet();
  CHECK(world.reread().count(name("c1")) == 1);
  // A checkpoint writes the trail, then the peers; a crash cuts it off between the two.
  world.desk.book().copy_forward();
  CHECK(world.reread().count(name("c1")) == 1);
  world.log.entries.clear();
  world.desk.book().copy_forward();
  world.meet();
  CHECK(world.reread().count(name("c1")) == 1);
}
