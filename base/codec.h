#pragma once
// The one byte encoding of our records: little-endian fixed integers, unsigned LEB128 varints,
// zigzag for signed, length-prefixed strings. Readers never trust a length: every read is checked
// against the remaining bytes.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "troth/result.h"

namespace troth {

inline constexpr std::size_t kLongestVarint = 10;
/// Writes to where there is room for the longest; returns how many bytes it took.
inline std::size_t put_varint(char* to, std::uint64_t v) {
  std::size_t n = 0;
  for (; v >= 0x80; v >>= 7) to[n++] = static_cast<char>((v & 0x7f) | 0x80);
  to[n++] = static_cast<char>(v);
  return n;
}

class ByteWriter {
 public:
  ByteWriter() = default;
  ByteWriter(const ByteWriter&) = delete;
  ByteWriter& operator=(const ByteWriter&) = delete;
  void u8(std::uint8_t v) { fixed(v); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  void varint(std::uint64_t v) { used_ += put_varint(room(kLongestVarint), v); }
  void signed_varint(std::int64_t v) {
    varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void f64(double v) { u64(std::bit_cast<std::uint64_t>(v)); }
  /// varint length, then the bytes
  void bytes(std::string_view v) {
    varint(v.size());
    append(v.data(), v.size());
  }
  /// What another writer has written.
  void raw(std::string_view v) { append(v.data(), v.size()); }
  void gtid(const Gtid& g) {
    u64(g.high());
    u64(g.low());
  }
  void log_id(const LogId& id) { append(id.bytes.data(), id.bytes.size()); }
  void name(const NodeName& n) { bytes(n.text()); }

  /// Valid until the next write.
  std::string_view view() const { return {buffer_.data(), used_}; }
  std::string take() {
    buffer_.resize(std::exchange(used_, 0));
    return std::move(buffer_);
  }
  void clear() { used_ = 0; }
  /// Reserves room for so many bytes in all: writes up to there allocate nothing.
  void reserve(std::size_t bytes) {
    if (bytes > buffer_.size()) buffer_.resize(bytes);
  }

 private:
  template <class Unsigned>
  void fixed(Unsigned v) {
    static_assert(std::endian::native == std::endian::little, "the format is little-endian");
    append(&v, sizeof v);
  }
  void append(const void* data, std::size_t size) {
    char* at = room(size);
    if (size > 0) std::memcpy(at, data, size);
    used_ += size;
  }
  /// Where the next bytes go; there is space for `more` of them.
  char* room(std::size_t more) {
    if (buffer_.size() - used_ < more) grow(more);
    return buffer_.data() + used_;
  }
  void grow(std::size_t more);

  std::string buffer_;  // written up to used_
  std::size_t used_ = 0;
};

/// Reads what ByteWriter wrote. The first failed read makes ok() false for good and later reads
/// return zero values, so a decoder may read a whole structure and ask once, at its end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}
  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::uint64_t varint() {
    if (!in_.empty() && static_cast<std::uint8_t>(in_.front()) < 0x80) return u8();
    return long_varint();
  }
  std::int64_t signed_varint() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  double f64() { return std::bit_cast<double>(u64()); }
  /// Valid as long as the input is.
  std::string_view bytes() {
    const std::uint64_t length = varint();
    if (length > in_.size()) {
      fail_here();
      return {};
    }
    const std::string_view out(in_.data(), static_cast<std::size_t>(length));
    in_.remove_prefix(out.size());
    return out;
  }
  Gtid gtid() {
    const std::uint64_t high = u64();
    return Gtid::from_words(high, u64());
  }
  LogId log_id();
  NodeName name();
  void name(NodeName& out);      ///< into an empty one
  void text(std::string& out) {  ///< bytes(), into an empty one
    if (const auto read = bytes(); !read.empty()) out = read;
  }
  /// A count of elements that each take at least `min_bytes_each`: fails if they cannot fit in the
  /// remaining bytes.
  std::size_t count(std::size_t min_bytes_each);

  bool ok() const { return ok_; }
  std::size_t left() const { return in_.size(); }
  /// Success only if every read was good and nothing is left over. `what` names the structure in
  /// the error.
  Status finish(std::string_view what) const;
  void fail_here() {
    ok_ = false;
    in_ = {};
  }

 private:
  template <class Unsigned>
  Unsigned fixed() {
    Unsigned v = 0;
    if (in_.size() < sizeof v) {
      fail_here();
      return 0;
    }
    std::memcpy(&v, in_.data(), sizeof v);
    in_.remove_prefix(sizeof v);
    return v;
  }
  std::uint64_t long_varint();

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace troth
