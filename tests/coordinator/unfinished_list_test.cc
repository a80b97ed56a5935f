#include "coordinator/unfinished_list.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::coordinator;
using namespace troth::tests;

namespace {

Gtid numbered(std::uint64_t sequence, std::uint32_t epoch = 2) {
  return {{1}, {epoch}, sequence, Decider::kCoordinator};
}

struct Unfinished {
  std::set<Gtid> all;
  Gtid operator()(const Gtid& after) const {
    const auto at = all.upper_bound(after);
    return at == all.end() ? Gtid() : *at;
  }
};

}  // namespace

TEST_CASE("what many newer ones have overtaken is listed, and earlier epochs") {
  UnfinishedList list(100);
  const Unfinished unfinished{{numbered(7, 1), numbered(5), numbered(850), numbered(950)}};
  list.renew(numbered(1000), unfinished);
  CHECK(*list.list() == std::vector{numbered(7, 1), numbered(5), numbered(850)});
  CHECK(list.last() == numbered(850));
  CHECK(list.version() == 1);
  // Not again at once, and the same list is no new version.
  list.renew(numbered(1001), Unfinished());
  CHECK(list.last() == numbered(850));
  list.renew(numbered(1040), unfinished);
  CHECK(list.version() == 1);
  list.renew(numbered(2000), Unfinished());
  CHECK(list.list()->empty());
  CHECK(list.last().is_nil());
  CHECK(list.version() == 2);
}

TEST_CASE("the list is bounded: what does not fit holds back the watermark") {
  UnfinishedList list(10);
  Unfinished unfinished;
  for (std::uint64_t i = 1; i <= UnfinishedList::kMost + 5; ++i) unfinished.all.insert(numbered(i));
  list.renew(numbered(100000), unfinished);
  CHECK(list.list()->size() == UnfinishedList::kMost);
  CHECK(unfinished(list.last()) == numbered(UnfinishedList::kMost + 1));
}

TEST_CASE("an idle transaction and a dead participant hold back no watermark") {
  EngineOptions options;
  options.slow_after = 20;
  CoordinatorWorld world(options);
  Gtid idle;
  BeginRequest begin;
  begin.deadline = std::chrono::minutes(5);
  begin.idle_timeout = std::chrono::minutes(5);
  world.engine->conversations().begin(
      begin, [&](const BeginReply& reply) { idle = reply.gtid; }, world.now());
  const auto stuck = world.committing();  // nobody acknowledges it
  for (int i = 0; i < 40; ++i) {
    const auto gtid = world.committing();
    world.deliver("p1", protocol::Ack{gtid});
    world.deliver("p2", protocol::Ack{gtid});
  }
  world.sync();
  world.sync();
  const auto& state = world.transport.published.back();
  CHECK(*state.ended_below > world.minted(40));
  REQUIRE(state.unfinished);
  CHECK(*state.unfinished == std::vector{idle, stuck});
  // Every claim that was ever made excepts them.
  for (const auto& earlier : world.transport.published) {
    const auto& listed = *earlier.unfinished;
    for (const auto& gtid : {idle, stuck})
      CHECK((*earlier.ended_below <= gtid ||
             std::find(listed.begin(), listed.end(), gtid) != listed.end()));
  }
}
