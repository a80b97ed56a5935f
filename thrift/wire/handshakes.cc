#include "thrift/wire/handshakes.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>

#include "thrift/wire/tls_stream.h"

namespace troth::thrift {

namespace {

/// "127.0.0.1:40312"
std::string caller_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  const bool known =
      ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
      ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host.data(), host.size(),
                    port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) == 0;
  return known ? std::string(host.data()) + ":" + port.data() : "";
}

}  // namespace

std::unique_ptr<Stream> Handshakes::welcome(std::uint64_t connection, int fd,
                                            Clock::time_point now) {
  if (!credentials_) return make_plain_stream(fd);
  under_way_.emplace(connection, now);
  return make_tls_stream(fd, credentials_);
}

void Handshakes::refused(const Stream& stream) {
  const auto why = stream.trouble();
  if (!why.empty() && !stream.is_ready())
    logger_.warn("connection refused", {{"from", caller_of(stream.fd())}, {"why", why}});
}

bool Handshakes::recheck_due(Clock::time_point now) {
  constexpr auto kPause = std::chrono::minutes(1);
  if (!credentials_) return false;
  auto current = credentials_->current();
  if (current == checked_ && now - checked_at_ < kPause) return false;
  checked_ = std::move(current);
  checked_at_ = now;
  return true;
}

std::optional<std::uint64_t> Handshakes::gives_way(Clock::time_point now) const {
  if (under_way_.empty()) return std::nullopt;
  const auto& [oldest, began] = *under_way_.begin();
  const auto patience = std::chrono::duration_cast<Clock::duration>(limits_.patience);
  if (under_way_.size() <= limits_.most && now - began <= patience) return std::nullopt;
  return oldest;
}

}  // namespace troth::thrift
