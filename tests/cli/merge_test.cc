// Rows of many participants as one table.
#include "cli/merge.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::cli;
using namespace troth::protocol;

namespace {

BranchResult part(const char* name, std::vector<std::string> columns,
                  std::vector<std::vector<Value>> rows) {
  return {NodeName::from_trusted(name), {{std::move(columns), std::move(rows), 0}}};
}
Value number(std::int64_t n) {
  return n;
}

}  // namespace

TEST_CASE("parts are stacked with their participant and merged by any SELECT") {
  const auto parts = stacked(
      {part("p1", {"k", "n"}, {{std::string("a"), number(1)}}),
       part("p2", {"k", "n"}, {{std::string("a"), number(2)}, {std::string("b"), number(5)}})});
  REQUIRE(parts);
  CHECK(parts->columns == std::vector<std::string>{"participant", "k", "n"});
  CHECK(parts->rows.size() == 3);
  const auto sums = merged(*parts, "SELECT k, sum(n), count(*) FROM parts GROUP BY k ORDER BY k");
  REQUIRE(sums);
  CHECK(sums->rows == std::vector<std::vector<Value>>{{std::string("a"), number(3), number(2)},
                                                      {std::string("b"), number(5), number(1)}});
}

TEST_CASE("every value keeps its storage class; columns get names a table can have") {
  const std::vector<Value> row = {std::string("x"), number(1), 1.5, std::monostate{},
                                  Blob{std::string("\0z", 2)}};
  const auto parts = stacked({part("p1", {"a", "A", "count(*)", "", "a\"b"}, {row})});
  const auto all = merged(*parts, "SELECT * FROM parts");
  REQUIRE(all);
  CHECK(std::vector<Value>(all->rows.at(0).begin() + 1, all->rows.at(0).end()) == row);
  CHECK(all->columns[2] == "A_2");
}

TEST_CASE("what does not fit together is said") {
  CHECK_FALSE(stacked({part("p1", {"a"}, {}), part("p2", {"a", "b"}, {})}));
  const auto parts = stacked({part("p1", {"a"}, {{number(1)}})});
  CHECK(merged(*parts, "SELEC 1").error().code == ErrorCode::kInvalidArgument);
  CHECK(merged(*parts, "").error().code == ErrorCode::kInvalidArgument);
  CHECK(merged(*parts, "DELETE FROM parts").error().code == ErrorCode::kInvalidArgument);
  CHECK(merged(*stacked({}), "SELECT count(*) FROM parts")->rows.at(0).at(0) == number(0));
}
