// How many aborted branches are remembered, and whose.
#include "participant/abort_memory.h"

#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using participant::AbortMemory;
using tests::EngineWorld;

namespace {

Gtid gtid_of(std::uint64_t coordinator, std::uint64_t n) {
  return {{coordinator}, {1}, n, Decider::kCoordinator};
}

}  // namespace

TEST_CASE("the coordinator that holds the most aborts makes room, its oldest first") {
  AbortMemory memory(10);
  for (std::uint64_t n = 1; n <= 4; ++n) memory.note(gtid_of(1, n));
  CHECK_FALSE(memory.take_surplus());
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    memory.note(gtid_of(2, n));
    while (const auto gone = memory.take_surplus()) CHECK(gone->tag() == CoordinatorTag{2});
  }
  memory.note(gtid_of(1, 5));
  CHECK(memory.take_surplus() == gtid_of(2, 995));
  CHECK_FALSE(memory.take_surplus());
}

TEST_CASE("promises about what never arrived are bounded until those have ended") {
  participant::NeverArrived promises;
  std::size_t remembered = 0, counted = 0;
  const auto count = [&] {
    ++counted;
    return remembered;
  };
  for (std::size_t i = 0; i < participant::NeverArrived::kMostOfOne; ++i)
    REQUIRE(promises.take({1}, count));
  remembered = participant::NeverArrived::kMostOfOne;
  for (int i = 0; i < 1'024; ++i) CHECK_FALSE(promises.take({1}, count));
  CHECK(counted == 1);
  CHECK(promises.take({2}, count));
  remembered = 5;  // the others have ended
  CHECK(promises.take({1}, count));
}

TEST_CASE(
    "aborts of what never was cost a bounded amount; a late PREPARE of a forgotten one is asked "
    "for") {
  participant::EngineOptions options;
  options.most_aborted = 100;
  EngineWorld world(options);
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    auto abort = EngineWorld::abort(world.two_phase(i));
    abort.reason.detail = std::string(100'000, 'y');
    world.deliver(std::move(abort));
  }
  CHECK(world.counter("aborts_forgotten") == 900);
  world.deliver(world.prepare(world.two_phase(1'000)));  // remembered
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kAbort);
  CHECK(world.transport.last<VoteMessage>().reason.detail.size() < 300);
  world.bring_to_prepared(world.two_phase(1));
  CHECK(world.log.count(RecordType::kPrepared) == 1);
  world.deliver(EngineWorld::abort(world.two_phase(1)));
  CHECK(world.log.count(RecordType::kAborted) == 1);
}

TEST_CASE(
    "a coordinator that never says what has ended fills no more than its share of the memory") {
  participant::EngineOptions options;
  participant::BranchTable table(options);
  const auto remember = [&](std::uint64_t coordinator, std::uint64_t n) {
    const Gtid gtid({coordinator}, {1}, n, Decider::kParticipant);
    table.start(gtid, protocol::Branch::tombstone(table.settings(), gtid, {}), {});
    return gtid;
  };
  for (std::uint64_t other = 2; other <= 101; ++other) remember(other, 1);
  for (std::uint64_t n = 1; n < participant::BranchTable::kLeastShare; ++n) remember(1, n);
  CHECK(table.has_room_for({1}));
  const auto last = remember(1, participant::BranchTable::kLeastShare);
  CHECK_FALSE(table.has_room_for({1}));
  CHECK(table.has_room_for({2}));
  CHECK(table.has_room_for({500}));
  table.erase(last);
  CHECK(table.has_room_for({1}));
}

TEST_CASE("a coordinator that nobody configured takes at most half of the branches in progress") {
  participant::EngineOptions options;
  options.max_branches = 4;
  EngineWorld world(options);
  for (std::uint64_t n = 1; n <= 3; ++n) world.deliver(world.prepare(world.two_phase(n)));
  const auto vote = world.transport.last<VoteMessage>();
  CHECK(vote.gtid == world.two_phase(3));
  CHECK(vote.reason.code == AbortCode::kBusy);
  CHECK(vote.reason.detail.find("do not name it") != std::string::npos);
  SUBCASE("configured, it may take all") {
    options.coordinators[NodeName::from_trusted("c1")] = "h:1";
    EngineWorld named(options);
    for (std::uint64_t n = 1; n <= 4; ++n) named.deliver(named.prepare(named.two_phase(n)));
    CHECK(named.transport.sent.empty());
  }
}
