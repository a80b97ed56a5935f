#pragma once
// The one byte encoding of our records: little-endian fixed integers, unsigned LEB128 varints,
// zigzag for signed, length-prefixed strings. Readers never trust a length: every read is checked
// against what is left.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace troth {

class ByteWriter {
 public:
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(std::uint32_t v) { fixed(v, 4); }
  void u64(std::uint64_t v) { fixed(v, 8); }
  void varint(std::uint64_t v);
  void signed_varint(std::int64_t v);
  void f64(double v);
  void bytes(std::string_view v);  ///< varint length, then the bytes
  void gtid(const Gtid& g);
  void log_id(const LogId& id);
  void name(const NodeName& n) { bytes(n.text()); }

  const std::string& view() const { return out_; }
  std::string take() { return std::move(out_); }
  void clear() { out_.clear(); }

 private:
  void fixed(std::uint64_t v, int width);
  std::string out_;
};

/// Reads what ByteWriter wrote. The first failed read makes ok() false for good and later reads
/// return zero values, so a decoder may read a whole structure and ask once, at its end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}
  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
  std::uint64_t u64() { return fixed(8); }
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
  std::uint64_t fixed(std::size_t width);
  std::string_view in_;
  bool ok_ = true;
};

}  // namespace troth
