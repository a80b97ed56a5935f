#include "thrift/wire/tls_stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>

#include "tls/certificate.h"
#include "tls/session.h"

namespace troth::thrift {

namespace {

using Clock = std::chrono::steady_clock;
using Kind = tls::Outcome::Kind;

/// False: the time is up.
bool await(int fd, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{fd, events, 0};
    constexpr std::int64_t kLongest = std::numeric_limits<int>::max();
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left, kLongest)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the next call says what is wrong
  }
}

Clock::time_point after(Duration d) {
  constexpr auto kForEver = std::chrono::hours(24 * 365);
  return Clock::now() + std::min(std::chrono::duration_cast<Clock::duration>(d),
                                 std::chrono::duration_cast<Clock::duration>(kForEver));
}

short events_of(Kind kind) {
  return kind == Kind::kWantWrite ? POLLOUT : POLLIN;
}

bool has_to_wait(const tls::Outcome& outcome) {
  return outcome.kind == Kind::kWantRead || outcome.kind == Kind::kWantWrite;
}

IoResult result_of(const tls::Outcome& outcome) {
  switch (outcome.kind) {
    case Kind::kDone:
      return {IoResult::Kind::kDone, outcome.bytes, 0};
    case Kind::kWantRead:
    case Kind::kWantWrite:
      return {IoResult::Kind::kWouldBlock, 0, 0};
    case Kind::kEnded:
      return {IoResult::Kind::kEnded, 0, 0};
    case Kind::kFailed:
      break;
  }
  return {IoResult::Kind::kFailed, 0, EPROTO};
}

class TlsStream final : public Stream {
 public:
  TlsStream(int fd, std::shared_ptr<const tls::CredentialStore> own, tls::Session::Side side,
            const std::string& host)
      : fd_(fd), credentials_(std::move(own)), session_(credentials_->current(), fd, side, host) {}
  ~TlsStream() override {
    session_.say_goodbye();
    if (!session_.is_established()) leave_alert();
    ::close(fd_);
  }

  const protocol::Principal& principal() const override {
    return session_.principal().has_identity() ? session_.principal()
                                               : protocol::Principal::anyone();
  }
  bool is_ready() const override { return session_.is_established(); }
  std::string trouble() const override { return session_.trouble(); }
  std::string no_longer_welcome() const override {
    const auto* const peer = session_.peer();
    if (peer == nullptr) return {};
    const auto why = credentials_->current()->why_not_any_more(*peer, tls::now_ms());
    return why.empty() ? why : tls::describe(*peer) + " " + why;
  }

  // A read of the handshake may have to write. What it writes fits into the buffer of a new socket,
  // so that waiting for the peer's next bytes is enough.
  IoResult read(std::span<std::uint8_t> buffer) override {
    const auto until = after(read_timeout_);
    for (;;) {
      const auto outcome = session_.read(buffer);
      if (!blocking_ || !has_to_wait(outcome) || !await(fd_, events_of(outcome.kind), until))
        return result_of(outcome);
    }
  }

  // A record at a time goes out; this takes as many as the socket does.
  IoResult write(std::string_view bytes) override {
    const auto until = after(write_timeout_);
    std::size_t written = 0;
    while (written < bytes.size()) {
      const auto outcome = session_.write(bytes.substr(written));
      written += outcome.bytes;
      if (outcome.kind == Kind::kDone) continue;
      const bool goes_on = blocking_ && has_to_wait(outcome) && written == 0 &&
                           await(fd_, events_of(outcome.kind), until);
      if (goes_on) continue;
      if (written > 0) break;
      return result_of(outcome);
    }
    return {IoResult::Kind::kDone, written, 0};
  }

  IoResult peek(std::span<std::uint8_t> buffer) const override {
    return result_of(session_.peek(buffer));
  }
  // The socket may be readable because of TLS itself, and silent although bytes wait decrypted.
  bool is_silent() const override {
    if (session_.has_pending()) return false;
    pollfd state{fd_, POLLIN | POLLRDHUP, 0};
    if (::poll(&state, 1, 0) == 0) return true;
    if ((state.revents & ~POLLIN) != 0) return false;
    std::uint8_t byte = 0;
    return has_to_wait(session_.peek({&byte, 1}));
  }

  void set_blocking(bool blocking) override { blocking_ = blocking; }
  void set_timeouts(Duration read, Duration write) override {
    constexpr Duration kLeast = std::chrono::milliseconds(1);
    read_timeout_ = std::max(read, kLeast);
    write_timeout_ = std::max(write, kLeast);
  }

  void stop_reading() override { ::shutdown(fd_, SHUT_RD); }
  void cut() override { ::shutdown(fd_, SHUT_RDWR); }
  int fd() const override { return fd_; }

  tls::Session& session() { return session_; }

 private:
  /// Closing with bytes unread would reset the connection, and the peer would never read the alert
  /// that says why.
  void leave_alert() const {
    constexpr int kMostReads = 16;
    // Of TLS 1.2: fatal, protocol_version. A plain client of ours knows by it that this port speaks
    // TLS.
    constexpr std::string_view kNoTls("\x15\x03\x03\x00\x02\x02\x46", 7);
    if (session_.heard_no_tls())
      static_cast<void>(::send(fd_, kNoTls.data(), kNoTls.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    std::array<char, 4096> ignored;
    ::shutdown(fd_, SHUT_WR);
    for (int i = 0; i < kMostReads; ++i)
      if (::recv(fd_, ignored.data(), ignored.size(), MSG_DONTWAIT) <= 0) return;
  }

  const int fd_;
  const std::shared_ptr<const tls::CredentialStore> credentials_;
  mutable tls::Session session_;
  bool blocking_ = false;
  Duration read_timeout_ = Duration::max(), write_timeout_ = Duration::max();
};

}  // namespace

std::unique_ptr<Stream> make_tls_stream(int fd, std::shared_ptr<const tls::CredentialStore> own) {
  return std::make_unique<TlsStream>(fd, std::move(own), tls::Session::Side::kServer, "");
}

Result<std::unique_ptr<Stream>> shake_hands(int fd, std::shared_ptr<const tls::CredentialStore> own,
                                            const std::string& host, Duration patience) {
  const auto until = after(patience);
  auto stream = std::make_unique<TlsStream>(fd, std::move(own), tls::Session::Side::kClient, host);
  for (;;) {
    const auto outcome = stream->session().handshake();
    if (outcome.kind == Kind::kDone) return std::unique_ptr<Stream>(std::move(stream));
    if (outcome.kind == Kind::kFailed)
      return fail(ErrorCode::kUnavailable, stream->session().trouble());
    if (!await(fd, events_of(outcome.kind), until))
      return fail(ErrorCode::kUnavailable,
                  "no end of the TLS handshake in time; does it speak TLS?");
  }
}

}  // namespace troth::thrift
