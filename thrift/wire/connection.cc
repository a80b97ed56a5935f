#include "thrift/wire/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <thrift/transport/TTransportException.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace troth::thrift {

namespace at = apache::thrift;

namespace {

/// Whether the bytes begin with a frame that is complete.
bool is_whole(std::span<const std::uint8_t> bytes) {
  std::uint32_t length = 0;
  if (bytes.size() < sizeof length) return false;
  std::memcpy(&length, bytes.data(), sizeof length);
  return bytes.size() - sizeof length >= ntohl(length);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Endpoint& endpoint, Duration timeout) {
  TROTH_ASSIGN_OR_RETURN(const int fd, dial(endpoint, timeout));
  return std::unique_ptr<Connection>(new Connection(fd, endpoint));
}

Connection::Connection(int fd, Endpoint endpoint)
    : fd_(fd),
      endpoint_(std::move(endpoint)),
      socket_(std::make_shared<at::transport::TSocket>(fd)),
      buffer_(buffered(socket_)),
      transport_(std::make_shared<HardenedTransport>(buffer_, WireLimits{})),
      protocol_(make_protocol(transport_, WireLimits{})) {}

// The socket, not the framed transport: closing that one would first send a half-written frame.
Connection::~Connection() {
  socket_->close();
}

void Connection::set_timeout(Duration timeout) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const int bounded = static_cast<int>(std::clamp<std::int64_t>(ms, 1, 1 << 30));
  if (bounded == timeout_ms_) return;
  timeout_ms_ = bounded;
  socket_->setRecvTimeout(bounded);
  socket_->setSendTimeout(bounded);
}

Result<bool> Connection::read_head(const std::string& method, std::int32_t seqid) {
  std::string name;
  at::protocol::TMessageType type{};
  std::int32_t answered = 0;
  protocol_->readMessageBegin(name, type, answered);
  if (answered != seqid) {
    broken_ = true;
    return fail(ErrorCode::kTimeout, fmt::format("{} answered call {} with the answer of call {}",
                                                 endpoint_.text(), seqid, answered));
  }
  if (type == at::protocol::T_REPLY && name == method) return true;
  broken_ = true;
  if (type != at::protocol::T_EXCEPTION)
    return fail(ErrorCode::kTimeout,
                fmt::format("{} answered {} with {}", endpoint_.text(), method, name));
  at::TApplicationException refused;
  refused.read(protocol_.get());
  const bool unknown = refused.getType() == at::TApplicationException::UNKNOWN_METHOD ||
                       refused.getType() == at::TApplicationException::WRONG_METHOD_NAME;
  if (unknown)
    return fail(ErrorCode::kUnsupported, fmt::format("{} is older than this program: it has no {}",
                                                     endpoint_.text(), method));
  return fail(ErrorCode::kInternal,
              fmt::format("{} refused {}: {}", endpoint_.text(), method, refused.what()));
}

Error Connection::broken(const std::exception& e) {
  broken_ = true;
  const auto* transport = dynamic_cast<const at::transport::TTransportException*>(&e);
  const bool waited = transport != nullptr &&
                      (transport->getType() == at::transport::TTransportException::TIMED_OUT);
  const bool closed = transport != nullptr &&
                      (transport->getType() == at::transport::TTransportException::END_OF_FILE);
  const std::string why =
      waited ? "no answer in time" : (closed ? "the connection was closed" : e.what());
  return {ErrorCode::kTimeout, fmt::format("no answer from {}: {}", endpoint_.text(), why)};
}

Connection::Answer Connection::answer_state() const {
  if (broken_) return Answer::kLost;
  std::array<std::uint8_t, 512> bytes;  // far more than any answer to a peer
  const auto read = read_already();
  auto size = std::min(read.size(), bytes.size());
  std::copy_n(read.begin(), size, bytes.begin());
  if (is_whole({bytes.data(), size})) return Answer::kHere;
  const auto n = ::recv(fd_, bytes.data() + size, bytes.size() - size, MSG_PEEK | MSG_DONTWAIT);
  if (n == 0) return Answer::kLost;
  if (n < 0)
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Answer::kOnItsWay
                                                                     : Answer::kLost;
  size += static_cast<std::size_t>(n);
  return is_whole({bytes.data(), size}) ? Answer::kHere : Answer::kOnItsWay;
}

// What came together with an earlier answer.
std::span<const std::uint8_t> Connection::read_already() const {
  std::uint32_t size = 1;
  const auto* bytes = buffer_->borrow(nullptr, &size);  // as many as there are, without reading
  if (bytes == nullptr) return {};
  return {bytes, size};
}

bool Connection::usable() const {
  if (broken_ || !read_already().empty()) return false;
  pollfd state{fd_, POLLIN | POLLRDHUP, 0};
  return ::poll(&state, 1, 0) == 0;
}

}  // namespace troth::thrift
