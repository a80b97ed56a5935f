#include "thrift/wire/oversized.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <thrift/TApplicationException.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>

namespace troth::thrift {

namespace at = apache::thrift;

namespace {

constexpr std::uint32_t kMostDropped = 256u << 20;
constexpr auto kDropTime = std::chrono::seconds(10);

std::uint32_t read_word(at::transport::TTransport& in) {
  std::uint32_t word = 0;
  in.readAll(reinterpret_cast<std::uint8_t*>(&word), sizeof word);
  return ntohl(word);
}

struct Head {
  std::string name;
  std::int32_t seqid = 0;
  std::uint32_t bytes = 0;  ///< of the frame, up to here
};

/// Nothing: what begins here is no strict call.
std::optional<Head> read_head(at::transport::TTransport& in) {
  constexpr std::uint32_t kStrictCall = 0x80010000u | at::protocol::T_CALL;
  constexpr std::uint32_t kLongestName = 128;
  constexpr std::uint32_t kWords = 12;
  if (read_word(in) != kStrictCall) return std::nullopt;
  const auto length = read_word(in);
  if (length > kLongestName) return std::nullopt;
  Head head;
  head.name.resize(length);
  in.readAll(reinterpret_cast<std::uint8_t*>(head.name.data()), length);
  head.seqid = static_cast<std::int32_t>(read_word(in));
  head.bytes = kWords + length;
  return head;
}

void drop(at::transport::TTransport& in, std::uint32_t bytes) {
  std::array<std::uint8_t, 65536> buffer;
  const auto until = std::chrono::steady_clock::now() + kDropTime;
  for (auto left = std::min(bytes, kMostDropped); left > 0;) {
    const auto n = in.read(buffer.data(), std::min<std::uint32_t>(left, buffer.size()));
    if (n == 0 || std::chrono::steady_clock::now() > until) return;
    left -= n;
  }
}

}  // namespace

bool refuse_oversized(at::transport::TTransport& in, WireProtocol& out, std::uint32_t bytes,
                      std::uint32_t limit) {
  bool is_call = false;
  try {
    const auto head = read_head(in);
    if (!head) return false;
    is_call = true;
    const auto colon = head->name.find(':');
    at::TApplicationException refused(
        at::TApplicationException::PROTOCOL_ERROR,
        fmt::format("the request has {} bytes and the limit is {}; divide it", bytes, limit));
    out.writeMessageBegin(colon == std::string::npos ? head->name : head->name.substr(colon + 1),
                          at::protocol::T_EXCEPTION, head->seqid);
    refused.write(&out);
    out.writeMessageEnd();
    out.getTransport()->writeEnd();
    out.getTransport()->flush();
    drop(in, bytes - head->bytes);
  } catch (const std::exception&) {  // the client is gone, or sends nothing more
  }
  return is_call;
}

}  // namespace troth::thrift
