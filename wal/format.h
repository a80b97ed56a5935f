#pragma once
// The bytes on disk, shared by reader and writer. FORMAT.md explains them with an example; keep
// both in step.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "troth/result.h"

namespace troth::wal {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint64_t kSegmentHeaderBytes = 64;
inline constexpr std::uint64_t kBatchHeaderBytes = 40;
inline constexpr std::uint64_t kRecordHeaderBytes = 5;  ///< u32 length, u8 tag
inline constexpr std::uint64_t kBatchAlignment =
    8;  ///< batches start at multiples of this: bounds the look-ahead
inline constexpr std::uint64_t kMaxRecordBytes = std::uint64_t{1} << 30;
inline constexpr std::uint32_t kSealFlag = 1;  ///< an empty batch written by a clean shutdown

/// One record as the reader yields it. `lsn` is the END of the record in the record stream (framing
/// of batches and segments is not counted), so that "durable through lsn" includes the record.
struct RecordView {
  Lsn lsn;
  std::uint8_t tag = 0;
  std::string_view payload;
};
using RecordVisitor = std::function<Status(const RecordView&)>;

/// LSN of a record of `payload_bytes` appended after `previous`.
inline Lsn lsn_after(Lsn previous, std::size_t payload_bytes) {
  return {previous.value + kRecordHeaderBytes + payload_bytes};
}

struct SegmentHeader {
  LogId log_id;
  std::uint64_t sequence = 0;
  Lsn base;  ///< LSN before the segment's first record
  std::uint32_t chain =
      0;  ///< CRC of the last batch of the previous segment, 0 for the very first segment
  std::uint32_t crc = 0;  ///< of this header; the chain value of the segment's first batch
};
struct BatchHeader {
  std::uint32_t length = 0;  ///< bytes of records that follow
  std::uint32_t count = 0;   ///< records
  std::uint32_t chain = 0;   ///< CRC of the batch before, or of the segment header
  std::uint32_t flags = 0;
  Lsn base;     ///< LSN before the batch's first record
  Lsn durable;  ///< durable end that the writer knew when it wrote this
  std::uint32_t crc = 0;
};

/// CRC32C (Castagnoli) over `data`, continuing from `seed`.
std::uint32_t crc32c(std::uint32_t seed, std::string_view data);
/// Makes batches of another log or another segment invalid instead of plausible.
std::uint32_t batch_seed(const LogId& log_id, std::uint64_t sequence);

std::string encode_segment_header(SegmentHeader& header);  ///< fills header.crc
/// kCorruption, or kUnsupported for a newer format version.
Result<SegmentHeader> decode_segment_header(std::string_view bytes);
/// Header and records, padded to kBatchAlignment; fills header.crc.
std::string encode_batch(BatchHeader& header, std::uint32_t seed, std::string_view records);
/// The same, into `out`. Replaces its content.
void encode_batch(BatchHeader& header, std::uint32_t seed, std::string_view records,
                  std::string& out);
/// How long the batch at the start of `bytes` says it is, records and header; 0 if none starts
/// there.
std::uint64_t claimed_batch_bytes(std::string_view bytes);
/// Looks at a batch at the start of `bytes`. False if there is no valid batch there.
bool decode_batch(std::string_view bytes, std::uint32_t seed, BatchHeader& header,
                  std::string_view& records);
inline std::uint64_t batch_bytes(std::uint64_t record_bytes) {
  return (kBatchHeaderBytes + record_bytes + kBatchAlignment - 1) / kBatchAlignment *
         kBatchAlignment;
}

void append_record(std::string& out, std::uint8_t tag, std::string_view payload);
/// Splits a batch whose CRC is good. kCorruption if its lengths do not add up.
Status visit_records(const BatchHeader& header, std::string_view records,
                     const RecordVisitor& visitor);

std::string segment_name(std::uint64_t sequence);
/// Sequence of a segment file name, or nothing for other files.
std::optional<std::uint64_t> segment_sequence(std::string_view name);

}  // namespace troth::wal
