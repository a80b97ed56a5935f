#include "wal/format.h"

#include <fmt/format.h>
#include <isa-l/crc.h>

#include <algorithm>

#include "base/codec.h"

namespace troth::wal {

namespace {
constexpr std::string_view kSegmentMagic = "TROTHLOG";
constexpr std::uint32_t kBatchMagic = 0x48435442;  // "BTCH"
}  // namespace

std::uint32_t crc32c(std::uint32_t seed, std::string_view data) {
  // isa-l takes a mutable pointer and an int length; it does not write.
  auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(data.data()));
  std::uint32_t crc = ~seed;
  while (!data.empty()) {
    const std::size_t part = std::min<std::size_t>(data.size(), std::size_t{1} << 30);
    crc = crc32_iscsi(bytes, static_cast<int>(part), crc);
    bytes += part;
    data.remove_prefix(part);
  }
  return ~crc;
}

std::uint32_t batch_seed(const LogId& log_id, std::uint64_t sequence) {
  ByteWriter out;
  out.log_id(log_id);
  out.u64(sequence);
  return crc32c(0, out.view());
}

std::string encode_segment_header(SegmentHeader& header) {
  ByteWriter out;
  for (const char c : kSegmentMagic) out.u8(static_cast<std::uint8_t>(c));
  out.u32(kFormatVersion);
  out.log_id(header.log_id);
  out.u64(header.sequence);
  out.u64(header.base.value);
  out.u32(header.chain);
  header.crc = crc32c(0, out.view());
  out.u32(header.crc);
  auto bytes = out.take();
  bytes.resize(kSegmentHeaderBytes, '\0');
  return bytes;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || bytes.substr(0, kSegmentMagic.size()) != kSegmentMagic)
    return fail(ErrorCode::kCorruption, "the segment header is missing or damaged");
  ByteReader in(bytes.substr(kSegmentMagic.size()));
  const std::uint32_t version = in.u32();
  SegmentHeader header;
  header.log_id = in.log_id();
  header.sequence = in.u64();
  header.base = {in.u64()};
  header.chain = in.u32();
  const std::size_t covered = bytes.size() - in.left();
  header.crc = in.u32();
  if (crc32c(0, bytes.substr(0, covered)) != header.crc)
    return fail(ErrorCode::kCorruption, "the segment header's checksum is wrong");
  if (version > kFormatVersion)
    return fail(ErrorCode::kUnsupported,
                fmt::format("the log has format version {}, this program reads up to {}", version,
                            kFormatVersion));
  return header;
}

std::string encode_batch(BatchHeader& header, std::uint32_t seed, std::string_view records) {
  std::string out;
  encode_batch(header, seed, records, out);
  return out;
}

void encode_batch(BatchHeader& header, std::uint32_t seed, std::string_view records,
                  std::string& bytes) {
  ByteWriter out;
  out.reserve(kBatchHeaderBytes);
  out.u32(kBatchMagic);
  out.u32(header.length);
  out.u32(header.count);
  out.u32(header.chain);
  out.u32(header.flags);
  out.u64(header.base.value);
  out.u64(header.durable.value);
  header.crc = crc32c(crc32c(seed, out.view()), records);
  out.u32(header.crc);
  bytes.clear();
  bytes.reserve(batch_bytes(records.size()));
  bytes.append(out.view());
  bytes.append(records);
  bytes.resize(batch_bytes(records.size()), '\0');
}

std::uint64_t claimed_batch_bytes(std::string_view bytes) {
  if (bytes.size() < kBatchHeaderBytes) return 0;
  ByteReader in(bytes.substr(0, kBatchHeaderBytes));
  if (in.u32() != kBatchMagic) return 0;
  return kBatchHeaderBytes + in.u32();
}

bool decode_batch(std::string_view bytes, std::uint32_t seed, BatchHeader& header,
                  std::string_view& records) {
  if (bytes.size() < kBatchHeaderBytes) return false;
  ByteReader in(bytes.substr(0, kBatchHeaderBytes));
  if (in.u32() != kBatchMagic) return false;
  header.length = in.u32();
  header.count = in.u32();
  header.chain = in.u32();
  header.flags = in.u32();
  header.base = {in.u64()};
  header.durable = {in.u64()};
  header.crc = in.u32();
  if (header.length > bytes.size() - kBatchHeaderBytes) return false;
  records = bytes.substr(kBatchHeaderBytes, header.length);
  return crc32c(crc32c(seed, bytes.substr(0, kBatchHeaderBytes - 4)), records) == header.crc;
}

void append_record(std::string& out, std::uint8_t tag, std::string_view payload) {
  const auto length = static_cast<std::uint32_t>(payload.size());
  char header[kRecordHeaderBytes];
  for (std::size_t i = 0; i < 4; ++i) header[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  header[4] = static_cast<char>(tag);
  out.append(header, sizeof header);
  out.append(payload);
}

Status visit_records(const BatchHeader& header, std::string_view records,
                     const RecordVisitor& visitor) {
  Lsn lsn = header.base;
  std::uint32_t count = 0;
  while (!records.empty()) {
    ByteReader in(records);
    const std::uint32_t length = in.u32();
    const std::uint8_t tag = in.u8();
    if (!in.ok() || length > in.left())
      return fail(ErrorCode::kCorruption, "a record's length leads out of its batch");
    lsn = lsn_after(lsn, length);
    ++count;
    TROTH_TRY(visitor({lsn, tag, records.substr(kRecordHeaderBytes, length)}));
    records.remove_prefix(kRecordHeaderBytes + length);
  }
  if (count != header.count)
    return fail(ErrorCode::kCorruption, "a batch holds another number of records than it says");
  return {};
}

std::string segment_name(std::uint64_t sequence) {
  return fmt::format("{:016x}.log", sequence);
}

std::optional<std::uint64_t> segment_sequence(std::string_view name) {
  if (name.size() != 20 || name.substr(16) != ".log") return std::nullopt;
  std::uint64_t sequence = 0;
  for (const char c : name.substr(0, 16)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f')) return std::nullopt;
    sequence = (sequence << 4) | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return sequence;
}

}  // namespace troth::wal
