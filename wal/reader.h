#pragma once
// Reading a log directory from end to end, and telling a torn tail from corruption.
//
// Every batch carries the durable LSN its writer knew. Damage below the highest durable LSN found
// anywhere is corruption: an acknowledged record is gone, and the reader must not guess. Damage
// above it is the tail a crash tore: nothing there was ever promised. A closed segment (one with a
// successor) may have no damage at all.

#include <string>
#include <vector>

#include "os/file.h"
#include "wal/format.h"

namespace troth::wal {

struct SegmentInfo {
  std::uint64_t sequence = 0;
  Lsn base;
};

struct ScanReport {
  LogId log_id;
  Lsn first;          ///< LSN before the oldest record still there
  Lsn end;            ///< LSN of the last good record
  Lsn durable_known;  ///< the highest durable LSN any batch mentions
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;       ///< of records
  std::uint64_t torn_bytes = 0;  ///< in the tail that a crash tore; 0 = none
  std::string torn_where;        ///< file and offset of the tear
  bool clean_shutdown = false;   ///< the last batch is a seal
  std::vector<SegmentInfo> segments;
  std::uint64_t end_offset = 0;  ///< in the last segment: where the next batch goes
  std::uint32_t end_chain = 0;   ///< chain value of the next batch
};

/// Visits every good record in order. Read-only: changes nothing on disk. kCorruption names file
/// and offset.
Result<ScanReport> scan(FileSystem& files, const std::string& dir, const RecordVisitor& visitor);

}  // namespace troth::wal
