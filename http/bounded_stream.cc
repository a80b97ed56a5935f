#include "http/bounded_stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace troth::http {

namespace {

using Clock = std::chrono::steady_clock;

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

BoundedStream::BoundedStream(socket_t socket, RequestLimits limits)
    : socket_(socket), limits_(limits) {}

bool BoundedStream::await_request(Duration patience) {
  return begin_ < end_ ||
         wait_for(socket_, POLLIN,
                  Clock::now() + std::chrono::duration_cast<Clock::duration>(patience));
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
  return begin_ < end_ || wait_for(socket_, POLLIN, until());
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

ssize_t BoundedStream::fill() {
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

ssize_t BoundedStream::write(const char* bytes, size_t size) {
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
