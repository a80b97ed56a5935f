#pragma once
// Decides when the live records of a log are copied to its end, and when the log before the copies
// may go. A segment is dropped when no live record is in it, never by age. The owner says what to
// copy.

#include <algorithm>
#include <cstdint>

#include "protocol/record_log.h"

namespace troth {

/// Invariant: nothing is released before its copies are durable. At most one checkpoint is open.
/// Owned by an engine and touched by its thread alone.
class Checkpointer {
 public:
  /// `every`: bytes of log after which a checkpoint is due.
  Checkpointer(protocol::RecordLog& log, std::uint64_t every)
      : log_(log), every_(every), end_(log.appended()) {}

  /// What earlier starts left in the log counts towards the next checkpoint. {} = it was empty.
  void adopt(Lsn first_record) {
    if (first_record.value != 0) end_ = std::min(end_, first_record);
  }

  /// A checkpoint has begun, and the log before it is still kept.
  bool open() const { return released_ < start_; }
  /// The checkpoint is open, and its copies are durable.
  bool copied() const { return open() && log_.is_durable(end_); }
  /// Of the newest checkpoint: records at or below it can go once the copies are durable.
  Lsn start() const { return start_; }

  /// Ends the open checkpoint if its copies are durable. `unneeded`: how far the owner can do
  /// without the log's older part, for other reasons than the copies.
  void release(Lsn unneeded) {
    if (!copied() || unneeded < start_) return;
    released_ = start_;
    log_.release_below(start_);
  }

  /// The log has grown enough since the last checkpoint. On a disk that is nearly full, a little
  /// growth is enough, but more than the copies took: a checkpoint needs space before it frees any.
  bool due() const {
    if (open()) return false;
    const auto grown = log_.bytes_after(end_);
    return grown >= every_ || (!log_.has_room() && grown > std::max(every_ / 16, copies_));
  }

  /// `copy` appends the live records. `start`: the copies reflect every record at or below it.
  /// Nothing happens if that is no progress. True: a checkpoint was begun.
  template <class Copy>
  bool begin(Lsn start, Copy&& copy) {
    if (start <= start_) return false;
    start_ = start;
    const Lsn before = log_.appended();
    copy();
    end_ = log_.appended();
    copies_ = log_.bytes_after(before);
    return true;
  }

 private:
  protocol::RecordLog& log_;
  const std::uint64_t every_;
  std::uint64_t copies_ = 0;    // bytes of the newest checkpoint
  Lsn start_, end_, released_;  // end_: before the first checkpoint, where the log begins
};

}  // namespace troth
