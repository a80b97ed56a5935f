// Links between two processes' worth of fakes over real sockets. Every wait is for a condition.

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "fakes.h"
#include "thrift/peer/peer_links.h"
#include "thrift/server/server.h"
#include "thrift/wire/connection.h"

using namespace troth;
using namespace troth::thrift;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace {

/// The receiving daemon.
struct Receiver {
  explicit Receiver(std::uint16_t port = 0) {
    ServerOptions options;
    options.port = port;
    ServerInfo info;
    info.name = name("db1");
    auto started = Server::start(options, {protocol::everybody_may(), nullptr, nullptr, &peer},
                                 info, Logger());
    REQUIRE_MESSAGE(started, (started ? "" : started.error().context));
    server = std::move(*started);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server->port()); }
  FakePeer peer{"db1"};
  std::unique_ptr<Server> server;
};

/// The sending daemon.
struct Sender {
  explicit Sender(const std::string& address,
                  PeerLinksOptions options = {protocol::everybody_may()}) {
    options.self = name("c1");
    options.backoff_min = 1ms;
    options.backoff_max = 20ms;
    if (options.addresses.empty()) options.addresses = {{name("db1"), address}};
    links = std::make_unique<PeerLinks>(options, engine, clock, Logger());
    links->publish({{log_id(1), Epoch{3}, Lsn{50}}, std::nullopt});
  }
  void send(std::uint64_t n) {
    links->send(name("db1"), protocol::Ack{gtid_of(n)});
    links->flush();
  }
  LinkStatus status() { return links->links().at(0); }
  bool wait_connected(bool on) {
    return engine.wait_until(
        [&] { return !engine.link_states.empty() && engine.link_states.back().connected == on; });
  }
  SystemClock clock;
  FakePeer engine{"c1"};
  std::unique_ptr<PeerLinks> links;  // before the engine goes, its threads have to
};

/// Sends until something arrives: a link may drop what it held while it was down.
bool send_until_received(Sender& sender, Receiver& receiver, std::uint64_t n) {
  for (int i = 0; i < 2000; ++i) {
    sender.send(n);
    std::unique_lock lock(receiver.peer.mutex);
    if (receiver.peer.changed.wait_for(lock, 10ms, [&] { return !receiver.peer.messages.empty(); }))
      return true;
  }
  return false;
}

}  // namespace

TEST_CASE("hello first, then messages with the header as published") {
  Receiver receiver;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  REQUIRE(receiver.peer.hellos.size() == 1);
  CHECK(receiver.peer.hellos[0].name == name("c1"));
  CHECK(receiver.peer.hellos[0].receiver == name("db1"));
  sender.links->publish({{log_id(1), Epoch{3}, Lsn{60}}, gtid_of(4)});
  sender.send(5);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == 1; }));
  CHECK(protocol::gtid_of(receiver.peer.messages[0]) == gtid_of(5));
  const auto& header = receiver.peer.headers[0];
  CHECK(header.sender == name("c1"));
  CHECK(header.position == NodePosition{log_id(1), Epoch{3}, Lsn{60}});
  CHECK(header.receiver_epoch == Epoch{9});  // from the answer to the greeting
  CHECK(header.ended_below == gtid_of(4));
  CHECK(sender.status().since);
}

TEST_CASE("a few calls do not wait for the answer to the one before") {
  Receiver receiver;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  bool together = false;
  std::uint64_t n = 0;
  // The link's own thread may be about just then; it waits for answers.
  for (int attempt = 0; attempt < 100 && !together; ++attempt) {
    const int before = receiver.peer.delivers;
    const auto batches = receiver.peer.batch_sizes.size();
    receiver.peer.set_hold(true);
    for (int i = 0; i < 3; ++i) sender.send(++n);
    REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.delivers > before; }));
    const bool all_left = sender.status().queued == 0;  // and none is answered
    receiver.peer.set_hold(false);
    REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == n; }));
    together = all_left && receiver.peer.batch_sizes.size() == batches + 3;
  }
  CHECK(together);
  for (std::uint64_t i = 1; i <= n; ++i)
    CHECK(protocol::gtid_of(receiver.peer.messages[i - 1]) == gtid_of(i));
  CHECK(receiver.peer.hellos.size() == 1);
}

TEST_CASE("what queues during calls travels together, decisions first, within the limits") {
  Receiver receiver;
  PeerLinksOptions options{protocol::everybody_may()};
  options.max_batch_messages = 100;
  Sender sender(receiver.address(), options);
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  receiver.peer.set_hold(true);
  // More at once than who flushes sends by itself: the sender's, which waits for the answer.
  for (std::uint64_t n = 1; n <= 20; ++n)
    sender.links->send(name("db1"), protocol::Ack{gtid_of(n)});
  sender.links->flush();
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.delivers == 1; }));
  protocol::Prepare prepare;
  prepare.gtid = gtid_of(1000);
  sender.links->send(name("db1"), prepare);
  for (std::uint64_t n = 21; n <= 170; ++n)
    sender.links->send(name("db1"), protocol::Ack{gtid_of(n)});
  sender.links->flush();
  receiver.peer.set_hold(false);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == 171; }));
  CHECK(receiver.peer.batch_sizes == std::vector<std::size_t>{20, 100, 51});
  for (std::uint64_t n = 1; n <= 170; ++n)
    CHECK(protocol::gtid_of(receiver.peer.messages[n - 1]) == gtid_of(n));
  CHECK(protocol::gtid_of(receiver.peer.messages[170]) == gtid_of(1000));
}

TEST_CASE("large messages are cut by bytes and travel alone if need be") {
  Receiver receiver;
  PeerLinksOptions options{protocol::everybody_may()};
  options.max_batch_bytes = 1000;
  Sender sender(receiver.address(), options);
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  receiver.peer.set_hold(true);
  sender.send(1);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.delivers == 1; }));
  Statement big;
  big.sql = std::string(5000, ' ');
  for (std::uint64_t n = 2; n <= 4; ++n) {
    protocol::Prepare prepare;
    prepare.gtid = gtid_of(n);
    prepare.statements = {big};
    sender.links->send(name("db1"), prepare);
  }
  receiver.peer.set_hold(false);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == 4; }));
  CHECK(receiver.peer.batch_sizes == std::vector<std::size_t>{1, 1, 1, 1});
}

TEST_CASE("BUSY keeps the messages, and the order of those it was said of") {
  Receiver receiver;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  {
    std::lock_guard lock(receiver.peer.mutex);
    receiver.peer.busy_times = 3;
  }
  receiver.peer.set_hold(true);  // so that several calls are under way
  for (std::uint64_t n = 1; n <= 20; ++n) sender.send(n);
  receiver.peer.set_hold(false);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == 20; }));
  std::vector<std::size_t> position(21);
  for (std::size_t i = 0; i < 20; ++i)
    for (std::uint64_t n = 1; n <= 20; ++n)
      if (protocol::gtid_of(receiver.peer.messages[i]) == gtid_of(n)) position[n] = i;
  // The fourth call may have been taken before they came again.
  CHECK(position[1] < position[2]);
  CHECK(position[2] < position[3]);
  for (std::uint64_t n = 5; n < 20; ++n) CHECK(position[n] < position[n + 1]);
  CHECK(receiver.peer.hellos.size() == 1);  // BUSY is no reason to reconnect
  CHECK(sender.status().messages_dropped == 0);
}

TEST_CASE("who flushes sends by itself; BUSY is noticed without another message") {
  Receiver receiver;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  for (std::uint64_t n = 1; n <= 50; ++n) {  // each over an idle link, or nearly
    sender.send(n);
    REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == n; }));
  }
  {
    std::lock_guard lock(receiver.peer.mutex);
    receiver.peer.busy_times = 1;
  }
  sender.send(51);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == 51; }));
  CHECK(receiver.peer.delivers == 52);
  CHECK(receiver.peer.hellos.size() == 1);
  CHECK(sender.status().messages_dropped == 0);
}

TEST_CASE("an idle link notices that its peer has gone") {
  auto receiver = std::make_unique<Receiver>();
  Sender sender(receiver->address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  receiver.reset();
  CHECK(sender.wait_connected(false));
}

TEST_CASE("a full outbox drops and counts; an unknown peer is ignored") {
  PeerLinksOptions options{protocol::everybody_may()};
  options.outbox_limit = 10;
  Sender sender("127.0.0.1:1", options);  // not started: nothing leaves
  for (std::uint64_t n = 0; n < 25; ++n) sender.send(n);
  sender.links->send(name("stranger"), protocol::Ack{gtid_of(1)});
  CHECK(sender.status().queued == 10);
  CHECK(sender.status().messages_dropped == 15);
}

TEST_CASE("a peer that restarts on another port is found by its learnt address") {
  auto receiver = std::make_unique<Receiver>();
  PeerLinksOptions options{protocol::everybody_may()};
  options.addresses = {{name("db1"), ""}};  // configured by name only
  Sender sender("", options);
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(false));  // no address known
  sender.links->learn_address(name("db1"), receiver->address());
  REQUIRE(sender.wait_connected(true));
  receiver.reset();
  sender.send(1);  // notices
  REQUIRE(sender.wait_connected(false));
  Receiver restarted;
  sender.links->learn_address(name("db1"), restarted.address());
  REQUIRE(sender.wait_connected(true));
  CHECK(send_until_received(sender, restarted, 2));
  CHECK(restarted.peer.hellos.size() == 1);
}

TEST_CASE("a configured address is not overridden; a stranger's address is learnt") {
  Receiver receiver;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  sender.links->learn_address(name("db1"), "127.0.0.1:1");
  CHECK(sender.status().address == receiver.address());
  sender.links->learn_address(name("db7"), "127.0.0.1:2");
  CHECK(sender.links->links().size() == 2);
  sender.links->learn_address(name("db8"), "nonsense:");
  CHECK(sender.links->links().size() == 2);
}

TEST_CASE("a link that is not needed any more ends, and can be made again") {
  Receiver receiver, other;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  sender.links->end_link(name("db1"));  // configuration names it
  CHECK(sender.links->links().size() == 1);
  for (int i = 0; i < 3; ++i) {
    sender.links->learn_address(name("db7"), other.address());
    REQUIRE(sender.links->link(name("db7")));
    sender.links->end_link(name("db7"));
    CHECK_FALSE(sender.links->link(name("db7")));
  }
  sender.links->end_link(name("db7"));  // there is none
  CHECK(send_until_received(sender, receiver, 1));
}

TEST_CASE("a peer that greets and cannot be reached back is shown as such") {
  Sender sender("127.0.0.1:1");
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(false));
  const auto wait_for = [&](const std::string& text) {
    for (int i = 0; i < 1000; ++i) {
      if (sender.status().last_error.find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  CHECK(wait_for("cannot reach db1 at 127.0.0.1:1"));
  CHECK(sender.status().last_error.find("reaches") == std::string::npos);
  sender.links->heard_from(name("db1"), "127.0.0.1:2", false);
  CHECK(wait_for(
      "db1 reaches c1 and says that it is at 127.0.0.1:2, but c1 cannot reach it at 127.0.0.1:1"));
}

TEST_CASE(
    "a peer that has proved its log is reached where it says it is; then the settings follow") {
  Receiver receiver;
  Sender sender("127.0.0.1:1");
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(false));
  sender.links->heard_from(name("db1"), receiver.address(), false);
  CHECK_FALSE(sender.status().connected);
  sender.links->heard_from(name("db1"), receiver.address(), true);
  REQUIRE(sender.wait_connected(true));
  CHECK(sender.status().address == receiver.address());
  CHECK(sender.status().last_error.find("the settings name 127.0.0.1:1") != std::string::npos);
  REQUIRE(sender.links->set_addresses({{name("db1"), receiver.address()}}));
  CHECK(sender.status().connected);
  CHECK(sender.status().last_error.empty());
}

TEST_CASE("a peer that the settings move is never shown as up where it does not answer") {
  Receiver receiver;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  REQUIRE(sender.links->set_addresses({{name("db1"), "127.0.0.1:1"}}));
  REQUIRE(sender.wait_connected(false));
  CHECK(sender.status().address == "127.0.0.1:1");
  REQUIRE(sender.links->set_addresses({{name("db1"), receiver.address()}}));
  CHECK(sender.wait_connected(true));
}

TEST_CASE("a link speaks what the greeting agreed on, and 0.1.0 does not name it") {
  SUBCASE("0.1.0") {
    Receiver receiver;
    Sender sender(receiver.address());
    REQUIRE(sender.links->start());
    REQUIRE(sender.wait_connected(true));
    CHECK(receiver.peer.hellos[0].versions.oldest == 3);  // the only one that it accepts
    // It would take everything below ended_below for ended.
    const std::vector<Gtid> unfinished{gtid_of(4), gtid_of(7)};
    sender.links->publish({{log_id(1), Epoch{3}, Lsn{60}},
                           gtid_of(9),
                           1,
                           std::make_shared<const std::vector<Gtid>>(unfinished)});
    CHECK(send_until_received(sender, receiver, 1));
    CHECK(receiver.peer.headers[0].version == 3);
    CHECK(receiver.peer.headers[0].ended_below == gtid_of(4));
    CHECK(receiver.peer.headers[0].unfinished == nullptr);
  }
  SUBCASE("one that chooses what is not spoken here") {
    Receiver receiver;
    receiver.peer.version = protocol::kPeerProtocolVersion + 1;
    Sender sender(receiver.address());
    REQUIRE(sender.links->start());
    REQUIRE(sender.wait_connected(false));
    CHECK(sender.status().last_error.find("peer protocol") != std::string::npos);
  }
}

TEST_CASE("the same address after a restart: reconnects by itself and greets again") {
  auto receiver = std::make_unique<Receiver>();
  const auto port = receiver->server->port();
  Sender sender(receiver->address());
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  receiver.reset();
  sender.send(1);
  REQUIRE(sender.wait_connected(false));
  Receiver again(port);
  REQUIRE(again.peer.wait_until([&] { return again.peer.hellos.size() == 1; }));
  CHECK(send_until_received(sender, again, 2));
}

TEST_CASE("a link that is not welcome is not used") {
  Receiver receiver;
  receiver.peer.verdict = protocol::HelloVerdict::kWrongReceiver;
  Sender sender(receiver.address());
  REQUIRE(sender.links->start());
  sender.send(1);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.hellos.size() >= 3; }));
  CHECK(receiver.peer.delivers == 0);
  CHECK_FALSE(sender.status().connected);
  CHECK(sender.status().last_error.find(
            std::string(to_string(protocol::HelloVerdict::kWrongReceiver))) == 0);
}

TEST_CASE("a call without answer ends at its time, drops its batch and reconnects") {
  Receiver receiver;
  PeerLinksOptions options{protocol::everybody_may()};
  options.call_timeout = 50ms;
  Sender sender(receiver.address(), options);
  REQUIRE(sender.links->start());
  REQUIRE(sender.wait_connected(true));
  receiver.peer.set_hold(true);
  sender.send(1);
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.hellos.size() >= 2; }));
  receiver.peer.set_hold(false);
  CHECK(sender.status().messages_dropped >= 1);
  CHECK(send_until_received(sender, receiver, 2));
}

TEST_CASE("an idle link shows signs of life; stop cuts a call in flight") {
  Receiver receiver;
  PeerLinksOptions options{protocol::everybody_may()};
  options.ping_interval = 5ms;
  options.call_timeout = 60s;
  Sender sender(receiver.address(), options);
  REQUIRE(sender.links->start());
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.batch_sizes.size() >= 2; }));
  CHECK(receiver.peer.batch_sizes[0] == 0);
  receiver.peer.set_hold(true);
  const int seen = receiver.peer.delivers;
  REQUIRE(receiver.peer.wait_until([&] { return receiver.peer.delivers > seen; }));
  const auto began = std::chrono::steady_clock::now();
  sender.links->stop();
  sender.links->stop();
  CHECK(std::chrono::steady_clock::now() - began < 10s);
  receiver.peer.set_hold(false);
}

TEST_CASE("a wrong address is refused at start") {
  Sender sender("nonsense:port");
  const auto started = sender.links->start();
  REQUIRE_FALSE(started);
  CHECK(started.error().context == "address of db1: \"nonsense:port\" is not host:port");
}

TEST_CASE("an answer with another sequence number or batch breaks the connection") {
  // A peer that answers every call with the bytes of an older answer.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
  REQUIRE(::listen(listener, 4) == 0);
  socklen_t size = sizeof any;
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&any), &size) == 0);
  std::jthread liar([listener] {
    const int fd = ::accept(listener, nullptr, nullptr);
    char buffer[4096];
    static_cast<void>(::recv(fd, buffer, sizeof buffer, 0));
    const std::string body = std::string("\x80\x01\x00\x02\x00\x00\x00\x05", 8) + "hello" +
                             std::string("\x00\x00\x00\x63", 4) + std::string(1, '\0');
    const std::string frame =
        std::string("\x00\x00\x00", 3) + static_cast<char>(body.size()) + body;
    static_cast<void>(::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL));
    while (::recv(fd, buffer, sizeof buffer, 0) > 0) continue;
    ::close(fd);
  });
  Sender sender("127.0.0.1:" + std::to_string(ntohs(any.sin_port)));
  REQUIRE(sender.links->start());
  REQUIRE(sender.engine.wait_until([&] { return !sender.engine.link_states.empty(); }));
  CHECK(sender.engine.link_states[0].last_error.find("with the answer of call 99") !=
        std::string::npos);
  sender.links->stop();
  liar.join();
  ::close(listener);
}
