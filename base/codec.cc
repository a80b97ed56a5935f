#include "base/codec.h"

#include <bit>

namespace troth {

void ByteWriter::signed_varint(std::int64_t v) {
  varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
}

void ByteWriter::f64(double v) {
  u64(std::bit_cast<std::uint64_t>(v));
}

void ByteWriter::bytes(std::string_view v) {
  varint(v.size());
  out_.append(v);
}

void ByteWriter::gtid(const Gtid& g) {
  u64(g.high());
  u64(g.low());
}

void ByteWriter::log_id(const LogId& id) {
  out_.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

std::uint64_t ByteReader::varint() {
  if (!in_.empty() && static_cast<std::uint8_t>(in_.front()) < 0x80) return u8();
  std::uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (!ok_) return 0;
    if (shift == 63 && byte > 1) break;
    v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return v;
  }
  fail_here();
  return 0;
}

std::int64_t ByteReader::signed_varint() {
  const std::uint64_t v = varint();
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

double ByteReader::f64() {
  return std::bit_cast<double>(u64());
}

std::string_view ByteReader::bytes() {
  const std::uint64_t length = varint();
  if (length > in_.size()) {
    fail_here();
    return {};
  }
  const auto out = in_.substr(0, static_cast<std::size_t>(length));
  in_.remove_prefix(static_cast<std::size_t>(length));
  return out;
}

Gtid ByteReader::gtid() {
  const std::uint64_t high = u64();
  const std::uint64_t low = u64();
  return Gtid::from_words(high, low);
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

NodeName ByteReader::name() {
  const auto text = bytes();
  if (text.empty()) return {};
  auto name = NodeName::parse(text);
  if (!name) {
    fail_here();
    return {};
  }
  return *std::move(name);
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
