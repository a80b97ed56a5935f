// What an unknown caller of the HTTP port can and cannot have: time, memory and names.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "http/allowed_hosts.h"
#include "http/bounded_stream.h"

using namespace troth;
using namespace troth::http;
using namespace std::chrono_literals;

namespace troth::limits_test {
namespace {

struct Pair {
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0); }
  ~Pair() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
  void say(std::string_view text) { REQUIRE(::write(fds[1], text.data(), text.size()) > 0); }
  int fds[2];
};

/// Bytes that could be read until it failed or ended.
std::size_t read_all(BoundedStream& stream) {
  std::size_t total = 0;
  char byte = 0;
  while (stream.read(&byte, 1) == 1) ++total;
  return total;
}

}  // namespace

TEST_CASE("a head that drips ends at its deadline, though every byte comes in time") {
  Pair pair;
  RequestLimits limits;
  limits.head_time = 150ms;
  BoundedStream stream(pair.fds[0], limits);
  std::jthread dripper([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      static_cast<void>(!::write(pair.fds[1], "X: y\r\n", 6));
      std::this_thread::sleep_for(5ms);
    }
  });
  REQUIRE(stream.await_request(10s));
  stream.begin_request();
  const auto began = std::chrono::steady_clock::now();
  read_all(stream);
  CHECK(stream.failed());
  CHECK(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("a head has a size, a body beyond it does not count as head") {
  Pair pair;
  RequestLimits limits;
  limits.head_bytes = 64;
  limits.request_bytes = 200;
  limits.head_time = limits.request_time = 10s;
  {
    BoundedStream stream(pair.fds[0], limits);
    pair.say("GET / HTTP/1.1\r\n\r\n" + std::string(100, 'b'));
    stream.begin_request();
    char bytes[118];
    std::size_t total = 0;
    while (total < sizeof bytes) {
      const auto n = stream.read(bytes + total, sizeof bytes - total);
      REQUIRE(n > 0);
      total += static_cast<std::size_t>(n);
    }
  }
  BoundedStream stream(pair.fds[0], limits);
  pair.say("GET / HTTP/1.1\r\n" + std::string(100, 'h'));
  stream.begin_request();
  CHECK(read_all(stream) == 64);
}

TEST_CASE("what came with one request is there for the next") {
  Pair pair;
  BoundedStream stream(pair.fds[0], {});
  pair.say("ab");
  stream.begin_request();
  char byte = 0;
  REQUIRE(stream.read(&byte, 1) == 1);
  CHECK(stream.await_request(0ms));
  stream.begin_request();
  REQUIRE(stream.read(&byte, 1) == 1);
  CHECK(byte == 'b');
  CHECK_FALSE(stream.await_request(0ms));
}

TEST_CASE("names by which the port may be called") {
  const AllowedHosts hosts("db1.example, Metrics.Example");
  for (const auto* good : {"", "127.0.0.1", "127.0.0.1:9180", "[::1]:9180", "::1", "localhost:1",
                           "LOCALHOST", "localhost.", "db1.example:9180", "metrics.example"})
    CHECK_MESSAGE(hosts.allows(good), good);
  for (const auto* bad : {"evil.example", "evil.example:9180", "127.0.0.1.evil.example",
                          "xdb1.example", "localhost.evil.example", "0x7f.1"})
    CHECK_FALSE_MESSAGE(hosts.allows(bad), bad);
  CHECK(AllowedHosts("*").allows("evil.example"));
}

}  // namespace troth::limits_test
