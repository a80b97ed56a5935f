// What a flood of alarms does to the ones that matter.
#include "engine/alarms.h"

#include <doctest/doctest.h>

using namespace troth;

namespace {

Gtid gtid(std::uint64_t n) {
  return Gtid({1}, {1}, n, Decider::kCoordinator);
}

}  // namespace

TEST_CASE("claims never displace an alarm of a known transaction, and are shown after it") {
  Alarms alarms;
  const auto p1 = NodeName::from_trusted("p1");
  for (std::uint64_t i = 0; i < 150; ++i)
    alarms.raise("forged " + std::to_string(i), Alarms::Until::kEnded, gtid(1000 + i), p1,
                 Alarms::Rank::kClaim);
  CHECK(alarms.not_kept() == 50);
  CHECK(alarms.raise("MIXED", Alarms::Until::kEnded, gtid(7), NodeName::from_trusted("p2")));
  CHECK_FALSE(alarms.raise("MIXED", Alarms::Until::kEnded, gtid(7)));
  const auto texts = alarms.texts();
  REQUIRE(texts.size() == 102);
  CHECK(texts[0] == "MIXED");
  CHECK(texts[1] == "forged 0");
  CHECK(texts[101].starts_with("50 more alarms"));

  CHECK_FALSE(alarms.end(gtid(7), p1));  // another node's
  CHECK(alarms.end(gtid(7), NodeName::from_trusted("p2")));
  CHECK(alarms.texts()[0] == "forged 0");
  CHECK(alarms.raise("MIXED", Alarms::Until::kRestart, gtid(7)));  // again, for good
  CHECK_FALSE(alarms.end(gtid(7)));
}

TEST_CASE("known alarms have a bound too, and what is not shown is counted") {
  Alarms alarms;
  for (std::uint64_t i = 0; i < Alarms::kMostKnown + 5; ++i)
    alarms.raise("mixed " + std::to_string(i), Alarms::Until::kEnded, gtid(i));
  CHECK(alarms.not_kept() == 5);
  auto texts = alarms.texts();
  REQUIRE(texts.size() == Alarms::kMostTexts);
  CHECK(texts[0] == "mixed 0");
  CHECK(texts.back().starts_with(std::to_string(Alarms::kMostKnown + 5 - 199) + " more"));
  for (std::uint64_t i = 0; i < Alarms::kMostKnown - 1; ++i) CHECK(alarms.end(gtid(i)));
  CHECK(alarms.raise("one more", Alarms::Until::kEnded, gtid(1)));
  texts = alarms.texts();
  REQUIRE(texts.size() == 3);
  CHECK(texts[1] == "one more");
}
