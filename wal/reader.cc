#include "wal/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "wal/directory.h"
#include "wal/newest_note.h"
#include "wal/segment_window.h"

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

// Every noted segment is there. At most one segment more may be, which a crash left before it was
// noted: returns the sequence that may hold no record, 0 = none.
Result<std::uint64_t> check_noted(FileSystem& files, const std::string& dir,
                                  const Identity& identity,
                                  const std::vector<std::uint64_t>& sequences) {
  if (!identity.notes_newest) return 0;
  const auto noted = read_newest(files, dir, identity.log_id);
  if (!noted && noted.error().code == ErrorCode::kNotFound)
    return fail(ErrorCode::kCorruption,
                fmt::format("{}: the file \"{}\" is missing, which notes the newest segment", dir,
                            kNewestName));
  if (!noted) return fail(noted.error());
  const auto missing = [&](std::uint64_t sequence) {
    return fail(ErrorCode::kCorruption,
                fmt::format("{}: segment {} is missing: the log is noted to consist of {} to {}",
                            dir, segment_name(sequence), segment_name(noted->first),
                            segment_name(noted->newest)));
  };
  if (sequences.front() > noted->first) return missing(noted->first);
  if (sequences.back() < noted->newest) return missing(noted->newest);
  return sequences.back() > noted->newest ? noted->newest + 1 : 0;
}

// A batch at `offset`, if a valid one is there.
Result<bool> batch_at(SegmentWindow& window, std::uint64_t offset, std::uint32_t seed,
                      BatchHeader& header, std::string_view& records) {
  TROTH_ASSIGN_OR_RETURN(const auto start, window.at(offset, kBatchHeaderBytes));
  const std::uint64_t claimed = claimed_batch_bytes(start);
  if (claimed == 0 || claimed > window.size() - offset) return false;
  TROTH_ASSIGN_OR_RETURN(const auto all, window.at(offset, static_cast<std::size_t>(claimed)));
  return decode_batch(all, seed, header, records);
}

// The highest durable LSN any valid batch beyond `from` mentions; zero if there is none.
Result<Lsn> durable_beyond(SegmentWindow& window, std::uint64_t from, std::uint32_t seed) {
  Lsn highest;
  for (std::uint64_t at = from + kBatchAlignment; at + kBatchHeaderBytes <= window.size();
       at += kBatchAlignment) {
    BatchHeader header;
    std::string_view records;
    TROTH_ASSIGN_OR_RETURN(const bool valid, batch_at(window, at, seed, header, records));
    if (valid) highest = std::max(highest, header.durable);
  }
  return highest;
}

Status judge_damage(SegmentWindow& window, std::uint64_t offset, std::uint32_t seed,
                    bool last_segment, const std::string& path, ScanReport& report) {
  TROTH_ASSIGN_OR_RETURN(const auto dirty, window.dirty_bytes_from(offset));
  if (dirty == 0) return {};  // preallocated zeros: simply the end
  TROTH_ASSIGN_OR_RETURN(const Lsn beyond, durable_beyond(window, offset, seed));
  if (!last_segment || beyond > report.end)
    return fail(ErrorCode::kCorruption,
                fmt::format("{} is damaged at offset {} (after LSN {}): the log is known durable "
                            "through LSN {}; nothing was changed",
                            path, offset, report.end, std::max(beyond, report.durable_known)));
  report.torn_bytes = dirty;
  report.torn_where = fmt::format("{} offset {}", path, offset);
  return {};
}

Status scan_segment(SegmentWindow& window, const SegmentHeader& header, bool last_segment,
                    const std::string& path, Cursor& cursor) {
  auto& report = cursor.report;
  const std::uint32_t seed = batch_seed(header.log_id, header.sequence);
  std::uint64_t offset = kSegmentHeaderBytes;
  std::uint32_t chain = header.crc;
  while (true) {
    BatchHeader batch;
    std::string_view records;
    if (offset >= window.size()) break;
    TROTH_ASSIGN_OR_RETURN(const bool valid, batch_at(window, offset, seed, batch, records));
    if (!valid || batch.chain != chain || batch.base != report.end) break;
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
  TROTH_TRY(judge_damage(window, offset, seed, last_segment, path, report));
  report.end_offset = offset;
  report.end_chain = chain;
  return {};
}

}  // namespace

Result<ScanReport> scan(FileSystem& files, const std::string& dir, const RecordVisitor& visitor) {
  TROTH_ASSIGN_OR_RETURN(const auto identity, read_identity(files, dir));
  TROTH_ASSIGN_OR_RETURN(const auto sequences, list_segments(files, dir));
  TROTH_ASSIGN_OR_RETURN(const auto unnoted, check_noted(files, dir, identity, sequences));
  ScanReport report;
  report.log_id = identity.log_id;
  Cursor cursor{report, visitor};
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto path = dir + "/" + segment_name(sequences[i]);
    TROTH_ASSIGN_OR_RETURN(const auto file, files.open(path, OpenMode::kReadOnly));
    TROTH_ASSIGN_OR_RETURN(const auto size, file->size());
    SegmentWindow window(*file, size);
    TROTH_ASSIGN_OR_RETURN(const auto start, window.at(0, kSegmentHeaderBytes));
    auto header = decode_segment_header(start.substr(0, kSegmentHeaderBytes));
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
    TROTH_TRY(scan_segment(window, *header, i + 1 == sequences.size(), path, cursor));
    if (unnoted != 0 && sequences[i] >= unnoted && report.end > header->base)
      return fail(
          ErrorCode::kCorruption,
          fmt::format("{} holds records, but the log never noted it as its newest segment", path));
  }
  return report;
}

}  // namespace troth::wal
