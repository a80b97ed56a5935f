// The checker finds every anomaly it promises, and nothing in a history that is sound.
#include "tests/isolation/checker.h"

#include <doctest/doctest.h>

using namespace troth::isolation;

namespace {

const ListName kX{"p1", 1}, kY{"p2", 1};

Transaction committed(std::vector<Read> reads, std::vector<Append> appends, std::int64_t began = 1,
                      std::int64_t answered = 0) {
  return {Ended::kCommitted, began, answered, std::move(reads), std::move(appends)};
}
std::string first_of(const std::vector<Transaction>& history, const Lists& lists) {
  const auto found = check(history, lists);
  return found.empty() ? "" : found.front().substr(0, found.front().find(':'));
}

}  // namespace

TEST_CASE("a serial history has no anomaly") {
  const std::vector<Transaction> history = {
      committed({}, {{kX, 1}, {kY, 2}}, 1, 2),
      committed({{kX, {1}}, {kX, {1, 3}}}, {{kX, 3}}, 3, 4),
      committed({{kX, {1, 3}}, {kY, {2}}}, {}, 5, 6),
      {Ended::kAborted, 5, 6, {}, {{kX, 9}}},
  };
  CHECK(check(history, {{kX, {1, 3}}, {kY, {2}}}).empty());
}

TEST_CASE("every anomaly is named") {
  SUBCASE("G0: two transactions overwrite each other in different orders") {
    CHECK(first_of({committed({}, {{kX, 1}, {kY, 2}}), committed({}, {{kX, 3}, {kY, 4}})},
                   {{kX, {1, 3}}, {kY, {4, 2}}}) == "G0");
  }
  SUBCASE("G1a: a read of what was aborted") {
    CHECK(first_of({{Ended::kAborted, 1, 2, {}, {{kX, 1}}}, committed({{kX, {1}}}, {})},
                   {{kX, {}}}) == "G1a");
    CHECK(first_of({{Ended::kAborted, 1, 2, {}, {{kX, 1}}}}, {{kX, {1}}}) == "G1a");
  }
  SUBCASE("G1b: a read of half a transaction") {
    CHECK(first_of({committed({}, {{kX, 1}, {kX, 2}}), committed({{kX, {1}}}, {})},
                   {{kX, {1, 2}}}) == "G1b");
  }
  SUBCASE("G1c: each has read what the other wrote") {
    CHECK(first_of({committed({{kY, {2}}}, {{kX, 1}}), committed({{kX, {1}}}, {{kY, 2}})},
                   {{kX, {1}}, {kY, {2}}}) == "G1c");
  }
  SUBCASE("G-single: a fractured read across databases") {
    CHECK(first_of({committed({}, {{kX, 1}, {kY, 2}}), committed({{kX, {1}}, {kY, {}}}, {})},
                   {{kX, {1}}, {kY, {2}}}) == "G-single");
  }
  SUBCASE("G-single: a lost update") {
    CHECK(first_of({committed({{kX, {}}}, {{kX, 1}}), committed({{kX, {}}}, {{kX, 2}})},
                   {{kX, {1, 2}}}) == "G-single");
  }
  SUBCASE("G2: write skew") {
    CHECK(first_of({committed({{kX, {}}, {kY, {}}}, {{kX, 1}}),
                    committed({{kX, {}}, {kY, {}}}, {{kY, 2}})},
                   {{kX, {1}}, {kY, {2}}}) == "G2");
  }
  SUBCASE("G2: a long fork") {
    CHECK(first_of({committed({}, {{kX, 1}}), committed({}, {{kY, 2}}),
                    committed({{kX, {1}}, {kY, {}}}, {}), committed({{kX, {}}, {kY, {2}}}, {})},
                   {{kX, {1}}, {kY, {2}}}) == "G2");
  }
  SUBCASE("real time: a stale read") {
    CHECK(first_of({committed({}, {{kX, 1}}, 1, 2), committed({{kX, {}}}, {}, 3, 4)},
                   {{kX, {1}}}) == "real time");
  }
  SUBCASE("a committed append is missing, or there twice") {
    CHECK(first_of({committed({}, {{kX, 1}})}, {{kX, {}}}) == "lost");
    CHECK(first_of({committed({}, {{kX, 1}})}, {{kX, {1, 1}}}) == "twice");
  }
}

TEST_CASE("an answer that never came orders nothing in time") {
  CHECK(check({committed({}, {{kX, 1}}, 1, 0), committed({{kX, {}}}, {}, 3, 4)}, {{kX, {1}}})
            .empty());
}
