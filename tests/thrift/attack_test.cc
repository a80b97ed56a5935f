// Whatever arrives on the port, the server goes on answering others (docs/rpc.md 1.6).

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <troth_idl/Peer.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <thread>

#include "fakes.h"
#include "thrift/server/server.h"
#include "thrift/wire/dial.h"
#include "thrift/wire/wire.h"
#include "troth/client.h"

namespace attack_test {

using namespace troth;
using namespace troth::thrift;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace {

std::string be32(std::uint32_t v) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((v >> shift) & 0xff);
  return out;
}
std::string framed(const std::string& body) {
  return be32(static_cast<std::uint32_t>(body.size())) + body;
}
/// A strict message head for `method`, a struct whose field 1 (the request) is a struct opened.
std::string call_to(const std::string& method) {
  return be32(0x80010001) + be32(static_cast<std::uint32_t>(method.size())) + method + be32(1) +
         std::string("\x0c\x00\x01", 3);
}

int raw_connect(std::uint16_t port) {
  const auto stream = dial({"127.0.0.1", port}, 2s, nullptr);
  REQUIRE(stream);
  (*stream)->set_blocking(true);
  return ::dup((*stream)->fd());  // an attacker's bytes go past everything of ours
}
void send_all(int fd, const std::string& bytes) {
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}
/// Everything the server sends until it closes; a server that keeps the connection fails the test.
std::string read_until_closed(int fd) {
  std::string out;
  char buffer[4096];
  for (;;) {
    pollfd state{fd, POLLIN, 0};
    REQUIRE_MESSAGE(::poll(&state, 1, 20'000) == 1, "the server neither answers nor closes");
    const auto n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
  }
}

struct World {
  explicit World(ServerOptions options = {}) {
    ServerInfo info;
    info.name = name("c1");
    auto started = Server::start(options, {protocol::everybody_may(), &coordinator, &admin, &peer},
                                 info, Logger());
    REQUIRE(started);
    server = std::move(*started);
  }
  bool answers() {
    ClientOptions options;
    options.endpoints = {"127.0.0.1:" + std::to_string(server->port())};
    return Client(options).server_info().has_value();
  }
  FakeCoordinator coordinator;
  FakeAdmin admin;
  FakePeer peer{"c1"};
  std::unique_ptr<Server> server;
};

}  // namespace

TEST_CASE("attacks close their own connection only") {
  World world;
  const std::string list_of_structs = std::string("\x0f\x00\x03\x0c", 4);  // field 3: list<struct>
  const std::string batch = call_to("Peer:deliver");
  const std::string text_field = std::string("\x0b\x00\x02", 3);
  struct Row {
    const char* what;
    std::string bytes;
  };
  const Row rows[] = {
      {"random bytes", std::string("\xde\xad\xbe\xef\x01\x02\x03\x04 garbage", 16)},
      {"http", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
      {"negative frame length", be32(0x80000000) + "x"},
      {"frame above the limit", be32(0x7fffffff) + "x"},
      {"unframed strict message", be32(0x80010001) + be32(3) + "abc" + be32(1)},
      {"old-style message without version", framed(be32(13) + "getServerInfo" + "\x01" + be32(1))},
      {"empty frame body of one byte", framed("\x80")},
      {"list of 2,000,000,000 structs", framed(batch + list_of_structs + be32(2'000'000'000))},
      {"list of 20,000,000 structs", framed(batch + list_of_structs + be32(20'000'000))},
      {"negative list", framed(batch + list_of_structs + be32(0xffffffff))},
      {"string of 2,000,000,000",
       framed(call_to("Coordinator:getOutcome") + text_field + be32(2'000'000'000) + "x")},
      {"string within the limit but beyond its frame",
       framed(call_to("Coordinator:getOutcome") + text_field + be32(15'000'000) + "x")},
      {"negative string",
       framed(call_to("Coordinator:getOutcome") + text_field + be32(0xffffffff))},
      {"method name of 2,000,000,000", framed(be32(0x80010001) + be32(2'000'000'000) + "x")},
      {"unknown field type", framed(batch + std::string("\x6f\x00\x09", 3) + "zzzz")},
      {"a reply instead of a call", framed(be32(0x80010002) + be32(1) + "x" + be32(1) + '\0')},
      {"more lists of one-byte structs than memory is for",
       framed(call_to("Coordinator:submitBatch") + std::string("\x0f\x00\x01\x0c", 4) +
              be32(200'000) + std::string(200'000, '\0') + std::string("\x0f\x00\x02\x0c", 4) +
              be32(200'000) + std::string(200'000, '\0') + std::string("\x0f\x00\x03\x0c", 4) +
              be32(200'000) + std::string(200'000, '\0') + std::string(2, '\0'))},
      {"5,000 messages of one byte", framed(batch + list_of_structs + be32(5'000) +
                                            std::string(5'000, '\0') + std::string(2, '\0'))},
      {"list of 250,000 structs that is cut", framed(batch + list_of_structs + be32(250'000))},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const int fd = raw_connect(world.server->port());
    send_all(fd, row.bytes);
    ::shutdown(fd, SHUT_WR);
    static_cast<void>(read_until_closed(fd));
    ::close(fd);
    CHECK(world.answers());
  }
}

TEST_CASE("malformed requests close the connection without waiting for more") {
  World world;
  const int fd = raw_connect(world.server->port());
  send_all(fd, framed(call_to("Peer:deliver") + std::string("\x0f\x00\x03\x0c", 4) +
                      be32(2'000'000'000)));
  static_cast<void>(read_until_closed(fd));  // although our side is still open
  ::close(fd);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their malloc aborts instead
TEST_CASE("running out of memory while reading closes that connection only") {
  ServerOptions options;
  options.max_container_items = std::numeric_limits<int>::max();
  World world(options);
  const int fd = raw_connect(world.server->port());
  send_all(fd, framed(call_to("Peer:deliver") + std::string("\x0f\x00\x03\x0c", 4) +
                      be32(2'147'000'000)));
  static_cast<void>(read_until_closed(fd));
  ::close(fd);
  CHECK(world.answers());
}
#endif

namespace {

/// What a protocol of the server's limits says to one message that is `body`.
std::string judgement_of(const std::string& body, std::uint32_t outer = 1u << 19) {
  const auto reader = std::make_shared<FrameReader>();
  const auto protocol = make_protocol(reader, {});
  const std::string message = be32(0x80010001) + be32(1) + "m" + be32(1) + body;
  reader->open_frame(message);
  std::string name;
  apache::thrift::protocol::TMessageType type{};
  std::int32_t seqid = 0;
  protocol->readMessageBegin(name, type, seqid);
  protocol->limit_outer_items(outer);
  try {
    v1::Peer_deliver_args args;
    args.read(protocol.get());
    return "read";
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("a list is refused before there is memory for its elements") {
  const auto messages = [](std::uint32_t said, std::uint32_t there) {
    return std::string("\x0c\x00\x01\x0f\x00\x03\x0c", 7) + be32(said) + std::string(there, '\0') +
           std::string(2, '\0');
  };
  CHECK(judgement_of(messages(1000, 1000)) == "read");
  CHECK(judgement_of(messages(1000, 900)).find("longer than the frame") != std::string::npos);
  CHECK(judgement_of(messages(1000, 1000), 999).find("more than 999 elements") !=
        std::string::npos);
  // One message whose PREPARE-like lists lie within each other: the sum counts.
  std::string statements;
  const std::uint32_t kEach = 100'000;
  for (int i = 0; i < 6; ++i)
    statements += std::string("\x0f\x00\x02\x0c", 4) + be32(kEach) + std::string(kEach, '\0') +
                  std::string(1, '\0');
  const std::string nested = std::string("\x0c\x00\x01\x0f\x00\x03\x0c", 7) + be32(1) +
                             std::string("\x0c\x00\x01\x0f\x00\x05\x0c", 7) + be32(6) + statements +
                             std::string(4, '\0');
  CHECK(judgement_of(nested).find("more than 524288 elements") != std::string::npos);
}

TEST_CASE(
    "a request above the limit of a frame is answered by name, though it is still being sent") {
  World world;
  const int fd = raw_connect(world.server->port());
  const std::uint32_t bytes = 20'000'000;
  send_all(fd, be32(bytes) + call_to("Coordinator:submit"));
  std::jthread sender([&] {
    const std::string piece(1 << 20, 'x');
    for (std::size_t sent = 0; sent < bytes; sent += piece.size())
      if (::send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) <= 0) return;
  });
  const auto answer = read_until_closed(fd);
  sender.join();
  ::close(fd);
  CHECK(answer.find("the request has 20000000 bytes and the limit is 16384000") !=
        std::string::npos);
  CHECK(world.answers());
}

TEST_CASE("our own client refuses such a request without sending it") {
  World world;
  ClientOptions options;
  options.endpoints = {"127.0.0.1:" + std::to_string(world.server->port())};
  SubmitRequest request;
  request.branches = {{name("db1"), {{"SELECT ?1", {std::string(15'900'000, 'x')}, {}}}}};
  request.branches.push_back({name("db2"), {{"SELECT ?1", {std::string(900'000, 'x')}, {}}}});
  const auto refused = Client(options).submit(request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::kInvalidArgument);
  CHECK(refused.error().context.find("the limit is 16384000") != std::string::npos);
}

TEST_CASE("silent connections that have a thread make room, too") {
  ServerOptions options;
  options.max_connections = 24;
  World world(options);
  const std::string method = "Admin:getStatus";
  const std::string call = framed(be32(0x80010001) + be32(15) + method + be32(1) +
                                  std::string("\x0c\x00\x01\x00\x00", 5));
  std::vector<int> fds;
  for (int i = 0; i < 24; ++i) {
    fds.push_back(raw_connect(world.server->port()));
    send_all(fds.back(), call);
    pollfd answered{fds.back(), POLLIN, 0};
    REQUIRE(::poll(&answered, 1, 10'000) == 1);
  }
  std::vector<int> newcomers;  // at the same time
  for (int i = 0; i < 3; ++i) newcomers.push_back(raw_connect(world.server->port()));
  for (const int fd : newcomers) send_all(fd, call);
  for (const int fd : newcomers) {
    pollfd answered{fd, POLLIN, 0};
    REQUIRE(::poll(&answered, 1, 10'000) == 1);
    char byte = 0;
    CHECK(::recv(fd, &byte, 1, 0) == 1);
    ::close(fd);
  }
  for (int i = 0; i < 4; ++i) CHECK(world.answers());
  static_cast<void>(read_until_closed(fds.front()));  // the one that has been silent for longest
  for (const int fd : fds) ::close(fd);
}

TEST_CASE("unfinished frames of connections with a thread share the budget") {
  ServerOptions options;
  options.frames_in_progress_bytes = std::size_t{8} << 20;
  World world(options);
  const std::string call = framed(be32(0x80010001) + be32(15) + "Admin:getStatus" + be32(1) +
                                  std::string("\x0c\x00\x01\x00\x00", 5));
  std::vector<int> fds;
  for (int i = 0; i < 3; ++i) {
    fds.push_back(raw_connect(world.server->port()));
    send_all(fds.back(), call);
    pollfd answered{fds.back(), POLLIN, 0};
    REQUIRE(::poll(&answered, 1, 10'000) == 1);
    send_all(fds.back(), be32(6 << 20) + "half");
  }
  static_cast<void>(read_until_closed(fds.front()));  // it was slow, and the others wait
  CHECK(world.answers());
  for (const int fd : fds) ::close(fd);
}

TEST_CASE("deep nesting is cut") {
  World world;
  std::string body = call_to("Peer:deliver");
  for (int i = 0; i < 100'000; ++i) body += std::string("\x0c\x00\x63", 3);  // field 99: struct
  const int fd = raw_connect(world.server->port());
  send_all(fd, framed(body));
  ::shutdown(fd, SHUT_WR);
  static_cast<void>(read_until_closed(fd));
  ::close(fd);
  CHECK(world.answers());
}

TEST_CASE("unknown services and methods are answered") {
  World world;
  for (const std::string method : {"Nobody:ping", "Peer:nothing", "nothing", "Peer:a:b"}) {
    CAPTURE(method);
    const int fd = raw_connect(world.server->port());
    send_all(fd, framed(be32(0x80010001) + be32(static_cast<std::uint32_t>(method.size())) +
                        method + be32(1) + std::string(1, '\0')));
    ::shutdown(fd, SHUT_WR);
    CHECK(read_until_closed(fd).size() > 20);
    ::close(fd);
  }
  CHECK(world.answers());
}

TEST_CASE("half a header occupies only its own connection, until the idle time is over") {
  ServerOptions options;
  options.idle_timeout = 100ms;
  World world(options);
  std::vector<int> fds;
  for (int i = 0; i < 20; ++i) {
    fds.push_back(raw_connect(world.server->port()));
    send_all(fds.back(), std::string("\x00\x00", 2));
  }
  CHECK(world.answers());
  for (const int fd : fds) {
    static_cast<void>(read_until_closed(fd));
    ::close(fd);
  }
}

TEST_CASE("idle strangers make room for whoever comes, one that never sent a frame first") {
  ServerOptions options;
  options.max_connections = 3;
  World world(options);
  const auto known = raw_connect(world.server->port());
  send_all(known,
           framed(be32(0x80010001) + be32(13) + "getServerInfo" + be32(1) + std::string(1, '\0')));
  pollfd answered{known, POLLIN, 0};
  REQUIRE(::poll(&answered, 1, 10'000) == 1);
  std::vector<int> fds;
  for (int i = 0; i < 12; ++i) fds.push_back(raw_connect(world.server->port()));
  CHECK(world.answers());
  static_cast<void>(read_until_closed(fds.front()));  // the eldest stranger had to go
  char byte = 0;
  CHECK(::recv(known, &byte, 1, MSG_DONTWAIT) == 1);  // its answer, and no end behind it
  for (const int fd : fds) ::close(fd);
  ::close(known);
}

TEST_CASE("whoever sends no whole frame within its time is nobody, and is sent away") {
  ServerOptions options;
  options.first_frame_timeout = 100ms;
  World world(options);
  const int fd = raw_connect(world.server->port());
  send_all(fd, std::string("\x00\x00\x00\x40", 4));
  static_cast<void>(read_until_closed(fd));
  ::close(fd);
  CHECK(world.answers());
}

TEST_CASE("unfinished frames share one budget: the one begun first gives way") {
  ServerOptions options;
  options.frames_in_progress_bytes = std::size_t{1} << 20;
  World world(options);
  std::vector<int> fds;
  const std::string half = be32(4 << 20) + std::string(400 << 10, 'x');
  for (int i = 0; i < 4; ++i) {
    fds.push_back(raw_connect(world.server->port()));
    send_all(fds.back(), half);
  }
  static_cast<void>(read_until_closed(fds.front()));
  CHECK(world.answers());
  for (const int fd : fds) ::close(fd);
}

TEST_CASE("calls sent ahead are answered in order, across the change from the loop to a thread") {
  World world;
  const auto call = [](const std::string& method, std::uint32_t seqid) {
    return framed(be32(0x80010001) + be32(static_cast<std::uint32_t>(method.size())) + method +
                  be32(seqid) + std::string(1, '\0'));
  };
  const int fd = raw_connect(world.server->port());
  std::string bytes;
  const std::vector<std::string> methods = {"getServerInfo", "Coordinator:getServerInfo",
                                            "Nobody:ping", "getServerInfo", "Peer:nothing"};
  for (std::uint32_t i = 0; i < methods.size(); ++i) bytes += call(methods[i], 100 + i);
  // In two pieces, cut in the middle of a frame that the loop reads.
  send_all(fd, bytes.substr(0, 10));
  CHECK(world.answers());
  send_all(fd, bytes.substr(10));
  ::shutdown(fd, SHUT_WR);
  const auto answers = read_until_closed(fd);
  ::close(fd);
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < methods.size(); ++i) {
    CAPTURE(i);
    const auto word = [&](std::size_t offset) {
      std::uint32_t big_endian = 0;
      REQUIRE(at + offset + 4 <= answers.size());
      std::memcpy(&big_endian, answers.data() + at + offset, 4);
      return ntohl(big_endian);
    };
    CHECK(word(12 + word(8)) == 100 + i);  // the sequence number, behind the method's name
    at += 4 + word(0);
  }
  CHECK(at == answers.size());
}

TEST_CASE("a client that does not read its answer keeps nobody else waiting") {
  World world;
  world.coordinator.on_submit = [](SubmitRequest, auto done) {
    SubmitReply reply;
    reply.outcome.gtid = gtid_of(1);
    reply.outcome.outcome = Outcome::kCommitted;
    StatementResult rows;
    rows.rows = {{std::string(12'000'000, 'y')}};
    reply.outcome.results = {{name("db1"), {rows}}};
    done(std::move(reply));
  };
  ClientOptions asks;
  asks.endpoints = {"127.0.0.1:" + std::to_string(world.server->port())};
  SubmitRequest request;
  request.branches = {{name("db1"), {{"SELECT 1", {}, {}}}}};
  CHECK(Client(asks).submit(request));  // one that reads gets all of it
  const int fd = raw_connect(world.server->port());
  const std::string head = be32(0x80010001) + be32(6) + "submit" + be32(1);
  const auto text = [](const char* field, const std::string& value) {
    return std::string(field, 3) + be32(static_cast<std::uint32_t>(value.size())) + value;
  };
  const std::string stop(1, '\0');
  const std::string statement = text("\x0b\x00\x01", "SELECT 1") + stop;
  const std::string branch =
      text("\x0b\x00\x01", "db1") + std::string("\x0f\x00\x02\x0c", 4) + be32(1) + statement + stop;
  const std::string transaction = std::string("\x0f\x00\x01\x0c", 4) + be32(1) + branch + stop;
  send_all(fd, framed(head + std::string("\x0c\x00\x01", 3) + std::string("\x0c\x00\x02", 3) +
                      transaction + stop + stop));
  pollfd answered{fd, POLLIN, 0};
  REQUIRE(::poll(&answered, 1, 20'000) == 1);
  CHECK(world.answers());
  world.server->stop();  // does not wait for it either
  ::close(fd);
}

}  // namespace attack_test
