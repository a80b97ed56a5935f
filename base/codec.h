#pragma once
// The one byte encoding of our records: little-endian fixed integers, unsigned LEB128 varints,
// zigzag for signed, length-prefixed strings. Readers never trust a length: every read is checked
// against what is left.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace troth {

class ByteWriter {
 public:
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(std::uint32_t v) { fixed(v); }
  void u64(std::uint64_t v) { fixed(v); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      out_.push_back(static_cast<char>((v & 0x7f) | 0x80));
      v >>= 7;
    }
    out_.push_back(static_cast<char>(v));
  }
  void signed_varint(std::int64_t v);
  void f64(double v);
  void bytes(std::string_view v);  ///< varint length, then the bytes
  void gtid(const Gtid& g);
  void log_id(const LogId& id);
  void name(const NodeName& n) { bytes(n.text()); }

  const std::string& view() const { return out_; }
  std::string take() { return std::move(out_); }
  void clear() { out_.clear(); }
  /// Room for so many bytes in all: what is written up to there allocates nothing.
  void reserve(std::size_t bytes) { out_.reserve(bytes); }

 private:
  template <class Unsigned>
  void fixed(Unsigned v) {
    static_assert(std::endian::native == std::endian::little, "the format is little-endian");
    char bytes[sizeof v];
    std::memcpy(bytes, &v, sizeof v);
    out_.append(bytes, sizeof v);
  }
  std::string out_;
};

/// Reads what ByteWriter wrote. The first failed read makes ok() false for good and later reads
/// return zero values, so a decoder may read a whole structure and ask once, at its end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}
  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::uint64_t varint();
  std::int64_t signed_varint();
  double f64();
  std::string_view bytes();  ///< valid as long as the input is
  Gtid gtid();
  LogId log_id();
  NodeName name();
  /// A count of elements that each take at least `min_bytes_each`: fails if they cannot fit in what
  /// is left.
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
  std::string_view in_;
  bool ok_ = true;
};

}  // namespace troth
