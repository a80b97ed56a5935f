#include "engine/log_limit.h"

#include <doctest/doctest.h>

using namespace troth;
using std::chrono::seconds;

TEST_CASE("the first of each peer and kind is told at once, the others once a minute, counted") {
  LogLimit limit;
  const auto a = NodeName::from_trusted("a"), b = NodeName::from_trusted("b");
  MonotonicTime now{seconds(10)};
  CHECK(limit.note(a, "x", now) == 1);
  CHECK(limit.note(a, "y", now) == 1);
  CHECK(limit.note(b, "x", now) == 1);
  for (int i = 0; i < 59; ++i) {
    now = now + seconds(1);
    CHECK_FALSE(limit.note(a, "x", now));
    CHECK_FALSE(limit.note(a, "x", now));
  }
  now = now + seconds(1);
  CHECK(limit.note(a, "x", now) == 119);
  CHECK_FALSE(limit.note(a, "x", now));
  CHECK(limit.note(b, "x", now) == 1);
}

TEST_CASE("names without end take one entry, and make room when they are quiet") {
  LogLimit limit;
  MonotonicTime now{seconds(10)};
  std::uint64_t lines = 0;
  const auto strangers = [&](int first) {
    for (int i = first; i < first + 1000; ++i)
      if (limit.note(NodeName::from_trusted("s" + std::to_string(i)), "x", now)) ++lines;
  };
  strangers(0);
  CHECK(lines == LogLimit::kMostKinds + 1);
  now = now + seconds(60);
  strangers(1000);
  CHECK(lines <= 2 * (LogLimit::kMostKinds + 1));
  CHECK(lines > LogLimit::kMostKinds + 1);
}
