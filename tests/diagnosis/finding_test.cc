// Findings of equal cause are one, and what lost memory explains is not shown beside it.
#include <doctest/doctest.h>

#include "diagnosis/diagnosis.h"

using namespace troth;
using namespace troth::diagnosis;

TEST_CASE("the same about the same is one finding, with everybody who shows it") {
  const auto found = merged_and_ranked({{RuleId::kMixed, "coordinator c1", "G: MIXED", "do", "G"},
                                        {RuleId::kMixed, "participant p2", "G: MIXED", "do", "G"},
                                        {RuleId::kMixed, "participant p2", "H: MIXED", "do", "H"}});
  REQUIRE(found.size() == 2);
  CHECK(found[0].subject == "coordinator c1, participant p2");
  CHECK(found[1].about == "H");
}

TEST_CASE("the earliest time counts, and whom either blocks") {
  Finding a{RuleId::kInDoubtBlocked, "p1", "1 in doubt", "do", "c1"}, b = a;
  a.since = WallTime{2000};
  a.blocks = "3 wait";
  b.subject = "p2";
  b.since = WallTime{1000};
  const auto found = merged_and_ranked({a, b});
  REQUIRE(found.size() == 1);
  CHECK(found[0].since == WallTime{1000});
  CHECK(found[0].blocks == "3 wait");
}

TEST_CASE("lost memory explains that the peer is down: nobody reads risk none beside it") {
  const Finding down{RuleId::kParticipantDown, "participant p2", "refused", "start it", "p2"};
  const Finding other{RuleId::kParticipantDown, "participant p3", "refused", "start it", "p3"};
  const Finding amnesia{RuleId::kPeerLostMemory, "coordinator c1", "p2 lost memory: x", "do", "p2"};
  const auto found = merged_and_ranked({down, other, amnesia});
  REQUIRE(found.size() == 2);
  CHECK(found[0].rule == RuleId::kPeerLostMemory);
  CHECK(found[1].about == "p3");
  CHECK(merged_and_ranked({down}).size() == 1);
}

TEST_CASE("data at risk comes first, then what failed; the order is otherwise kept") {
  const auto found = merged_and_ranked({{RuleId::kSound, "c1", "", ""},
                                        {RuleId::kClockOff, "p1", "", ""},
                                        {RuleId::kLogFull, "c1", "", ""},
                                        {RuleId::kByHand, "p2", "", ""},
                                        {RuleId::kMixed, "p2", "", ""}});
  CHECK(found[0].rule == RuleId::kMixed);
  CHECK(found[1].rule == RuleId::kByHand);
  CHECK(found[2].rule == RuleId::kLogFull);
  CHECK(found[3].rule == RuleId::kClockOff);
  CHECK(found[4].rule == RuleId::kSound);
}

TEST_CASE("not ready is said by the rules that refuse work, and by no other") {
  CHECK(reason_not_ready({{RuleId::kMixed, "p2", "", ""}}) == nullptr);
  const std::vector<Finding> full{{RuleId::kMixed, "c1", "", ""}, {RuleId::kLogFull, "c1", "", ""}};
  REQUIRE(reason_not_ready(full) != nullptr);
  CHECK(reason_not_ready(full)->rule == RuleId::kLogFull);
}
