// When a coordinator counts as silent, so that members may end what it never delivered.
#include "participant/coordinator_silence.h"

#include <doctest/doctest.h>

using namespace troth;
using participant::CoordinatorSilence;
using Verdict = CoordinatorSilence::Verdict;
using namespace std::chrono_literals;

namespace {

struct SilenceWorld {
  Verdict judge(Duration at, CoordinatorSilence::Link link) {
    return silence
        .judge(
            tag, [&](const NodeName&) { return link; }, MonotonicTime{at})
        .verdict;
  }
  void heard(Duration at) { silence.heard(tag, NodeName::from_trusted("c1"), MonotonicTime{at}); }
  const CoordinatorTag tag{1};
  CoordinatorSilence silence{1s};
};

}  // namespace

TEST_CASE("of a coordinator that was never heard of, nothing is presumed") {
  SilenceWorld world;
  CHECK(world.judge(1000s, {true, false, 0}) == Verdict::kUnknown);
  CHECK_FALSE(world.silence.take_promise(world.tag));
}

TEST_CASE("a connected coordinator is silent when it takes nothing that it is sent in time") {
  SilenceWorld world;
  world.heard(10s);
  CHECK(world.judge(100s, {true, true, 5}) == Verdict::kAsk);
  CHECK(world.judge(100s + 900ms, {true, true, 5}) == Verdict::kAwaited);
  SUBCASE("it took a batch") {
    CHECK(world.judge(102s, {true, true, 6}) == Verdict::kAsk);
  }
  SUBCASE("it sent one") {
    world.heard(100s + 950ms);
    CHECK(world.judge(102s, {true, true, 5}) == Verdict::kAsk);
  }
  SUBCASE("neither") {
    CHECK(world.judge(101s, {true, true, 5}) == Verdict::kSilent);
  }
}

TEST_CASE("without a link, what was heard last counts") {
  SilenceWorld world;
  world.heard(100s);
  CHECK(world.judge(100s + 900ms, {true, false, 0}) == Verdict::kAwaited);
  CHECK(world.judge(101s, {true, false, 0}) == Verdict::kSilent);
  CHECK(world.judge(120s, {false, false, 0}) == Verdict::kReach);
  CHECK(world.judge(120s + 900ms, {true, false, 0}) == Verdict::kAwaited);  // it is being made
  CHECK(world.judge(121s, {true, false, 0}) == Verdict::kSilent);
  CHECK(world.judge(125s, {false, false, 0}) == Verdict::kSilent);  // it cannot be made
}

TEST_CASE("promises about a silent coordinator are bounded until it is heard of") {
  SilenceWorld world;
  world.heard(0s);
  for (std::size_t i = 0; i < CoordinatorSilence::kMostPromises; ++i)
    REQUIRE(world.silence.take_promise(world.tag));
  CHECK_FALSE(world.silence.take_promise(world.tag));
  world.heard(1s);
  CHECK(world.silence.take_promise(world.tag));
}
