#include "coordinator/remembered_outcomes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <vector>

using namespace troth;
using namespace troth::coordinator;

namespace {

Gtid gtid(std::uint64_t sequence, std::uint32_t epoch = 1, std::uint64_t tag = 77) {
  return {CoordinatorTag{tag}, {epoch}, sequence, Decider::kCoordinator};
}

RememberedOutcomes::Entry committed() {
  RememberedOutcomes::Entry out;
  out.outcome = Outcome::kCommitted;
  out.ended = {std::chrono::milliseconds(1234567)};
  return out;
}

RememberedOutcomes::Entry aborted(const std::string& why) {
  RememberedOutcomes::Entry out;
  out.outcome = Outcome::kAborted;
  out.attempts = 3;
  out.reason = {AbortCode::kConstraint, why, NodeName::from_trusted("p1"), 2};
  return out;
}

}  // namespace

TEST_CASE("what is remembered comes back as it was") {
  RememberedOutcomes all;
  CHECK_FALSE(all.find(gtid(1)));
  auto three = committed();
  three.three_phase = three.replayed = true;
  all.add(gtid(1), committed());
  all.add(gtid(2), aborted("row 7"));
  all.add(gtid(3), std::move(three));
  all.set_comment(gtid(1), "order 7");
  all.set_comment(gtid(9), "nobody");
  const auto first = all.find(gtid(1));
  REQUIRE(first);
  CHECK(first->outcome == Outcome::kCommitted);
  CHECK(first->attempts == 1);
  CHECK(first->reason == nullptr);
  CHECK(*first->comment == "order 7");
  CHECK(first->ended == MonotonicTime{std::chrono::milliseconds(1234567)});
  CHECK_FALSE(first->three_phase);
  const auto second = all.find(gtid(2));
  REQUIRE(second);
  CHECK(second->outcome == Outcome::kAborted);
  CHECK(second->attempts == 3);
  CHECK(second->reason->detail == "row 7");
  CHECK(second->reason->statement == 2);
  CHECK(second->comment == nullptr);
  CHECK(all.find(gtid(3))->three_phase);
  CHECK(all.find(gtid(3))->replayed);
  CHECK(all.size() == 3);
}

TEST_CASE("what changes stays in its place and loses what it had") {
  RememberedOutcomes all;
  all.add(gtid(1), aborted("first"));
  all.add(gtid(2), committed());
  all.add(gtid(1), committed());
  CHECK(all.size() == 2);
  CHECK(all.gtid_at(0) == gtid(1));
  CHECK(all.find(gtid(1))->outcome == Outcome::kCommitted);
  CHECK(all.find(gtid(1))->reason == nullptr);
  CHECK(all.find(gtid(1))->attempts == 1);
  all.forget_oldest();
  CHECK_FALSE(all.find(gtid(1)));
  CHECK(all.place_of(gtid(2)) == 0);
}

TEST_CASE("of any coordinator and epoch, found and forgotten as a map would") {
  RememberedOutcomes all;
  std::map<Gtid, RememberedOutcomes::Entry> twin;
  std::vector<Gtid> order;
  std::optional<Gtid> first;
  std::mt19937 random(7);
  for (int step = 0; step < 60'000; ++step) {
    const auto kind = random() % 16;
    const auto sequence = std::uint64_t{random() % 5'000};
    // Now and then of a coordinator before this log was adopted, or of epoch 65536 and later.
    const auto it = gtid(sequence, kind == 0 ? 70'000 : 3, kind == 1 ? 78 : 77);
    if (kind < 12) {
      const auto entry = kind % 3 == 0 ? aborted(std::to_string(step)) : committed();
      all.add(it, RememberedOutcomes::Entry(entry));
      if (!first) first = it;
      if (!twin.contains(it)) order.push_back(it);
      twin[it] = entry;
    }
    while (order.size() > 1'500) {
      all.forget_oldest();
      twin.erase(order.front());
      order.erase(order.begin());
    }
    const auto found = all.find(it);
    REQUIRE(found.has_value() == twin.contains(it));
    if (found) {
      REQUIRE(found->outcome == twin[it].outcome);
      REQUIRE(found->attempts == twin[it].attempts);
      REQUIRE((found->reason == nullptr ? "" : found->reason->detail) == twin[it].reason.detail);
    }
  }
  REQUIRE(all.size() == order.size());
  CHECK(static_cast<std::size_t>(std::count_if(order.begin(), order.end(), [&](const Gtid& g) {
          return twin[g].attempts > 1 || g.high() != first->high();
        })) == all.larger());
  for (std::size_t place = 0; place < order.size(); ++place) {
    REQUIRE(all.gtid_at(place) == order[place]);
    REQUIRE(all.place_of(order[place]) == place);
  }
}
