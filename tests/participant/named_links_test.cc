// Which links to nodes that configuration does not name make room for newer ones.
#include "participant/named_links.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

using namespace troth;
using participant::NamedLinks;
using namespace std::chrono_literals;

namespace {

struct NamedWorld {
  static NodeName name(std::size_t i) { return NodeName::from_trusted(fmt::format("n{}", i)); }
  NamedLinks::Place take(std::size_t i, Duration at) {
    return links.take(name(i), MonotonicTime{at},
                      [&](const NodeName& node) { return working.count(node) != 0; });
  }
  void fill(Duration at) {
    for (std::size_t i = 0; i < NamedLinks::kMost; ++i) REQUIRE(take(i, at).granted);
  }
  std::set<NodeName> working;
  NamedLinks links;
};

}  // namespace

TEST_CASE("an old link that never worked makes room for a newer one, a young one does not") {
  NamedWorld world;
  world.fill(100s);
  CHECK_FALSE(world.take(500, 109s).granted);
  world.links.used(NamedWorld::name(0), MonotonicTime{109s});  // in vain
  const auto place = world.take(500, 110s);
  CHECK(place.granted);
  CHECK(place.leaves == NamedWorld::name(0));
  CHECK_FALSE(world.links.has(NamedWorld::name(0)));
  CHECK(world.links.has(NamedWorld::name(500)));
}

TEST_CASE("a link that works makes room when no branch has needed it for a while") {
  NamedWorld world;
  world.fill(100s);
  for (std::size_t i = 0; i < NamedLinks::kMost; ++i) {
    world.working.insert(NamedWorld::name(i));
    if (i != 7) world.links.used(NamedWorld::name(i), MonotonicTime{120s});
  }
  CHECK(world.take(500, 121s).leaves == NamedWorld::name(7));
  CHECK_FALSE(world.take(501, 121s).granted);
}

TEST_CASE("links of nodes that have greeted are kept while they work, half of the places at most") {
  NamedWorld world;
  world.fill(100s);
  for (std::size_t i = 0; i < NamedLinks::kMost; ++i) {
    world.working.insert(NamedWorld::name(i));
    world.links.keep(NamedWorld::name(i));
  }
  std::size_t made = 0;
  for (std::size_t i = 0; i < NamedLinks::kMost; ++i)
    made += world.take(500 + i, 200s).granted ? 1U : 0U;
  CHECK(made == NamedLinks::kMost / 2);
  CHECK(world.links.has(NamedWorld::name(0)));
  world.working.erase(NamedWorld::name(0));
  CHECK(world.take(900, 200s).leaves == NamedWorld::name(0));
}
