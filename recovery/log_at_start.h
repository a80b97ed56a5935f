#pragma once
// A log before its engine serves: its owner, its records, and the first records of a new epoch. The
// third part of the interface in protocol/record_log.h.

#include <cstdint>
#include <string>

#include "protocol/record.h"
#include "wal/format.h"

namespace troth::recovery {

/// The owner of a log.
struct LogOwner {
  NodeName name;
  LogId log_id;
  std::uint32_t lineage = 0;  ///< how often an operator adopted a copy
};

/// What replay() found.
struct LogExtent {
  Lsn first;  ///< LSN before the oldest record still there; {} = nothing was ever released
  Lsn end;    ///< of the last record
  std::uint64_t torn_bytes = 0;  ///< unpromised, cut off behind `end`
  std::string torn_where;        ///< for people
};

/// The calls come in this order, each from the thread that starts the node, and wait. After an
/// error the node does not start.
class LogAtStart {
 public:
  virtual ~LogAtStart() = default;
  /// From here on no other process appends to this log, not even one that still believes that it
  /// owns it. kFenced: another process owns the log, or it is a copy. kInvalidArgument: it belongs
  /// to the other role.
  virtual Result<LogOwner> fence() = 0;
  /// Every durable record, oldest first. kCorruption: a promised record is missing or damaged.
  virtual Result<LogExtent> replay(const wal::RecordVisitor& visitor) = 0;
  /// Appends, and returns when the record is durable.
  virtual Status force(const protocol::Record& record) = 0;
  /// By how much the epoch grows at this start. A random step keeps a copy and its original, which
  /// begin with the same records, in different epochs.
  virtual std::uint32_t epoch_step() const { return 1; }
};

/// An adopted copy does not know how often the original started after the copy was made. Its first
/// epoch is beyond all of those. So a message that names an earlier epoch is recognised
/// (AdoptedRecord::below).
inline constexpr std::uint32_t kAdoptionGap = 1 << 22;

/// Forces EPOCH (previous + step, after an adopt + kAdoptionGap + step) and, after an adopt,
/// ADOPTED, before anything is sent. `adopted` comes from the log, and is brought up to date.
Result<Epoch> begin_epoch(LogAtStart& log, const LogOwner& owner, Epoch previous,
                          protocol::AdoptedRecord& adopted, WallTime now);

}  // namespace troth::recovery
