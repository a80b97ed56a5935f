#include "thrift/wire/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <thrift/transport/TTransportException.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace troth::thrift {

namespace att = apache::thrift::transport;

namespace {

IoResult result_of(ssize_t n) {
  if (n > 0) return {IoResult::Kind::kDone, static_cast<std::size_t>(n), 0};
  if (n == 0) return {IoResult::Kind::kEnded, 0, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Kind::kWouldBlock, 0, 0};
  return {IoResult::Kind::kFailed, 0, errno};
}

timeval as_timeval(Duration d) {
  const auto us = std::max<std::int64_t>(std::chrono::ceil<std::chrono::microseconds>(d).count(),
                                         1000);  // 0 would mean "for ever"
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}
  ~PlainStream() override { ::close(fd_); }

  // A plain connection proves nothing.
  const protocol::Principal& principal() const override { return protocol::Principal::anyone(); }

  // A signal (a profiler's, a debugger's) is no reason to give up a call: the timeout bounds it.
  IoResult read(std::span<std::uint8_t> buffer) override {
    ssize_t n = 0;
    do {
      n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    } while (n < 0 && errno == EINTR);
    return result_of(n);
  }
  IoResult write(std::string_view bytes) override {
    ssize_t n = 0;
    do {
      n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return result_of(n);
  }
  IoResult peek(std::span<std::uint8_t> buffer) const override {
    ssize_t n = 0;
    do {
      n = ::recv(fd_, buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return result_of(n);
  }
  bool is_silent() const override {
    pollfd state{fd_, POLLIN | POLLRDHUP, 0};
    return ::poll(&state, 1, 0) == 0;
  }

  void set_blocking(bool blocking) override {
    const int flags = ::fcntl(fd_, F_GETFL);
    static_cast<void>(::fcntl(fd_, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK));
  }
  void set_timeouts(Duration read, Duration write) override {
    const auto receiving = as_timeval(read), sending = as_timeval(write);
    static_cast<void>(::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &receiving, sizeof receiving));
    static_cast<void>(::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &sending, sizeof sending));
  }

  void stop_reading() override { ::shutdown(fd_, SHUT_RD); }
  void cut() override { ::shutdown(fd_, SHUT_RDWR); }
  int fd() const override { return fd_; }

 private:
  const int fd_;
};

[[noreturn]] void throw_failure(const Stream& stream, const IoResult& result, const char* what) {
  if (result.kind == IoResult::Kind::kWouldBlock)
    throw att::TTransportException(att::TTransportException::TIMED_OUT,
                                   std::string(what) + " timed out");
  throw att::TTransportException(
      att::TTransportException::NOT_OPEN,
      std::string(what) + ": " +
          (stream.trouble().empty() ? std::generic_category().message(result.error)
                                    : stream.trouble()));
}

}  // namespace

std::unique_ptr<Stream> make_plain_stream(int fd) {
  return std::make_unique<PlainStream>(fd);
}

StreamTransport::StreamTransport(std::shared_ptr<Stream> stream, std::string unread)
    : stream_(std::move(stream)), unread_(std::move(unread)) {
  stream_->set_blocking(true);
}

std::uint32_t StreamTransport::read(std::uint8_t* buffer, std::uint32_t length) {
  if (given_ < unread_.size()) {
    const auto n = std::min<std::size_t>(length, unread_.size() - given_);
    std::memcpy(buffer, unread_.data() + given_, n);
    given_ += n;
    if (given_ == unread_.size()) {
      std::string().swap(unread_);  // gives its memory back, which assigning would not
      given_ = 0;
    }
    return static_cast<std::uint32_t>(n);
  }
  const auto result = stream_->read({buffer, length});
  if (result.kind == IoResult::Kind::kDone) return static_cast<std::uint32_t>(result.bytes);
  if (result.kind == IoResult::Kind::kEnded) return 0;
  throw_failure(*stream_, result, "reading");
}

void StreamTransport::write(const std::uint8_t* buffer, std::uint32_t length) {
  std::string_view left(reinterpret_cast<const char*>(buffer), length);
  while (!left.empty()) {
    const auto result = stream_->write(left);
    if (result.kind != IoResult::Kind::kDone) throw_failure(*stream_, result, "writing");
    left.remove_prefix(result.bytes);
  }
}

}  // namespace troth::thrift
