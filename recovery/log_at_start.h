#pragma once
// A log before its engine serves: who owns it, what it holds, and the first records of a new life.
// The second half of the seam of protocol/record_log.h.

#include <cstdint>
#include <string>

#include "protocol/record.h"
#include "wal/format.h"

namespace troth::recovery {

/// Whose log it is.
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
  /// From here on nobody else appends to this log, not even a process that thinks it still owns it.
  /// kFenced: another one does, or this is a copy. kInvalidArgument: it belongs to the other role.
  virtual Result<LogOwner> fence() = 0;
  /// Every durable record, oldest first. kCorruption: a promised record is missing or damaged.
  virtual Result<LogExtent> replay(const wal::RecordVisitor& visitor) = 0;
  /// Appends, and returns when the record is durable.
  virtual Status force(const protocol::Record& record) = 0;
  /// By how much the epoch grows at this start. A random step keeps two lives that began with the
  /// same records, a copy and its original, in different epochs.
  virtual std::uint32_t epoch_step() const { return 1; }
};

/// An adopted copy does not know how often the original started after it was copied. Its first epoch
/// is beyond all of them, so that what names an earlier one is told apart (AdoptedRecord::below).
inline constexpr std::uint32_t kAdoptionGap = 1 << 22;

/// Forces EPOCH (previous + step, after an adopt + kAdoptionGap + step) and, after an adopt, ADOPTED, before
/// anything is sent. `adopted` is what the log already says, and is brought up to date.
Result<Epoch> begin_epoch(LogAtStart& log, const LogOwner& owner, Epoch previous,
                          protocol::AdoptedRecord& adopted, WallTime now);

}  // namespace troth::recovery
