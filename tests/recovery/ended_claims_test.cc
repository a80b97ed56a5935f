// For whom a coordinator's claim "ended below" speaks.
#include "recovery/ended_claims.h"

#include <doctest/doctest.h>

#include "recovery/participant_replay.h"

using namespace troth;
using namespace troth::recovery;

namespace {

Gtid decided(std::uint64_t sequence, std::uint32_t epoch = 1) {
  return {{1}, {epoch}, sequence, Decider::kCoordinator};
}
Gtid one_phase(std::uint64_t sequence, std::uint32_t epoch = 1) {
  return {{1}, {epoch}, sequence, Decider::kParticipant};
}
EndedClaim claim(const Gtid& below, std::vector<Gtid> unfinished = {}, Epoch from = {}) {
  return {below.epoch(), from, below, std::move(unfinished)};
}

}  // namespace

TEST_CASE("a restarted coordinator speaks for its own decisions of before, not for one-phase") {
  EndedClaims claims;
  CHECK(claims.add(claim(decided(10, 1))));
  CHECK(claims.add(claim(decided(1, 2))));
  CHECK(claims.ended(decided(50, 1)));
  CHECK(claims.ended(one_phase(9, 1)));  // the earlier life said so
  CHECK_FALSE(claims.ended(one_phase(10, 1)));
  CHECK_FALSE(claims.ended(one_phase(50, 1)));
  CHECK_FALSE(claims.add(claim(decided(1, 2))));
}

TEST_CASE("a claim speaks for no decision that the adopted log may lack") {
  EndedClaims claims;
  CHECK(claims.add(claim(decided(10, 5))));
  CHECK(claims.add(claim(decided(3, 65'540), {}, {65'540})));
  CHECK(claims.ended(decided(9, 5)));
  CHECK(claims.ended(decided(900, 4)));
  CHECK_FALSE(claims.ended(decided(10, 5)));
  CHECK_FALSE(claims.ended(decided(1, 6)));  // a life of the lost original
  CHECK(claims.ended(decided(2, 65'540)));
}

TEST_CASE("a claim that names an older epoch speaks from the epoch that it was made in") {
  EndedClaims claims;
  CHECK(claims.add({{2}, {}, decided(7, 1), {}}));  // 7 of epoch 1 has no END yet
  CHECK(claims.ended(decided(6, 1)));
  CHECK_FALSE(claims.ended(decided(7, 1)));
  CHECK_FALSE(claims.ended(one_phase(6, 1)));
}

TEST_CASE("only so many epochs are kept; older one-phase outcomes are forgotten, not denied") {
  EndedClaims claims;
  for (std::uint32_t epoch = 1; epoch <= EndedClaims::kMostEpochs + 2; ++epoch)
    claims.add(claim(decided(5, epoch)));
  CHECK(claims.all().size() == EndedClaims::kMostEpochs);
  CHECK(claims.ended(one_phase(900, 1)));
  CHECK(claims.ended(one_phase(900, 2)));
  CHECK_FALSE(claims.ended(one_phase(900, 3)));
}

TEST_CASE("the log keeps a claim with its exceptions; an older log's horizon denies nothing") {
  ParticipantTables tables;
  std::uint64_t lsn = 0;
  const auto feed = [&](const protocol::Record& record) {
    const auto payload = encode(record);
    REQUIRE(replay(tables, {{++lsn}, static_cast<std::uint8_t>(type_of(record)), payload}));
  };
  protocol::OnePhaseRecord committed;
  committed.gtid = one_phase(3, 1);
  feed(committed);
  SUBCASE("of this version") {
    feed(protocol::EndedBelowRecord{{2}, {}, decided(9, 2), {decided(4, 2)}, {}});
    const auto& claims = tables.ended.at({1});
    CHECK_FALSE(claims.ended(decided(4, 2)));
    CHECK(claims.ended(decided(5, 2)));
    CHECK(tables.remembered.count(one_phase(3, 1)) == 1);
  }
  SUBCASE("of 0.1") {
    feed(protocol::HorizonRecord{decided(1, 2)});
    CHECK(tables.remembered.empty());
    CHECK(tables.ended.at({1}).ended(one_phase(3, 1)));  // forgotten, as it was then
  }
}
