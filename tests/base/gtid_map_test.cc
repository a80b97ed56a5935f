#include "base/gtid_map.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/support/random.h"

using namespace troth;

namespace {

Gtid gtid_for(std::uint64_t coordinator, std::uint32_t epoch, std::uint64_t sequence) {
  return {CoordinatorTag{coordinator}, Epoch{epoch}, sequence, Decider::kCoordinator};
}

void compare_maps(const GtidMap<int>& map, const std::map<Gtid, int>& model) {
  REQUIRE(map.size() == model.size());
  auto at = map.begin();
  for (const auto& [gtid, value] : model) {
    REQUIRE(at != map.end());
    CHECK(at->first == gtid);
    CHECK(at->second == value);
    CHECK(map.find(gtid) == at);
    ++at;
  }
  CHECK(at == map.end());
  auto back = map.end();
  for (auto known = model.rbegin(); known != model.rend(); ++known)
    REQUIRE((--back)->first == known->first);
}

}  // namespace

TEST_CASE("a map by gtid does what std::map does, whatever comes and goes") {
  tests::Random random(7);
  GtidMap<int> map;
  std::map<Gtid, int> model;
  const auto any = [&] {
    // Three coordinators, two epochs that share no upper half: 1 and 65536.
    return gtid_for(1 + random.below(3), random.below(2) == 0 ? 1U : 1U << 16, random.below(40));
  };
  for (int step = 0; step < 6000; ++step) {
    const Gtid gtid = any();
    switch (random.below(4)) {
      case 0:
      case 1:
        CHECK(map.emplace(gtid, int{step}).second == model.emplace(gtid, step).second);
        break;
      case 2: {
        const auto found = map.find(gtid);
        CHECK((found != map.end()) == (model.count(gtid) == 1));
        if (found == map.end()) break;
        const auto expected = model.erase(model.find(gtid));
        const auto after = map.erase(found);
        CHECK((after == map.end()) == (expected == model.end()));
        if (expected != model.end()) CHECK(after->first == expected->first);
        break;
      }
      default: {
        const auto low = map.lower_bound(gtid);
        const auto known_low = model.lower_bound(gtid);
        REQUIRE((low == map.end()) == (known_low == model.end()));
        if (low != map.end()) CHECK(low->first == known_low->first);
        const auto up = std::as_const(map).upper_bound(gtid);
        const auto known_up = model.upper_bound(gtid);
        REQUIRE((up == std::as_const(map).end()) == (known_up == model.end()));
        if (known_up != model.end()) CHECK(up->first == known_up->first);
      }
    }
    if (step % 500 == 0) compare_maps(map, model);
  }
  compare_maps(map, model);
}

TEST_CASE("what was added stays where it is while others come and go") {
  GtidMap<int> map;
  const auto first = map.emplace(gtid_for(1, 1, 5), 5).first;
  for (int i = 6; i < 3000; ++i) map.emplace(gtid_for(1, 1, static_cast<std::uint64_t>(i)), int{i});
  for (std::uint64_t i = 7; i < 3000; i += 2) map.erase(map.find(gtid_for(1, 1, i)));
  CHECK(first->second == 5);
  CHECK(std::next(first)->second == 6);
  CHECK(map.at(gtid_for(1, 1, 2998)) == 2998);
  CHECK(map.count(gtid_for(1, 1, 2999)) == 0);
}
