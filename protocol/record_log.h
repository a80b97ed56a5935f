#pragma once
// The seam between engines and their log (local WAL | simulator | later a replicated decision log
// on ZooKeeper). architecture.md calls it decision_log.h; participants write through the same seam,
// hence the wider name.

#include <optional>
#include <string_view>

#include "base/ids.h"
#include "protocol/record.h"

namespace troth::protocol {

/// Called by one engine thread. Durability is reported to the engine as an event. Only force_here()
/// waits for the disk, and only when that delays no other work.
class RecordLog {
 public:
  virtual ~RecordLog() = default;
  /// Appends and returns the record's LSN at once. Force::kYes: becomes durable as soon as the disk
  /// allows (group commit).
  virtual Lsn append(RecordType type, std::string_view payload, Force force) = 0;
  /// A record whose promise nobody is kept waiting by: it becomes durable with the next forced one,
  /// or by itself within milliseconds.
  virtual Lsn append_patiently(RecordType type, std::string_view payload) {
    return append(type, payload, Force::kYes);
  }
  /// The engine's round is over: what it appended may go to the disk now, together. An
  /// implementation may start earlier; without this call a forced record may wait.
  virtual void flush() {}
  /// Instead of flush(), for an engine that has nothing else to do: forces on this very thread what
  /// cannot wait. Returns the durable LSN, for which no event follows. Nothing: use flush().
  virtual std::optional<Lsn> force_here() { return std::nullopt; }
  /// Forcing takes about as long as a hop to another thread and back.
  virtual bool forces_quickly() const { return false; }
  virtual Lsn appended() const = 0;
  virtual Lsn durable() const = 0;
  /// Records at or below `lsn` are no longer needed by this engine.
  virtual void release_below(Lsn lsn) = 0;
  /// False when the disk is nearly full: refuse new work, decisions still fit in the reserve.
  virtual bool has_room() const = 0;
};

}  // namespace troth::protocol
