#pragma once
// The interface between engines and their log, in three parts. So a log that several machines keep
// can replace the local one:
//   DurableLog    append -> ticket, is_durable(ticket): all that most parts of an engine use
//   LocalHints    hints that only a log on this machine can give; other logs keep the defaults
//   recovery::LogAtStart    fencing and replay, before an engine serves
// A ticket is the record's LSN. Only the order of LSNs means something outside the log, also on the
// wire and in a database's marker: the local log counts bytes, another one may count entries.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.h"
#include "protocol/record.h"

namespace troth::protocol {

/// Called by one engine thread. Never waits: durability is reported to the engine as an event.
class DurableLog {
 public:
  virtual ~DurableLog() = default;
  /// Appends and returns the record's ticket at once. Force::kYes: becomes durable as soon as the
  /// log allows (group commit).
  virtual Lsn append(RecordType type, std::string_view payload, Force force) = 0;
  /// Forced, but no client waits for it: it may share the next fsync (at most 2 ms later in the
  /// local log).
  virtual Lsn append_patiently(RecordType type, std::string_view payload) {
    return append(type, payload, Force::kYes);
  }
  /// The ticket of the last record appended.
  virtual Lsn appended() const = 0;
  /// Every record up to this one is durable.
  virtual Lsn durable() const = 0;
  bool is_durable(Lsn ticket) const { return ticket <= durable(); }
  /// The engine no longer needs the records at or below `ticket`.
  virtual void release_below(Lsn ticket) = 0;
  /// About how many bytes of records were appended after `ticket`. For checkpoints: a number of
  /// LSNs means nothing.
  virtual std::uint64_t bytes_after(Lsn ticket) const = 0;
};

/// Called by the same thread. Correctness needs none of these hints: a log that is not on this
/// machine keeps the defaults.
class LocalHints {
 public:
  virtual ~LocalHints() = default;
  /// The engine's round is over: its records may go to the disk now, together. An
  /// implementation may start earlier; without this call a forced record may wait.
  virtual void flush() {}
  /// Instead of flush(), for an idle engine: forces the urgent records on this thread. Only here
  /// does an engine wait for a disk. Returns the durable LSN, for which no event follows. Nothing:
  /// use flush().
  virtual std::optional<Lsn> force_here() { return std::nullopt; }
  /// Forcing takes about as long as a switch to another thread and back.
  virtual bool forces_quickly() const { return false; }
  /// False when the log is nearly full: refuse new work, decisions still fit in the reserve.
  virtual bool has_room() const { return true; }
};

/// Both interfaces together, as an engine receives them.
class RecordLog : public DurableLog, public LocalHints {};

}  // namespace troth::protocol
