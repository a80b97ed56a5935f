#include "participant/locks/lock_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

using namespace troth;
using namespace troth::participant;

namespace {

Gtid gtid(std::uint64_t n) {
  return Gtid({1}, {1}, n, Decider::kCoordinator);
}
Priority age(std::uint64_t n) {
  return {static_cast<std::int64_t>(n), gtid(n)};
}
LockRequest table(LockMode mode) {
  return {{1, Resource::kWholeTable, {}}, mode};
}
LockRequest row(const char* key, LockMode mode) {
  return {{1, 0, key}, mode};
}

}  // namespace

TEST_CASE("the compatibility of modes (Gray and Reuter, table 8.x)") {
  using enum LockMode;
  const LockMode modes[] = {kIS, kIX, kS, kSIX, kX};
  const bool expected[5][5] = {{true, true, true, true, false},
                               {true, true, false, false, false},
                               {true, false, true, false, false},
                               {true, false, false, false, false},
                               {false, false, false, false, false}};
  for (int a = 0; a < 5; ++a)
    for (int b = 0; b < 5; ++b) {
      CHECK(compatible(modes[a], modes[b]) == expected[a][b]);
      CHECK(combined(modes[a], modes[b]) == combined(modes[b], modes[a]));
      for (const auto other : modes)  // the combination forbids whatever either forbids
        CHECK(compatible(combined(modes[a], modes[b]), other) ==
              (compatible(modes[a], other) && compatible(modes[b], other)));
    }
}

TEST_CASE("all or nothing, and the holders are named") {
  LockTable locks;
  CHECK(locks.try_acquire(gtid(1), age(1), {table(LockMode::kIX), row("a", LockMode::kX)}).granted);
  const auto blocked = locks.try_acquire(
      gtid(2), age(2), {table(LockMode::kIX), row("b", LockMode::kX), row("a", LockMode::kX)});
  CHECK_FALSE(blocked.granted);
  CHECK(blocked.holders == std::vector{gtid(1)});
  CHECK(locks.try_acquire(gtid(3), age(3), {table(LockMode::kIX), row("b", LockMode::kX)}).granted);
}

TEST_CASE("waiters are granted oldest first and hold what they wanted") {
  LockTable locks;
  locks.try_acquire(gtid(1), age(1), {row("a", LockMode::kX)});
  locks.enqueue(gtid(3), age(3), {row("a", LockMode::kX)});
  locks.enqueue(gtid(2), age(2), {row("a", LockMode::kX)});
  CHECK(locks.release(gtid(1)) == std::vector{gtid(2)});
  CHECK(locks.release(gtid(2)) == std::vector{gtid(3)});
  CHECK(locks.release(gtid(3)).empty());
  CHECK(locks.locks() == 0);
}

TEST_CASE("a younger request does not overtake an older waiter") {
  LockTable locks;
  locks.try_acquire(gtid(1), age(1), {table(LockMode::kIX)});
  locks.enqueue(gtid(2), age(2), {table(LockMode::kS)});
  CHECK_FALSE(locks.try_acquire(gtid(3), age(3), {table(LockMode::kIX)}).granted);
  CHECK(locks.release(gtid(1)) == std::vector{gtid(2)});
}

TEST_CASE("two attempts of one transaction wait side by side, although they have one age") {
  LockTable locks;
  locks.try_acquire(gtid(1), age(1), {row("a", LockMode::kX)});
  locks.enqueue(gtid(5), age(2), {row("a", LockMode::kX)});
  locks.enqueue(gtid(6), age(2), {row("a", LockMode::kX)});
  CHECK(locks.waiters() == 2);
  CHECK(locks.release(gtid(5)).empty());  // the first one was aborted meanwhile
  CHECK(locks.release(gtid(1)) == std::vector{gtid(6)});
}

TEST_CASE("a branch that has executed something keeps it while it waits for more") {
  LockTable locks;
  locks.try_acquire(gtid(1), age(1), {row("a", LockMode::kX)});
  locks.try_acquire(gtid(2), age(2), {row("b", LockMode::kX)});
  CHECK(locks.enqueue(gtid(2), age(2), {row("a", LockMode::kX)}, LockTable::Held::kKeep).empty());
  const auto blocked = locks.try_acquire(gtid(3), age(3), {row("b", LockMode::kX)});
  CHECK(blocked.holders == std::vector{gtid(2)});
  CHECK(locks.release(gtid(1)) == std::vector{gtid(2)});
  CHECK(locks.locks() == 2);
  // An upgrade counts its own lock as no obstacle.
  locks.try_acquire(gtid(4), age(4), {row("c", LockMode::kS)});
  CHECK(locks.try_acquire(gtid(4), age(4), {row("c", LockMode::kX)}).granted);
}

TEST_CASE("random work never grants two incompatible locks, and everybody gets a turn") {
  std::mt19937 random(7);
  LockTable locks;
  struct Owner {
    std::vector<LockRequest> wanted;
    bool holds = false;
  };
  std::map<std::uint64_t, Owner> owners;
  std::uint64_t next = 1, finished = 0;
  const auto check = [&] {
    for (const auto& [a, x] : owners)
      for (const auto& [b, y] : owners) {
        if (a >= b || !x.holds || !y.holds) continue;
        for (const auto& p : x.wanted)
          for (const auto& q : y.wanted)
            if (p.resource == q.resource) REQUIRE(compatible(p.mode, q.mode));
      }
  };
  for (int i = 0; i < 3000; ++i) {
    if (owners.size() < 8) {
      Owner owner;
      for (int k = 0; k < 3; ++k)
        owner.wanted.push_back({{1, 0, std::string(1, static_cast<char>('a' + random() % 4))},
                                random() % 2 == 0 ? LockMode::kS : LockMode::kX});
      const auto id = next++;
      owner.holds = locks.try_acquire(gtid(id), age(id), owner.wanted).granted;
      if (!owner.holds) locks.enqueue(gtid(id), age(id), owner.wanted);
      owners[id] = owner;
    } else {
      auto holder = owners.begin();
      while (!holder->second.holds) ++holder;
      const auto id = holder->first;
      owners.erase(holder);
      ++finished;
      for (const auto& woken : locks.release(gtid(id))) owners.at(woken.sequence()).holds = true;
    }
    check();
  }
  CHECK(finished > 1000);
}

TEST_CASE("long and short lists of holders answer what plain lists answer") {
  constexpr std::uint32_t kTables = 3;
  std::mt19937_64 random(7);
  LockHolders holders;
  std::map<std::uint64_t, std::map<std::uint32_t, LockMode>> plain;  // by owner
  const auto resource = [](std::uint32_t number) {
    return Resource{number, Resource::kWholeTable, {}};
  };
  const auto others = [&](std::uint64_t owner, std::uint32_t table, auto matters) {
    return std::any_of(plain.begin(), plain.end(), [&](const auto& held) {
      const auto mode = held.second.find(table);
      return held.first != owner && mode != held.second.end() && matters(mode->second);
    });
  };
  std::size_t size = 0;
  for (int step = 0; step < 20000; ++step) {
    // Long phases of growing and of shrinking, so that it is often empty, short and long.
    const bool grows = (step / 500) % 2 == 0;
    const std::uint64_t owner = random() % 200;
    const auto table = static_cast<std::uint32_t>(random() % kTables);
    const auto mode = static_cast<LockMode>(random() % (random() % 20 == 0 ? 5 : 2));
    if (random() % 4 != 0 ? grows : !grows) {
      holders.add(gtid(owner), holders.owned_by(gtid(owner)), {resource(table), mode},
                  holders.find(resource(table)));
      const auto [held, is_new] = plain[owner].emplace(table, mode);
      if (!is_new) held->second = combined(held->second, mode);
      size += is_new ? 1 : 0;
    } else if (const auto known = plain.find(owner); known != plain.end()) {
      std::vector<LockRequest> freed;
      holders.release(gtid(owner), &freed);
      REQUIRE(freed.size() == known->second.size());
      for (const auto& one : freed) CHECK(known->second.at(one.resource.table) == one.mode);
      size -= freed.size();
      plain.erase(known);
    }
    REQUIRE(holders.size() == size);
    const std::uint64_t asks = random() % 200;
    const auto wanted = static_cast<LockMode>(random() % 5);
    const auto asked = static_cast<std::uint32_t>(random() % kTables);
    const auto blocks = [&](LockMode held) { return !compatible(held, wanted); };
    const auto* head = holders.find(resource(asked));
    REQUIRE((head != nullptr) == others(~0ull, asked, [](LockMode) { return true; }));
    if (head == nullptr) continue;
    std::vector<Gtid> named;
    LockHolders::name_blockers(*head, gtid(asks), wanted, named);
    CHECK(LockHolders::blocks(*head, holders.owned_by(gtid(asks)), wanted) ==
          others(asks, asked, blocks));
    CHECK(named.empty() == !others(asks, asked, blocks));
    CHECK(holders.others_write(gtid(asks), resource(asked)) ==
          others(asks, asked, [](LockMode held) {
            return held == LockMode::kIX || held == LockMode::kSIX || held == LockMode::kX;
          }));
  }
}
