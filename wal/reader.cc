#include "wal/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "wal/directory.h"

namespace troth::wal {

namespace {

struct Cursor {
  ScanReport& report;
  const RecordVisitor& visitor;
};

Result<std::vector<std::uint64_t>> list_segments(FileSystem& files, const std::string& dir) {
  TROTH_ASSIGN_OR_RETURN(const auto names, files.list(dir));
  std::vector<std::uint64_t> sequences;
  for (const auto& name : names)
    if (const auto sequence = segment_sequence(name)) sequences.push_back(*sequence);
  std::sort(sequences.begin(), sequences.end());
  if (sequences.empty())
    return fail(ErrorCode::kCorruption,
                fmt::format("{} has an identity but no log segment: the log was deleted", dir));
  for (std::size_t i = 1; i < sequences.size(); ++i) {
    if (sequences[i] == sequences[i - 1] + 1) continue;
    return fail(ErrorCode::kCorruption,
                fmt::format("{}: segment {} is missing", dir, segment_name(sequences[i - 1] + 1)));
  }
  return sequences;
}

// The highest durable LSN any valid batch beyond `from` mentions; zero if there is none.
Lsn durable_beyond(std::string_view bytes, std::uint64_t from, std::uint32_t seed) {
  Lsn highest;
  for (std::uint64_t at = from + kBatchAlignment; at + kBatchHeaderBytes <= bytes.size();
       at += kBatchAlignment) {
    BatchHeader header;
    std::string_view records;
    if (decode_batch(bytes.substr(at), seed, header, records))
      highest = std::max(highest, header.durable);
  }
  return highest;
}

Status judge_damage(std::string_view bytes, std::uint64_t offset, std::uint32_t seed,
                    bool last_segment, const std::string& path, ScanReport& report) {
  const auto rest = bytes.substr(std::min<std::uint64_t>(offset, bytes.size()));
  const auto dirty_end = rest.find_last_not_of('\0');
  if (dirty_end == std::string_view::npos) return {};  // preallocated zeros: simply the end
  const Lsn beyond = durable_beyond(bytes, offset, seed);
  if (!last_segment || beyond > report.end)
    return fail(ErrorCode::kCorruption,
                fmt::format("{} is damaged at offset {} (after LSN {}): the log is known durable "
                            "through LSN {}; nothing was changed",
                            path, offset, report.end, std::max(beyond, report.durable_known)));
  report.torn_bytes = dirty_end + 1;
  report.torn_where = fmt::format("{} offset {}", path, offset);
  return {};
}

Status scan_segment(std::string_view bytes, const SegmentHeader& header, bool last_segment,
                    const std::string& path, Cursor& cursor) {
  auto& report = cursor.report;
  const std::uint32_t seed = batch_seed(header.log_id, header.sequence);
  std::uint64_t offset = kSegmentHeaderBytes;
  std::uint32_t chain = header.crc;
  while (true) {
    BatchHeader batch;
    std::string_view records;
    const bool good = offset < bytes.size() &&
                      decode_batch(bytes.substr(offset), seed, batch, records) &&
                      batch.chain == chain && batch.base == report.end;
    if (!good) break;
    if (auto visited = visit_records(batch, records, cursor.visitor); !visited)
      return fail(visited.error(), fmt::format("{} offset {}", path, offset));
    report.records += batch.count;
    report.bytes += batch.length;
    report.end = {batch.base.value + batch.length};
    report.durable_known = std::max(report.durable_known, batch.durable);
    report.clean_shutdown = (batch.flags & kSealFlag) != 0;
    chain = batch.crc;
    offset += batch_bytes(batch.length);
  }
  TROTH_TRY(judge_damage(bytes, offset, seed, last_segment, path, report));
  report.end_offset = offset;
  report.end_chain = chain;
  return {};
}

}  // namespace

Result<ScanReport> scan(FileSystem& files, const std::string& dir, const RecordVisitor& visitor) {
  TROTH_ASSIGN_OR_RETURN(const auto identity, read_identity(files, dir));
  TROTH_ASSIGN_OR_RETURN(const auto sequences, list_segments(files, dir));
  ScanReport report;
  report.log_id = identity.log_id;
  Cursor cursor{report, visitor};
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto path = dir + "/" + segment_name(sequences[i]);
    TROTH_ASSIGN_OR_RETURN(const auto file, files.open(path, OpenMode::kReadOnly));
    TROTH_ASSIGN_OR_RETURN(const auto size, file->size());
    TROTH_ASSIGN_OR_RETURN(const auto bytes, file->read_at(0, static_cast<std::size_t>(size)));
    auto header = decode_segment_header(bytes);
    if (!header) return fail(header.error(), path);
    if (header->log_id != identity.log_id || header->sequence != sequences[i])
      return fail(ErrorCode::kCorruption,
                  fmt::format("{} belongs to another log or place (log {}, segment {})", path,
                              header->log_id, header->sequence));
    if (i == 0) {
      report.first = report.end = header->base;
    } else if (header->base != report.end || header->chain != report.end_chain) {
      return fail(ErrorCode::kCorruption,
                  fmt::format("{} does not continue the segment before it: that one ends at LSN "
                              "{}, this one starts at LSN {}",
                              path, report.end, header->base));
    }
    report.segments.push_back({sequences[i], header->base});
    TROTH_TRY(scan_segment(bytes, *header, i + 1 == sequences.size(), path, cursor));
  }
  return report;
}

}  // namespace troth::wal
