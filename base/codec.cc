#include "base/codec.h"

#include <algorithm>

namespace troth {

void ByteWriter::grow(std::size_t more) {
  constexpr std::size_t kSmallest = 64;
  if (used_ + more <= buffer_.capacity())  // what a string holds in itself, to begin with
    return buffer_.resize(buffer_.capacity());
  buffer_.resize(std::max({kSmallest, 2 * buffer_.size(), used_ + more}));
}

std::uint64_t ByteReader::long_varint() {
  constexpr std::size_t kLongest = 10;  // of which the last one has a single bit
  const std::size_t most = std::min(in_.size(), kLongest);
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < most; ++i) {
    const auto byte = static_cast<std::uint8_t>(in_[i]);
    if (i + 1 == kLongest && byte > 1) break;
    v |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) != 0) continue;
    in_.remove_prefix(i + 1);
    return v;
  }
  fail_here();
  return 0;
}

LogId ByteReader::log_id() {
  LogId id;
  if (in_.size() < id.bytes.size()) {
    fail_here();
    return id;
  }
  std::memcpy(id.bytes.data(), in_.data(), id.bytes.size());
  in_.remove_prefix(id.bytes.size());
  return id;
}

void ByteReader::name(NodeName& out) {
  const auto text = bytes();
  if (!text.empty() && !out.assign(text)) fail_here();
}

NodeName ByteReader::name() {
  NodeName out;
  name(out);
  return out;
}

std::size_t ByteReader::count(std::size_t min_bytes_each) {
  const std::uint64_t n = varint();
  if (n > in_.size() / (min_bytes_each == 0 ? 1 : min_bytes_each)) {
    fail_here();
    return 0;
  }
  return static_cast<std::size_t>(n);
}

Status ByteReader::finish(std::string_view what) const {
  if (!ok_)
    return fail(ErrorCode::kCorruption,
                std::string(what) + " ends too early or holds an impossible length");
  if (!in_.empty())
    return fail(ErrorCode::kCorruption,
                fmt::format("{} is followed by {} unexpected bytes", what, in_.size()));
  return {};
}

}  // namespace troth
