// Who has how many interactive transactions open, and how many more it may have.
#include "access/owners.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::access;
using namespace std::chrono_literals;
using protocol::Principal;
using protocol::PrincipalRole;

namespace {

constexpr std::size_t kCapacity = 8;  // so at most 4 each, and 6 in all

Gtid nth(std::uint64_t n) {
  return {CoordinatorTag{7}, Epoch{1}, n, Decider::kCoordinator};
}
Principal connection(std::uint64_t n) {
  auto out = Principal::anyone();
  out.connection = n;
  return out;
}

struct Table {
  Owners owners{100};
  Owners::Clock::time_point now{1h};
  std::uint64_t last = 0;

  bool begin(const Principal& who, bool detached = false, Duration deadline = 1min) {
    if (!owners.refuse_more(who, detached, kCapacity, now).empty()) return false;
    return owners.remember(nth(++last), {who, detached}, deadline, now);
  }
  int begin_all(const Principal& who, bool detached = false) {
    int n = 0;
    while (n < 50 && begin(who, detached)) ++n;
    return n;
  }
};

}  // namespace

TEST_CASE("one connection gets half of the places, and gets them back") {
  Table table;
  CHECK(table.begin_all(connection(1)) == 4);
  CHECK(table.begin_all(connection(2)) == 2);
  CHECK(table.begin_all(connection(3)) == 0);
  table.owners.forget(nth(1));
  table.owners.forget(nth(1));                 // told twice
  CHECK(table.begin_all(connection(1)) == 0);  // it is for somebody who has fewer
  CHECK(table.begin_all(connection(3)) == 1);
  CHECK(table.owners.size() == 6);
}

TEST_CASE("an identity is one party over all its connections") {
  Table table;
  Principal app{"prod", PrincipalRole::kApp, "shop", {}, 1};
  CHECK(table.begin_all(app) == 4);
  app.connection = 2;
  CHECK(table.begin_all(app) == 0);
  app.name = "billing";
  CHECK(table.begin_all(app) == 2);
}

TEST_CASE("detached ones of all clients together get half of the places") {
  Table table;
  CHECK(table.begin_all(connection(1), true) == 4);
  CHECK_FALSE(table.begin(connection(2), true));
  CHECK(table.begin(connection(2)));
}

TEST_CASE("what cannot be open any more holds no place") {
  Table table;
  CHECK(table.begin_all(connection(1), true) == 4);
  table.now += 1min;
  CHECK_FALSE(table.begin(connection(1), true));
  table.now += 1min;  // beyond the grace
  CHECK(table.begin_all(connection(1), true) == 4);
  CHECK(table.owners.size() == 4);
}

TEST_CASE("the table has an end, and one place is enough for everybody's first") {
  Owners owners(1);
  const Owners::Clock::time_point now{1h};
  CHECK(owners.refuse_more(connection(1), true, 1, now).empty());
  CHECK(owners.remember(nth(1), {connection(1), false}, 1min, now));
  CHECK_FALSE(owners.remember(nth(2), {connection(2), false}, 1min, now));
  CHECK(owners.find(nth(1))->who.connection == 1);
  CHECK_FALSE(owners.find(nth(2)));
}

TEST_CASE("a neighbour with many connections leaves places for others, most for other addresses") {
  Owners owners(100'000);
  constexpr std::size_t kPlaces = 10'000;
  const Owners::Clock::time_point now{1h};
  std::uint64_t last = 0;
  const auto begin_all = [&](std::uint64_t n, const std::string& source) {
    auto who = connection(n);
    who.source = source;
    std::size_t begun = 0;
    while (owners.refuse_more(who, false, kPlaces, now).empty() &&
           owners.remember(nth(++last), {who, false}, 1min, now))
      ++begun;
    return begun;
  };
  CHECK(begin_all(1, "192.0.2.1") == kPlaces / 2);
  CHECK(begin_all(2, "192.0.2.1") > 1'000);
  CHECK(begin_all(3, "192.0.2.1") > 300);
  for (std::uint64_t n = 4; n < 1'000; ++n) begin_all(n, "192.0.2.1");
  CHECK(owners.size() <= kPlaces * 3 / 4);  // a whole transaction in one request finds a place
  CHECK(begin_all(1'000, "192.0.2.1") == 0);
  CHECK(begin_all(1'001, "192.0.2.2") > 100);
  CHECK(begin_all(1'002, "192.0.2.3") > 30);
}
