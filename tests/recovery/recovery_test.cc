// What recovery knows as data: the action table in full, the continuity handshake, replay.
#include <doctest/doctest.h>

#include "recovery/action_table.h"
#include "recovery/coordinator_replay.h"
#include "recovery/participant_replay.h"
#include "recovery/peer_table.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::recovery;

namespace {

NodeName name(const char* text) {
  return NodeName::from_trusted(text);
}
LogId log_id(std::uint8_t n) {
  LogId id;
  id.bytes[0] = n;
  return id;
}
Gtid gtid(std::uint64_t sequence) {
  return {CoordinatorTag::of(log_id(1)), {1}, sequence, Decider::kCoordinator};
}

template <class Tables>
Status feed(Tables& tables, Lsn lsn, const Record& record) {
  const auto payload = encode(record);
  return replay(tables, {lsn, static_cast<std::uint8_t>(type_of(record)), payload});
}

}  // namespace

TEST_CASE("the action table is total, and says what protocol.md section 7 says") {
  // Rows: what the coordinator knows. Columns: prepared, nothing, committed, aborted.
  const char* const expected[kCoordinatorKnowsCount][kParticipantSaysCount] = {
      {"send COMMIT", "amnesia alarm", "count the ack", "mixed-outcome alarm"},
      {"mixed-outcome alarm", "ignore", "ignore", "mixed-outcome alarm"},
      {"send ABORT", "ignore", "mixed-outcome alarm", "ignore"},
      {"leave alone", "leave alone", "leave alone", "leave alone"},
  };
  for (int c = 0; c < kCoordinatorKnowsCount; ++c)
    for (int p = 0; p < kParticipantSaysCount; ++p) {
      CAPTURE(c);
      CAPTURE(p);
      CHECK(std::string(to_string(action_for(static_cast<CoordinatorKnows>(c),
                                             static_cast<ParticipantSays>(p)))) == expected[c][p]);
    }
}

TEST_CASE("of a peer's log the highest LSN counts that any record names") {
  const LogId log = log_id(1), other = log_id(2);
  const auto peer = [&](const LogId& id, std::uint32_t epoch, std::uint64_t durable) {
    return PeerRecord{name("c1"), Role::kCoordinator, {id, {epoch}, {durable}}, "h:1"};
  };
  ParticipantTables tables;
  REQUIRE(feed(tables, {10}, peer(log, 1, 500)).has_value());
  REQUIRE(feed(tables, {20}, peer(log, 2, 400)).has_value());  // written before, copied later
  CHECK(tables.peers.at(name("c1")).position == NodePosition{log, {2}, {500}});
  PreparedRecord prepared;
  prepared.gtid = gtid(1);
  prepared.coordinator = {name("c1"), log, {2}, "h:1"};
  prepared.coordinator_durable = {700};
  REQUIRE(feed(tables, {30}, prepared).has_value());
  CHECK(tables.peers.at(name("c1")).position.durable == Lsn{700});
  const Receipt receipt{{7}};
  REQUIRE(feed(tables, {32}, SeenRecord{{{name("c1"), {800}, receipt}, {name("nobody"), {9}}}})
              .has_value());
  REQUIRE(feed(tables, {34}, SeenRecord{{{name("c1"), {750}}}}).has_value());
  CHECK(tables.peers.at(name("c1")).position.receipt == receipt);
  CHECK(tables.peers.at(name("c1")).position.durable == Lsn{800});
  CHECK(tables.peers.size() == 1);
  REQUIRE(feed(tables, {40}, peer(other, 1, 5)).has_value());  // another log begins anew
  CHECK(tables.peers.at(name("c1")).position == NodePosition{other, {1}, {5}});
}

TEST_CASE("a key is open while its COMMIT has no END, and counts from END on") {
  CoordinatorTables tables;
  SUBCASE("two-phase") {
    CommitRecord commit;
    commit.gtid = gtid(1);
    commit.members.push_back({name("p1"), {}, {}, {}});
    commit.idempotency_key = "k1";
    REQUIRE(feed(tables, {100}, commit).has_value());
  }
  SUBCASE("three-phase, decided by a majority") {
    PrecommittedRecord precommitted;
    precommitted.commit.gtid = gtid(1);
    precommitted.commit.members = {{name("c1"), {}, {}, {}}, {name("p1"), {}, {}, {}}};
    precommitted.commit.idempotency_key = "k1";
    REQUIRE(feed(tables, {90}, precommitted).has_value());
    REQUIRE(feed(tables, {100}, DecidedRecord{gtid(1), Decision::kCommit, {}}).has_value());
  }
  REQUIRE(tables.keys.count("k1") == 1);
  CHECK(tables.keys.at("k1").is_open);
  REQUIRE(feed(tables, {200}, EndRecord{gtid(1)}).has_value());
  CHECK_FALSE(tables.keys.at("k1").is_open);
  CHECK(tables.keys.at("k1").lsn == Lsn{200});
}

TEST_CASE("a COMMIT that a majority decided is unended with all that PRECOMMITTED said of it") {
  CoordinatorTables tables;
  PrecommittedRecord precommitted{{1, name("c1")},
                                  {gtid(1),
                                   {{name("c1"), {}, {}, {}}, {name("p1"), {}, {2}, "h:1"}},
                                   AnswerAt::kApplied,
                                   "k1",
                                   "digest",
                                   {12},
                                   "checkout",
                                   "00-trace",
                                   {}}};
  REQUIRE(feed(tables, {90}, precommitted).has_value());
  REQUIRE(feed(tables, {100}, DecidedRecord{gtid(1), Decision::kCommit, {}}).has_value());
  auto expected = precommitted.commit;
  expected.members.erase(expected.members.begin());  // the coordinator owes itself nothing
  CHECK(encode(tables.unended.at(gtid(1))) == encode(expected));
}

TEST_CASE("a coordinator's log replays to what is unended, known and promised by key") {
  CoordinatorTables tables;
  CommitRecord commit;
  commit.gtid = gtid(1);
  commit.idempotency_key = "k1";
  REQUIRE(feed(tables, {10}, EpochRecord{{4}}).has_value());
  REQUIRE(feed(tables, {20}, commit).has_value());
  commit.gtid = gtid(2);
  commit.idempotency_key = "";
  REQUIRE(feed(tables, {30}, commit).has_value());
  REQUIRE(feed(tables, {40}, EndRecord{gtid(1)}).has_value());
  AbortRecord abort;
  abort.gtid = gtid(3);
  abort.idempotency_key = "k3";
  REQUIRE(feed(tables, {50}, abort).has_value());
  REQUIRE(feed(tables, {60}, HorizonRecord{gtid(1)}).has_value());
  CHECK(tables.epoch == Epoch{4});
  CHECK(tables.unended.size() == 1);
  CHECK(tables.unended.count(gtid(2)) == 1);
  CHECK(tables.outcomes.at(gtid(1)).outcome == Outcome::kCommitted);
  CHECK(tables.keys.at("k1").record.outcome == Outcome::kCommitted);
  CHECK(tables.keys.at("k3").record.outcome == Outcome::kAborted);
  CHECK(tables.horizon == gtid(1));
  const auto foreign = feed(tables, {70}, CommittedRecord{gtid(1)});
  REQUIRE_FALSE(foreign.has_value());
  CHECK(foreign.error().code == ErrorCode::kCorruption);
  CHECK(foreign.error().context.find("70") != std::string::npos);
}

TEST_CASE("a long log leaves no more in memory than may still be asked for") {
  CoordinatorTables coordinator;
  coordinator.max_outcomes = 3;
  for (std::uint64_t n = 1; n <= 10; ++n) {
    CommitRecord commit;
    commit.gtid = gtid(n);
    REQUIRE(feed(coordinator, {n * 20}, commit).has_value());
    if (n != 2) REQUIRE(feed(coordinator, {n * 20 + 10}, EndRecord{gtid(n)}).has_value());
  }
  CHECK(coordinator.outcomes.size() == 3);
  CHECK(coordinator.unended.count(gtid(2)) == 1);  // however old
  CHECK(coordinator.horizon == gtid(8));           // 7 is forgotten, which is not "aborted"

  ParticipantTables participant;
  participant.in_file = {45};
  const auto commits = [&](std::uint64_t n) {
    PreparedRecord prepared;
    prepared.gtid = gtid(n);
    prepared.redo = "redo";
    REQUIRE(feed(participant, {n * 20}, prepared).has_value());
    REQUIRE(feed(participant, {n * 20 + 10}, CommittedRecord{gtid(n)}).has_value());
  };
  for (std::uint64_t n = 1; n <= 4; ++n) commits(n);
  OnePhaseRecord keyed;
  keyed.gtid = gtid(5);
  keyed.idempotency_key = "k";
  REQUIRE(feed(participant, {105}, keyed).has_value());
  PreparedRecord undecided;
  undecided.gtid = gtid(6);
  REQUIRE(feed(participant, {110}, undecided).has_value());
  REQUIRE(feed(participant, {115}, HorizonRecord{gtid(4)}).has_value());
  REQUIRE(feed(participant, {116}, HorizonRecord{gtid(3)}).has_value());  // never back
  CHECK(participant.redo.size() == 4);  // 1 is in the file already
  CHECK(participant.remembered.size() == 2);
  CHECK(participant.remembered.count(gtid(4)) == 1);
  REQUIRE(feed(participant, {117}, HorizonRecord{gtid(9)}).has_value());
  CHECK(participant.remembered.size() == 1);  // a key lives longer than its transaction
  CHECK(participant.prepared.count(gtid(6)) == 1);
  CHECK(participant.ended.at(gtid(1).tag()).newest().below == gtid(9));
}

TEST_CASE(
    "a participant's log replays to what is in doubt, what must be redone, and in which order") {
  ParticipantTables tables;
  const auto prepared = [&](std::uint64_t n, Lsn lsn) {
    PreparedRecord record;
    record.gtid = gtid(n);
    record.redo = "redo" + std::to_string(n);
    REQUIRE(feed(tables, lsn, record).has_value());
  };
  prepared(1, {10});
  prepared(2, {20});
  prepared(3, {30});
  REQUIRE(feed(tables, {40}, CommittedRecord{gtid(2)}).has_value());
  REQUIRE(feed(tables, {50}, CommittedRecord{gtid(1)}).has_value());
  AbortedRecord aborted;
  aborted.gtid = gtid(3);
  REQUIRE(feed(tables, {60}, aborted).has_value());
  prepared(4, {70});
  CHECK(tables.prepared.size() == 1);
  CHECK(tables.prepared.count(gtid(4)) == 1);
  REQUIRE(tables.redo.size() == 2);
  CHECK(tables.redo[0].gtid == gtid(2));  // the order of the decisions, not of the votes
  CHECK(tables.redo[0].redo == "redo2");
  CHECK(tables.redo[1].committed == Lsn{50});
  // Its PREPARED was in a segment that was freed: the file's durable marker has passed it.
  REQUIRE(feed(tables, {80}, CommittedRecord{gtid(9)}).has_value());
  CHECK(tables.redo.size() == 2);
  CHECK(tables.remembered.at(gtid(9)).outcome == Outcome::kCommitted);
  CHECK_FALSE(feed(tables, {90}, EndRecord{gtid(1)}).has_value());
}
