// Whoever can cause a log line does not fill the log.
#include "os/log_pace.h"

#include <doctest/doctest.h>

using troth::LogPace;

namespace {

/// How many of `lines` equal ones are written.
std::uint32_t written(LogPace& pace, const char* text, const std::string& peer, int lines,
                      LogPace::Clock::time_point at) {
  std::uint32_t out = 0;
  for (int i = 0; i < lines; ++i) out += pace.pass(text, peer, at) ? 1 : 0;
  return out;
}

}  // namespace

TEST_CASE("one peer's lines of one kind are bounded; other peers and kinds are heard") {
  LogPace pace;
  const auto now = LogPace::Clock::now();
  CHECK(written(pace, "refused a message", "p2", 200'000, now) == LogPace::kForPeer);
  CHECK(pace.left_out() == 200'000 - LogPace::kForPeer);
  CHECK(pace.pass("refused a message", "p3", now) == 200'000 - LogPace::kForPeer);
  CHECK(pace.pass("link down", "p2", now) == 0);
  CHECK_FALSE(pace.pass("refused a message", "p2", now));
  CHECK(pace.pass("refused a message", "p2", now + LogPace::kWindow) == 1);
}

TEST_CASE("a new name for each line does not help") {
  LogPace pace;
  const auto now = LogPace::Clock::now();
  std::uint32_t lines = 0;
  for (int i = 0; i < 20'000; ++i)
    lines += pace.pass("refused a greeting", std::to_string(i), now) ? 1 : 0;
  CHECK(lines == LogPace::kForAll);
}
