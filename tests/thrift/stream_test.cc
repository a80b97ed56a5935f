// The one place that reads and writes sockets, on a real pair of them.
#include "thrift/wire/stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <thrift/transport/TTransportException.h>

#include <array>
#include <atomic>
#include <thread>

using namespace troth;
using namespace troth::thrift;
using namespace std::chrono_literals;

namespace troth::stream_test {
namespace {

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    here = make_plain_stream(fds[0]);
    there = make_plain_stream(fds[1]);
  }
  std::shared_ptr<Stream> here, there;
};

std::array<std::uint8_t, 16> buffer;

}  // namespace

TEST_CASE("a non-blocking stream tells nothing, bytes and the end apart") {
  Pair pair;
  CHECK(pair.here->is_silent());
  CHECK(pair.here->read(buffer).kind == IoResult::Kind::kWouldBlock);
  CHECK(pair.here->peek(buffer).kind == IoResult::Kind::kWouldBlock);
  REQUIRE(pair.there->write("abc").bytes == 3);
  CHECK_FALSE(pair.here->is_silent());
  CHECK(pair.here->peek(buffer).bytes == 3);
  CHECK(pair.here->read(buffer).bytes == 3);  // peeking took nothing away
  pair.there.reset();
  CHECK_FALSE(pair.here->is_silent());
  CHECK(pair.here->peek(buffer).kind == IoResult::Kind::kEnded);
  CHECK(pair.here->read(buffer).kind == IoResult::Kind::kEnded);
  CHECK(pair.here->write("x").kind == IoResult::Kind::kFailed);  // no SIGPIPE
}

TEST_CASE("a blocking read ends at its timeout, never earlier because of signals") {
  Pair pair;
  StreamTransport transport(pair.here, "un");
  pair.here->set_timeouts(200ms, 200ms);
  CHECK(transport.read(buffer.data(), 16) == 2);  // what was read before comes first
  struct sigaction action {};
  action.sa_handler = [](int) {};  // without SA_RESTART: recv() returns EINTR
  struct sigaction before {};
  ::sigaction(SIGUSR1, &action, &before);
  std::atomic<bool> over = false;
  const auto self = ::pthread_self();
  std::jthread profiler([&] {
    for (int i = 0; i < 50 && !over; ++i) {
      ::pthread_kill(self, SIGUSR1);
      std::this_thread::yield();
    }
    static_cast<void>(pair.there->write("late"));
  });
  CHECK(transport.read(buffer.data(), 16) == 4);
  over = true;
  profiler.join();
  try {
    transport.read(buffer.data(), 16);
    FAIL("nothing was sent");
  } catch (const apache::thrift::transport::TTransportException& e) {
    CHECK(e.getType() == apache::thrift::transport::TTransportException::TIMED_OUT);
  }
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("stop_reading() ends a read under way and lets an answer leave") {
  Pair pair;
  pair.here->set_blocking(true);
  pair.here->set_timeouts(20s, 20s);
  std::jthread stopper([&] { pair.here->stop_reading(); });
  CHECK(pair.here->read(buffer).kind == IoResult::Kind::kEnded);
  CHECK(pair.here->write("answer").bytes == 6);
  CHECK(pair.there->read(buffer).bytes == 6);
}

}  // namespace troth::stream_test
