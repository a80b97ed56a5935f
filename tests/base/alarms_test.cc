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
  CHECK(alarms.not_kept() == 150 - Alarms::kMostClaimsOfPeer);
  CHECK(alarms.raise("MIXED", Alarms::Until::kEnded, gtid(7), NodeName::from_trusted("p2")));
  CHECK_FALSE(alarms.raise("MIXED", Alarms::Until::kEnded, gtid(7)));
  const auto texts = alarms.texts();
  REQUIRE(texts.size() == Alarms::kMostClaimsOfPeer + 2);
  CHECK(texts[0] == "MIXED");
  CHECK(texts[1] == "forged 0");
  CHECK(texts.back().starts_with("130 more alarms"));

  CHECK_FALSE(alarms.end(gtid(7), p1));  // another node's
  CHECK(alarms.end(gtid(7), NodeName::from_trusted("p2")));
  CHECK(alarms.texts()[0] == "forged 0");
  CHECK(alarms.raise("MIXED", Alarms::Until::kRestart, gtid(7)));  // again, for good
  CHECK_FALSE(alarms.end(gtid(7)));
}

TEST_CASE("a peer that reports without end has its share; what this node sees is kept and first") {
  Alarms alarms;
  const auto liar = NodeName::from_trusted("p2"), other = NodeName::from_trusted("p3");
  for (std::uint64_t i = 0; i < 2 * Alarms::kMost; ++i)
    alarms.raise("lost row " + std::to_string(i), Alarms::Until::kEnded, gtid(1), liar,
                 Alarms::Rank::kReported);
  CHECK(alarms.not_kept() == 2 * Alarms::kMost - Alarms::kMostOfPeer);
  for (std::uint64_t i = 0; i < 2 * Alarms::kMostOfPeer; ++i)  // because of what it says
    alarms.raise("p2 says " + std::to_string(i), Alarms::Until::kRestart, gtid(i), liar);
  CHECK(
      alarms.raise("lost indeed", Alarms::Until::kEnded, gtid(2), other, Alarms::Rank::kReported));
  CHECK(alarms.raise("my own", Alarms::Until::kRestart, gtid(3)));
  CHECK(alarms.raise("of p3", Alarms::Until::kRestart, gtid(3), other));
  const auto texts = alarms.texts();
  REQUIRE(texts.size() == Alarms::kMostTexts);
  CHECK(texts[0] == "my own");
  CHECK(texts[1] == "p2 says 0");
  CHECK(texts[2] == "of p3");
  for (std::uint64_t i = 0; i < Alarms::kMostOfPeer; ++i) alarms.end(gtid(1), liar);
  CHECK(alarms.raise("lost row again", Alarms::Until::kEnded, gtid(1), liar,
                     Alarms::Rank::kReported));
}

TEST_CASE("a text of many megabytes is cut, between two characters") {
  Alarms alarms;
  std::string what(Alarms::kMostBytes - 1, 'x');
  for (int i = 0; i < 1000; ++i) what += "\u00e4";
  REQUIRE(alarms.raise(what, Alarms::Until::kRestart, gtid(1)));
  CHECK_FALSE(alarms.raise(what, Alarms::Until::kRestart, gtid(2)));
  CHECK(alarms.texts().at(0) == std::string(Alarms::kMostBytes - 1, 'x') + "...");
}

TEST_CASE("known alarms have a bound too, and what is not shown is counted") {
  Alarms alarms;
  for (std::uint64_t i = 0; i < Alarms::kMost + 5; ++i)
    alarms.raise("mixed " + std::to_string(i), Alarms::Until::kEnded, gtid(i));
  CHECK(alarms.not_kept() == 5);
  auto texts = alarms.texts();
  REQUIRE(texts.size() == Alarms::kMostTexts);
  CHECK(texts[0] == "mixed 0");
  CHECK(texts.back().starts_with(std::to_string(Alarms::kMost + 5 - 199) + " more"));
  for (std::uint64_t i = 0; i < Alarms::kMost - 1; ++i) CHECK(alarms.end(gtid(i)));
  CHECK(alarms.raise("one more", Alarms::Until::kEnded, gtid(1)));
  texts = alarms.texts();
  REQUIRE(texts.size() == 3);
  CHECK(texts[1] == "one more");
}
