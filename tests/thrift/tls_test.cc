// The Thrift port and the links over TLS, on real sockets of loopback.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "access/role_policy.h"
#include "fakes.h"
#include "tests/tls/tls_world.h"
#include "thrift/peer/peer_links.h"
#include "thrift/server/server.h"
#include "thrift/wire/connection.h"
#include "thrift/wire/tls_stream.h"
#include "troth/client.h"

using namespace troth;
using namespace troth::thrift;
using namespace troth::thrift::test;
using namespace std::chrono_literals;

namespace troth::tls_test {
namespace {

using tests::Ca;

std::shared_ptr<tls::CredentialStore> store(const std::string& dir) {
  auto opened = tls::CredentialStore::open(dir);
  REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().context));
  return *opened;
}

/// A daemon with a certificate, roles in force.
struct Daemon {
  Daemon(Ca& ca, const std::string& identity, HandshakeLimits limits = {},
         const std::string& answers_as = "c1")
      : peer(answers_as) {
    ServerOptions options;
    options.credentials = credentials = store(ca.issue(identity, {"127.0.0.1"}));
    options.handshakes = limits;
    ServerInfo info;
    info.name = peer.self;
    auto started = Server::start(options, {access::role_policy(), &coordinator, &admin, &peer},
                                 info, Logger());
    REQUIRE_MESSAGE(started, (started ? "" : started.error().context));
    server = std::move(*started);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server->port()); }
  Client client(const std::string& tls_dir) const {
    ClientOptions options;
    options.endpoints = {address()};
    options.tls_dir = tls_dir;
    options.call_timeout = 10s;
    return Client(options);
  }
  std::shared_ptr<tls::CredentialStore> credentials;
  FakeCoordinator coordinator;
  FakeAdmin admin;
  FakePeer peer;
  std::unique_ptr<Server> server;
};

template <class T>
std::string why(const Result<T>& result) {
  return result ? "" : result.error().context;
}

SubmitRequest request_of(std::size_t bytes = 0) {
  SubmitRequest out;
  Statement statement;
  statement.sql = "SELECT 1 --" + std::string(bytes, 'x');
  out.branches = {{name("db1"), {statement}}};
  return out;
}

int plain_socket(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

}  // namespace

TEST_CASE("a client with a certificate submits, small and large, and asks for what its role may") {
  Ca ca;
  Daemon daemon(ca, "coordinator/c1");
  const auto web = ca.issue("app/web");
  auto client = daemon.client(web);
  for (const std::size_t bytes : {0, 100'000, 3'000'000}) {  // the loop, and threads
    const auto reply = client.submit(request_of(bytes));
    REQUIRE_MESSAGE(reply, why(reply));
    CHECK(reply->outcome.outcome == Outcome::kCommitted);
  }
  CHECK(daemon.coordinator.count() == 3);
  const auto status = client.status();
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::kNotPermitted);
  CHECK(why(status).find("troth://shop/app/web has no permission for read_status") !=
        std::string::npos);
  CHECK(client.submit(request_of()));  // the connection goes on
  daemon.admin.node_status.name = name("c1");
  auto observer = daemon.client(ca.issue("observer/mon"));
  CHECK_MESSAGE(observer.status(), "an observer sees it");
  const auto denied = observer.submit(request_of());
  REQUIRE(denied);
  REQUIRE(denied->refusal);
  CHECK(denied->refusal->error.code == ErrorCode::kNotPermitted);
}

TEST_CASE("the audit trail names the certificate, whatever the caller claims") {
  Ca ca;
  Daemon daemon(ca, "coordinator/c1");
  auto ann = daemon.client(ca.issue("operator/ann"));
  REQUIRE(ann.drain_participant(name("p1"), true, {"somebody else", "why"}));
  CHECK(daemon.admin.asked_by.name == "troth://shop/operator/ann");
}

TEST_CASE("who is refused has sent nothing, and reads why") {
  Ca ca, bank("bank");
  Daemon daemon(ca, "coordinator/c1");
  const auto refusal = [&](const std::string& dir) {
    auto client = daemon.client(dir);
    const auto reply = client.submit(request_of());
    REQUIRE_FALSE(reply);
    CHECK(reply.error().code != ErrorCode::kTimeout);  // not "unknown": nothing was sent
    return reply.error().context;
  };
  const auto contains = [](const std::string& text, const char* part) {
    CHECK_MESSAGE(text.find(part) != std::string::npos, text);
  };
  contains(refusal(ca.issue("app/late", {}, tests::expired())), "has expired");
  contains(refusal(bank.issue("app/web")), "belongs to cluster shop, this process to cluster bank");
  const auto bare = ca.issue("app/bare");
  std::filesystem::remove(bare + "/tls.crt");
  contains(refusal(bare), "requires a certificate");
  auto plain = daemon.client("");
  const auto reply = plain.submit(request_of());
  REQUIRE_FALSE(reply);
  contains(reply.error().context, "does it speak TLS?");
  CHECK(daemon.coordinator.count() == 0);
}

TEST_CASE("a client takes a renewed certificate over, and a broken directory has its name") {
  Ca ca;
  Daemon daemon(ca, "coordinator/c1");
  const auto web = ca.issue("app/web");
  auto client = daemon.client(web);
  CHECK(client.submit(request_of()));
  std::ofstream(web + "/ca.crt") << "no";
  auto other = daemon.client(web);
  CHECK(why(other.submit(request_of())).find("ca.crt holds no certificate") != std::string::npos);
}

TEST_CASE("revoked while connected: these connections end, the others go on") {
  Ca ca;
  Daemon daemon(ca, "coordinator/c1");
  const auto kept = ca.issue("app+observer/kept"), gone = ca.issue("app+observer/gone");
  auto in_loop = daemon.client(gone), with_thread = daemon.client(gone);
  auto other_in_loop = daemon.client(kept), other_with_thread = daemon.client(kept);
  const auto connected = [](Client& client) { return client.connected_to() != ""; };
  for (auto* client : {&in_loop, &other_in_loop}) REQUIRE(client->submit(request_of()));
  daemon.admin.node_status.name = name("c1");
  for (auto* client : {&with_thread, &other_with_thread}) REQUIRE(client->status());
  REQUIRE(ca.authority().revoke("gone"));
  REQUIRE(daemon.credentials->reload());
  daemon.server->recheck();
  // The clients of the revoked certificate find their files gone too; what they had is cut.
  CHECK_FALSE(with_thread.status());
  std::this_thread::sleep_for(1200ms);  // the loop looks once a second
  CHECK_FALSE(in_loop.submit(request_of()));
  for (auto* client : {&other_in_loop, &other_with_thread}) CHECK(connected(*client));
  CHECK(other_in_loop.submit(request_of()));
  CHECK(other_with_thread.status());
  CHECK(daemon.coordinator.count() == 3);
}

TEST_CASE("handshakes that do not end cost nobody a place") {
  Ca ca;
  Daemon daemon(ca, "coordinator/c1", {300ms, 8});
  std::vector<int> silent;
  for (int i = 0; i < 40; ++i) silent.push_back(plain_socket(daemon.server->port()));
  auto client = daemon.client(ca.issue("app/web"));
  CHECK(client.submit(request_of()));
  // All of them are closed: 32 because they were too many, the last 8 because of their time.
  for (const int fd : silent) {
    char byte = 0;
    CHECK(::recv(fd, &byte, 1, 0) == 0);
    ::close(fd);
  }
}

TEST_CASE("links greet and deliver over TLS") {
  Ca ca;
  Daemon receiver(ca, "participant/db1", {}, "db1");
  PeerLinksOptions options{access::role_policy()};
  options.self = name("c1");
  options.credentials = store(ca.issue("coordinator/c1", {"127.0.0.1"}));
  options.addresses = {{name("db1"), receiver.address()}};
  options.backoff_min = 1ms;
  SystemClock clock;
  FakePeer engine{"c1"};
  PeerLinks links(options, engine, clock, Logger());
  links.publish({{log_id(1), Epoch{3}, Lsn{50}}, std::nullopt});
  REQUIRE(links.start());
  REQUIRE(engine.wait_until(
      [&] { return !engine.link_states.empty() && engine.link_states.back().connected; }));
  for (std::uint64_t n = 1; n <= 200; ++n) {
    links.send(name("db1"), protocol::Decide{gtid_of(n), Decision::kCommit, {}, {}});
    if (n % 7 == 0) links.flush();
  }
  links.flush();
  CHECK(receiver.peer.wait_until([&] { return receiver.peer.messages.size() == 200; }));
}

TEST_CASE("a node whose certificate has another name or role is not linked") {
  for (const auto* identity : {"participant/db2", "coordinator/db1"}) {
    Ca ca;
    Daemon receiver(ca, identity, {}, "db1");
    PeerLinksOptions options{access::role_policy()};
    options.self = name("c1");
    options.credentials = store(ca.issue("coordinator/c1", {"127.0.0.1"}));
    options.addresses = {{name("db1"), receiver.address()}};
    SystemClock clock;
    FakePeer engine{"c1"};
    PeerLinks links(options, engine, clock, Logger());
    links.publish({{log_id(1), Epoch{3}, Lsn{50}}, std::nullopt});
    REQUIRE(links.start());
    REQUIRE(engine.wait_until([&] { return !engine.link_states.empty(); }));
    CHECK_FALSE(links.links().at(0).connected);
    CHECK_MESSAGE(links.links().at(0).last_error.find("no permission for") != std::string::npos,
                  links.links().at(0).last_error);
    links.stop();
  }
}

}  // namespace troth::tls_test
