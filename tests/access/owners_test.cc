// Who has how many interactive transactions open, and how many more it may have.
#include "access/owners.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::access;
using namespace std::chrono_literals;
using protocol::Principal;
using protocol::PrincipalRole;

namespace {

constexpr std::size_t kCapacity = 8;  // so 4 each

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
  CHECK(table.begin_all(connection(2)) == 4);
  table.owners.forget(nth(1));
  table.owners.forget(nth(1));  // told twice
  CHECK(table.begin_all(connection(1)) == 1);
  CHECK(table.owners.size() == 8);
}

TEST_CASE("an identity is one party over all its connections") {
  Table table;
  Principal app{"prod", PrincipalRole::kApp, "shop", {}, 1};
  CHECK(table.begin_all(app) == 4);
  app.connection = 2;
  CHECK(table.begin_all(app) == 0);
  app.name = "billing";
  CHECK(table.begin_all(app) == 4);
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
