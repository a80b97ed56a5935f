#include "thrift/wire/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <thrift/transport/TTransportException.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace troth::thrift {

namespace at = apache::thrift;

namespace {

/// Of answers: rows are many small values, and the client waits for them.
WireLimits answer_limits() {
  WireLimits limits;
  limits.message_items = 1u << 22;
  return limits;
}

/// Whether the bytes begin with a frame that is complete.
bool is_whole(std::span<const std::uint8_t> bytes) {
  std::uint32_t length = 0;
  if (bytes.size() < sizeof length) return false;
  std::memcpy(&length, bytes.data(), sizeof length);
  return bytes.size() - sizeof length >= ntohl(length);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(
    const Endpoint& endpoint, Duration timeout,
    const std::shared_ptr<const tls::CredentialStore>& credentials) {
  TROTH_ASSIGN_OR_RETURN(auto stream, dial(endpoint, timeout, credentials));
  return std::unique_ptr<Connection>(new Connection(std::move(stream), endpoint));
}

Connection::Connection(std::unique_ptr<Stream> stream, Endpoint endpoint)
    : stream_(std::move(stream)),
      endpoint_(std::move(endpoint)),
      buffer_(buffered(std::make_shared<StreamTransport>(stream_))),
      transport_(std::make_shared<HardenedTransport>(buffer_, answer_limits())),
      protocol_(make_protocol(transport_, answer_limits())) {}

Status Connection::check_size(const std::string& method) const {
  constexpr std::uint32_t kLengthBytes = 4;
  const auto limit = static_cast<std::uint32_t>(answer_limits().frame_bytes);
  if (bytes_sent_ <= limit + kLengthBytes) return {};
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("{} was not sent: the request has {} bytes and the limit is {}; divide it",
                  method, bytes_sent_ - kLengthBytes, limit));
}

void Connection::set_timeout(Duration timeout) {
  if (timeout == timeout_) return;
  timeout_ = timeout;
  stream_->set_timeouts(timeout, timeout);
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
  const bool ours = refused.getType() == at::TApplicationException::PROTOCOL_ERROR;
  return fail(ours ? ErrorCode::kInvalidArgument : ErrorCode::kInternal,
              fmt::format("{} refused {}: {}", endpoint_.text(), method, refused.what()));
}

Error Connection::broken(const std::exception& e) {
  broken_ = true;
  const auto* transport = dynamic_cast<const at::transport::TTransportException*>(&e);
  const bool waited = transport != nullptr &&
                      (transport->getType() == at::transport::TTransportException::TIMED_OUT);
  const bool closed = transport != nullptr &&
                      (transport->getType() == at::transport::TTransportException::END_OF_FILE);
  // What a TLS port answers to plain bytes is no frame.
  const bool garbled = transport != nullptr && !stream_->principal().has_identity() &&
                       transport->getType() == at::transport::TTransportException::CORRUPTED_DATA;
  const std::string why = waited   ? "no answer in time"
                          : closed ? "the connection was closed"
                          : garbled
                              ? "it answers in another protocol; does it speak TLS? Then name "
                                "a tls-dir"
                              : e.what();
  return {ErrorCode::kTimeout, fmt::format("no answer from {}: {}", endpoint_.text(), why)};
}

Connection::Answer Connection::answer_state() const {
  if (broken_) return Answer::kLost;
  std::array<std::uint8_t, 512> bytes;  // far more than any answer to a peer
  const auto read = read_already();
  auto size = std::min(read.size(), bytes.size());
  std::copy_n(read.begin(), size, bytes.begin());
  if (is_whole({bytes.data(), size})) return Answer::kHere;
  const auto came = stream_->peek(std::span(bytes).subspan(size));
  if (came.kind == IoResult::Kind::kWouldBlock) return Answer::kOnItsWay;
  if (came.kind != IoResult::Kind::kDone) return Answer::kLost;
  size += came.bytes;
  return is_whole({bytes.data(), size}) ? Answer::kHere : Answer::kOnItsWay;
}

// Bytes that came together with an earlier answer.
std::span<const std::uint8_t> Connection::read_already() const {
  std::uint32_t size = 1;
  const auto* bytes = buffer_->borrow(nullptr, &size);  // as many as there are, without reading
  if (bytes == nullptr) return {};
  return {bytes, size};
}

bool Connection::usable() const {
  return !broken_ && read_already().empty() && stream_->is_silent();
}

}  // namespace troth::thrift
