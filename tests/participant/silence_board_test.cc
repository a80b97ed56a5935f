#include "participant/silence_board.h"

#include <doctest/doctest.h>

using namespace troth;
using Stage = SilentStatement::Stage;

TEST_CASE("a silent statement is shown until it comes back") {
  participant::SilenceBoard board;
  CHECK_FALSE(board.text());
  CHECK_FALSE(board.take({"abc (5 bytes)", std::chrono::seconds(10), Stage::kSilent}));
  REQUIRE(board.text());
  CHECK(board.text()->find("statement abc (5 bytes)") != std::string::npos);
  CHECK(board.text()->find("10000 ms") != std::string::npos);
  CHECK_FALSE(board.take({"abc (5 bytes)", std::chrono::seconds(11), Stage::kCameBack}));
  CHECK_FALSE(board.text());
}

TEST_CASE("a hopeless statement ends the process, which is not corruption") {
  participant::SilenceBoard board;
  const auto end = board.take({"abc (5 bytes)", std::chrono::seconds(15), Stage::kHopeless});
  REQUIRE(end);
  CHECK(exit_code(end->code) == 69);
  CHECK(board.text());
}
