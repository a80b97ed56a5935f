#include "engine/quarantine.h"

#include <doctest/doctest.h>

using namespace troth;
using protocol::ClaimRecord;

namespace {
ClaimRecord claim(std::uint64_t durable, std::uint32_t epoch = 3) {
  ClaimRecord out;
  out.witness = NodeName::from_trusted("p1");
  out.seen.epoch = {epoch};
  out.seen.durable = {durable};
  out.own_end = {100};
  return out;
}
}  // namespace

TEST_CASE("a claim is written down once and survives a restart") {
  Quarantine quarantine;
  CHECK_FALSE(quarantine.active());
  const auto record = quarantine.raise(claim(200), {5});
  REQUIRE(record);
  CHECK(quarantine.active());
  CHECK(quarantine.reason().find("p1 has seen this log reach LSN 200") != std::string::npos);
  CHECK_FALSE(quarantine.raise(claim(300), {6}));
  CHECK(quarantine.reaches({150}) == Lsn{100});  // the claim itself is no evidence
  CHECK(quarantine.reaches({90}) == Lsn{90});
  Quarantine restarted;
  restarted.adopt({{record->witness, *record}});
  CHECK(restarted.active());
}

TEST_CASE("a dismissed claim stays dismissed, a greater one is a new one") {
  auto dismissed = claim(200);
  dismissed.standing = ClaimRecord::Standing::kDismissed;
  Quarantine quarantine;
  quarantine.adopt({{dismissed.witness, dismissed}});
  CHECK_FALSE(quarantine.active());
  CHECK_FALSE(quarantine.raise(claim(200), {7}));
  CHECK_FALSE(quarantine.raise(claim(150), {7}));
  CHECK_FALSE(quarantine.active());
  SUBCASE("more of the log") {
    CHECK(quarantine.raise(claim(201), {8}));
  }
  SUBCASE("a later epoch") {
    CHECK(quarantine.raise(claim(200, 4), {8}));
  }
  CHECK(quarantine.active());
}
