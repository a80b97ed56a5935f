#include "http/bounded_stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace troth::http {

namespace {

using Clock = std::chrono::steady_clock;
using Kind = tls::Outcome::Kind;

bool wait_for(socket_t socket, short what, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waiting{socket, what, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

void describe(const sockaddr_storage& address, std::string& ip, int& port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    port = ntohs(v6.sin6_port);
  }
  ip = text.data();
}

}  // namespace

BoundedStream::BoundedStream(socket_t socket, RequestLimits limits,
                             std::shared_ptr<const tls::Credentials> credentials)
    : socket_(socket), limits_(limits) {
  if (!credentials) return;
  const int flags = ::fcntl(socket, F_GETFL);
  static_cast<void>(::fcntl(socket, F_SETFL, flags | O_NONBLOCK));
  session_ = std::make_unique<tls::Session>(std::move(credentials), socket,
                                            tls::Session::Side::kTolerantServer);
}

std::optional<std::string> BoundedStream::shake_hands(Duration patience) {
  if (!session_) return std::nullopt;
  const auto by = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  for (;;) {
    const auto kind = session_->handshake().kind;
    if (kind == Kind::kDone) return std::nullopt;
    if (kind == Kind::kFailed) return session_->trouble();
    const short what = kind == Kind::kWantWrite ? POLLOUT : POLLIN;
    if (!wait_for(socket_, what, by)) return "no end of the TLS handshake in time";
  }
}

const protocol::Principal& BoundedStream::principal() const {
  return session_ && session_->principal().has_identity() ? session_->principal()
                                                          : protocol::Principal::anyone();
}

void BoundedStream::say_goodbye() {
  if (session_) session_->say_goodbye();
}

bool BoundedStream::readable(Clock::time_point by) const {
  return begin_ < end_ || (session_ && session_->has_pending()) || wait_for(socket_, POLLIN, by);
}

bool BoundedStream::await_request(Duration patience) {
  return readable(Clock::now() + std::chrono::duration_cast<Clock::duration>(patience));
}

void BoundedStream::begin_request(Duration head_time) {
  head_time_ = head_time;
  began_ = Clock::now();
  head_bytes_ = bytes_ = matched_ = 0;
  in_head_ = true;
}

BoundedStream::Clock::time_point BoundedStream::until() const {
  return began_ +
         std::chrono::duration_cast<Clock::duration>(in_head_ ? head_time_ : limits_.request_time);
}

bool BoundedStream::is_readable() const {
  return readable(until());
}

bool BoundedStream::is_writable() const {
  return wait_for(socket_, POLLOUT,
                  Clock::now() + std::chrono::duration_cast<Clock::duration>(limits_.write_time));
}

ssize_t BoundedStream::read(char* out, size_t size) {
  const bool late = Clock::now() > until();  // also of bytes that come one by one, each in time
  ssize_t n = late ? -1 : 1;
  if (!late && begin_ == end_) n = fill();
  if (n > 0) n = take(out, size);
  if (n <= 0) failed_ = true;
  return n;
}

ssize_t BoundedStream::fill_decrypted() {
  for (;;) {
    const auto came =
        session_->read({reinterpret_cast<std::uint8_t*>(buffer_.data()), buffer_.size()});
    begin_ = 0;
    end_ = came.bytes;
    if (came.kind == Kind::kDone) return static_cast<ssize_t>(came.bytes);
    if (came.kind == Kind::kEnded) return 0;
    const short what = came.kind == Kind::kWantWrite ? POLLOUT : POLLIN;
    if (came.kind == Kind::kFailed || !wait_for(socket_, what, until())) return -1;
  }
}

ssize_t BoundedStream::fill() {
  if (session_) return fill_decrypted();
  if (!wait_for(socket_, POLLIN, until())) return -1;
  ssize_t n = 0;
  do {
    n = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
  } while (n < 0 && errno == EINTR);
  begin_ = 0;
  end_ = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  return n;
}

ssize_t BoundedStream::take(char* out, size_t size) {
  const auto n = std::min(size, end_ - begin_);
  std::copy_n(buffer_.data() + begin_, n, out);
  begin_ += n;
  bytes_ += n;
  watch_head({out, n});
  const bool too_much =
      (in_head_ && head_bytes_ > limits_.head_bytes) || bytes_ > limits_.request_bytes;
  return too_much ? -1 : static_cast<ssize_t>(n);
}

// The head ends with the first empty line.
void BoundedStream::watch_head(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  for (const char c : bytes) {
    if (!in_head_) return;
    ++head_bytes_;
    matched_ = c == kEnd[matched_] ? matched_ + 1 : (c == '\r' ? 1 : 0);
    if (matched_ == kEnd.size()) in_head_ = false;
  }
}

ssize_t BoundedStream::write_encrypted(const char* bytes, size_t size) {
  const auto by = Clock::now() + std::chrono::duration_cast<Clock::duration>(limits_.write_time);
  for (;;) {
    const auto sent = session_->write({bytes, size});
    if (sent.kind == Kind::kDone) return static_cast<ssize_t>(sent.bytes);
    const short what = sent.kind == Kind::kWantRead ? POLLIN : POLLOUT;
    const bool waits = sent.kind == Kind::kWantRead || sent.kind == Kind::kWantWrite;
    if (!waits || !wait_for(socket_, what, by)) return -1;
  }
}

ssize_t BoundedStream::write(const char* bytes, size_t size) {
  if (size == 0) return 0;
  if (session_) return write_encrypted(bytes, size);
  if (!is_writable()) return -1;
  ssize_t n = 0;
  do {
    n = ::send(socket_, bytes, size, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n;
}

void BoundedStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0)
    describe(address, ip, port);
}

void BoundedStream::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0)
    describe(address, ip, port);
}

}  // namespace troth::http
