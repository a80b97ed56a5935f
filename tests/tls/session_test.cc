// Handshakes over real sockets: who is let in, who is not, and what each side then says.
#include "tls/session.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "tests/tls/tls_world.h"

using namespace troth;
using namespace troth::tests;
using namespace troth::tls;

namespace {

using Kind = Outcome::Kind;

/// Two sessions on the two ends of one socket pair, stepped in turn on one thread.
class Meeting {
 public:
  Meeting(std::shared_ptr<const Credentials> server, std::shared_ptr<const Credentials> client,
          const std::string& host = "127.0.0.1", Session::Side side = Session::Side::kServer) {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_.data()) == 0);
    server_ = std::make_unique<Session>(std::move(server), fds_[0], side);
    client_ = std::make_unique<Session>(std::move(client), fds_[1], Session::Side::kClient, host);
  }
  ~Meeting() {
    for (const int fd : fds_) ::close(fd);
  }
  /// Until both are done, or one has failed and the other has noticed.
  void shake_hands() {
    constexpr int kEnough = 50;
    for (int i = 0; i < kEnough; ++i) {
      const auto client = client_->handshake().kind;
      const auto server = server_->handshake().kind;
      if (server == Kind::kFailed) ::shutdown(fds_[0], SHUT_WR);
      if (client == Kind::kFailed) ::shutdown(fds_[1], SHUT_WR);
      const auto over = [](Kind kind) { return kind == Kind::kDone || kind == Kind::kFailed; };
      if (over(client) && over(server)) return;
    }
    FAIL("the handshake does not end");
  }
  Session& server() { return *server_; }
  Session& client() { return *client_; }
  int server_fd() const { return fds_[0]; }
  int client_fd() const { return fds_[1]; }

 private:
  std::array<int, 2> fds_{};
  std::unique_ptr<Session> server_, client_;
};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Shop {
  Ca ca;
  std::shared_ptr<const Credentials> node = ca.make("coordinator/c1", {"127.0.0.1", "c1.shop"});
  std::shared_ptr<const Credentials> app = ca.make("app/web");
};

/// Neither side is through, no byte was moved, and each says why.
std::pair<std::string, std::string> refused(Meeting& meeting) {
  meeting.shake_hands();
  CHECK_FALSE((meeting.client().is_established() && meeting.server().is_established()));
  std::array<std::uint8_t, 16> buffer;
  CHECK(meeting.client().write("call").kind == Kind::kFailed);
  CHECK(meeting.server().read(buffer).kind == Kind::kFailed);
  return {meeting.server().trouble(), meeting.client().trouble()};
}

}  // namespace

TEST_CASE("both sides know each other, and bytes go both ways") {
  Shop shop;
  for (const auto* host : {"127.0.0.1", "c1.shop"}) {
    Meeting meeting(shop.node, shop.app, host);
    meeting.shake_hands();
    REQUIRE(meeting.server().is_established());
    REQUIRE(meeting.client().is_established());
    CHECK(text_of(meeting.server().principal()) == "troth://shop/app/web");
    CHECK(text_of(meeting.client().principal()) == "troth://shop/coordinator/c1");
    std::array<std::uint8_t, 16> buffer;
    CHECK(meeting.client().peek(buffer).kind == Kind::kWantRead);  // the ticket is taken away
    CHECK(meeting.client().write("hello").bytes == 5);
    CHECK(meeting.server().peek(buffer).bytes == 5);
    CHECK(meeting.server().has_pending());
    CHECK(meeting.server().read(buffer).bytes == 5);
    CHECK_FALSE(meeting.server().has_pending());
    CHECK(meeting.server().read(buffer).kind == Kind::kWantRead);
    meeting.server().say_goodbye();
    CHECK(meeting.client().read(buffer).kind == Kind::kEnded);
  }
}

TEST_CASE("an end without goodbye is an end") {
  Shop shop;
  Meeting meeting(shop.node, shop.app);
  meeting.shake_hands();
  ::shutdown(meeting.client_fd(), SHUT_RDWR);
  std::array<std::uint8_t, 16> buffer;
  CHECK(meeting.server().read(buffer).kind == Kind::kEnded);
}

TEST_CASE("more than a record, more than the socket takes: nothing is lost or repeated") {
  Shop shop;
  Meeting meeting(shop.node, shop.app);
  meeting.shake_hands();
  std::string sent(3'000'000, 'x');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 23);
  std::string left = sent, got;
  std::array<std::uint8_t, 7000> buffer;
  while (got.size() < sent.size()) {
    if (!left.empty()) {
      const auto out = meeting.client().write(left);
      REQUIRE(out.kind != Kind::kFailed);
      left.erase(0, out.bytes);  // moves the bytes, as an answer that waits does
    }
    const auto in = meeting.server().read(buffer);
    REQUIRE(in.kind != Kind::kFailed);
    got.append(reinterpret_cast<const char*>(buffer.data()), in.bytes);
  }
  CHECK(got == sent);
}

TEST_CASE("no certificate: refused, or let in as anyone where that is allowed") {
  Shop shop;
  std::filesystem::remove(shop.ca.authority().directory_of("web") + "/tls.crt");
  const auto nobody = Ca::load(shop.ca.authority().directory_of("web"));
  Meeting strict(shop.node, nobody);
  const auto [server, client] = refused(strict);
  CHECK(says(server, "the caller shows no certificate"));
  CHECK(says(client, "requires a certificate"));
  Meeting tolerant(shop.node, nobody, "127.0.0.1", Session::Side::kTolerantServer);
  tolerant.shake_hands();
  CHECK(tolerant.server().is_established());
  CHECK_FALSE(tolerant.server().principal().has_identity());
}

TEST_CASE("expired, not yet valid, revoked: each has its sentence, with name and dates") {
  Shop shop;
  const auto late = shop.ca.make("app/late", {}, expired());
  const auto early = shop.ca.make("app/early", {}, not_yet());
  const auto gone = shop.ca.make("app/gone");
  REQUIRE(shop.ca.authority().revoke("gone"));
  const auto node = Ca::load(shop.ca.authority().directory_of("c1"));
  struct Row {
    std::shared_ptr<const Credentials> client;
    const char *name, *server_says, *client_says;
  };
  for (const auto& row : {Row{late, "app/late", "has expired", "it has expired"},
                          Row{early, "app/early", "is not valid yet", "it is not valid yet"},
                          Row{gone, "app/gone", "was revoked", "it was revoked"}}) {
    Meeting meeting(node, row.client);
    const auto [server, client] = refused(meeting);
    for (const auto& text : {server, client}) {
      CHECK_MESSAGE(says(text, row.name), text);
      CHECK_MESSAGE(says(text, "valid from 20"), text);
    }
    CHECK_MESSAGE(says(server, row.server_says), server);
    CHECK_MESSAGE(says(client, row.client_says), client);
  }
}

TEST_CASE("another cluster: refused by both, whichever shows its certificate first") {
  Shop shop;
  Ca bank("bank");
  const auto stranger = bank.make("app/web");
  Meeting meeting(shop.node, stranger);
  const auto [server, client] = refused(meeting);
  CHECK_MESSAGE(says(client, "coordinator/c1"), client);
  CHECK_MESSAGE(says(client, "belongs to cluster shop, this process to cluster bank"), client);
  Ca twin("shop");  // the same id, another CA
  Meeting impostor(shop.node, twin.make("app/web"));
  CHECK(says(refused(impostor).second, "is signed by none of the CAs"));
  CHECK_MESSAGE(says(server, "the other side refused this process's certificate"), server);
}

TEST_CASE("a server that the client did not mean: wrong host, or no node at all") {
  Shop shop;
  Meeting elsewhere(shop.node, shop.app, "127.0.0.2");
  const auto client = refused(elsewhere).second;
  CHECK_MESSAGE(says(client, "is not for host 127.0.0.2, but for 127.0.0.1, c1.shop"), client);
  Meeting posing(shop.app, shop.app);
  CHECK(says(refused(posing).second, "is not for this side of a connection"));
}

TEST_CASE("plain bytes at a TLS port, and a peer that leaves in the middle") {
  Shop shop;
  Meeting meeting(shop.node, shop.app);
  REQUIRE(::send(meeting.client_fd(), "\0\0\0\x20plain thrift frame, no TLS", 31, 0) == 31);
  CHECK(meeting.server().handshake().kind == Kind::kFailed);
  CHECK_MESSAGE(says(meeting.server().trouble(), "speaks no TLS"), meeting.server().trouble());
  Meeting left(shop.node, shop.app);
  CHECK(left.client().handshake().kind == Kind::kWantRead);
  ::shutdown(left.server_fd(), SHUT_RDWR);
  CHECK(left.client().handshake().kind == Kind::kFailed);
  CHECK_MESSAGE(says(left.client().trouble(), "does it speak TLS?"), left.client().trouble());
}

TEST_CASE("both CAs of a rotation open the door, in both directions") {
  Shop shop;
  const auto old_app = shop.app;
  REQUIRE(shop.ca.authority().start_rotation({}));
  const auto node_dir = shop.ca.authority().directory_of("c1");
  const auto knows_both = Ca::load(node_dir);
  const auto app_knows_both = Ca::load(shop.ca.authority().directory_of("web"));
  REQUIRE(shop.ca.authority().renew("web", {}));
  const auto new_app = Ca::load(shop.ca.authority().directory_of("web"));
  for (const auto& [node, app] : {std::pair(knows_both, old_app), std::pair(knows_both, new_app),
                                  std::pair(knows_both, app_knows_both)}) {
    Meeting meeting(node, app);
    meeting.shake_hands();
    CHECK(meeting.server().is_established());
    CHECK(meeting.client().is_established());
  }
}
