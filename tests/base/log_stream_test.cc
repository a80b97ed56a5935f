// A log that nobody reads, for a while or for ever.
#include "os/log_stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>

using namespace troth;

namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    reader = ends[0];
    writer = ends[1];
    REQUIRE(::fcntl(writer, F_SETPIPE_SZ, 4096) == 4096);
  }
  ~Pipe() {
    ::close(reader);
    ::close(writer);
  }
  /// Waits until `bytes` have come.
  std::string read(std::size_t bytes) const {
    std::string out;
    std::array<char, 4096> buffer{};
    while (out.size() < bytes) {
      const auto got = ::read(reader, buffer.data(), std::min(buffer.size(), bytes - out.size()));
      REQUIRE(got > 0);
      out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return out;
  }
  int reader = -1, writer = -1;
};

std::string tell(std::uint64_t lines) {
  return "dropped " + std::to_string(lines) + "\n";
}

}  // namespace

TEST_CASE("a pipe that is not read holds nobody up; what it missed is counted and told") {
  Pipe pipe;
  LogStream log(pipe.writer, tell);
  const std::string line = std::string(999, 'x') + "\n";
  constexpr std::size_t kLines = 1500;
  for (std::size_t i = 0; i < kLines; ++i) log.write(line);
  const auto dropped = log.dropped();
  CHECK(dropped > 0);
  const auto kept = kLines - dropped;
  CHECK(kept * line.size() <= LogStream::kBacklogBytes + 8192);
  const auto seen = pipe.read(kept * line.size() + tell(dropped).size());
  for (std::size_t i = 0; i < kept; ++i) CHECK(seen.compare(i * 1000, 1000, line) == 0);
  CHECK(seen.substr(kept * 1000) == tell(dropped));
  log.write("after\n");
  CHECK(pipe.read(6) == "after\n");
  // The flag of the caller's own descriptor is as it was: others may use it.
  CHECK((::fcntl(pipe.writer, F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("a stream ends although nobody will ever read") {
  Pipe pipe;
  auto log = std::make_unique<LogStream>(pipe.writer, tell);
  for (int i = 0; i < 100; ++i) log->write(std::string(1000, 'x') + "\n");
  const auto began = std::chrono::steady_clock::now();
  log.reset();
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
}
