#pragma once
// One branch in the agent's engine: the pure machine, and the notes of the engine's parts.

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/boxed.h"
#include "base/timer_heap.h"
#include "participant/sql_texts.h"
#include "protocol/branch.h"
#include "protocol/quorum_ballot.h"

namespace troth::participant {

/// Answers an embedded transaction.
using LocalDone = std::function<void(TransactionOutcome)>;

struct BranchEntry {
  explicit BranchEntry(protocol::Branch&& b) : branch(std::move(b)) {}
  BranchEntry(const protocol::BranchSettings& settings, const Gtid& gtid,
              protocol::Branch::Kind kind)
      : branch(settings, gtid, kind) {}
  protocol::Branch branch;
  Boxed<protocol::QuorumBallot> quorum;  ///< from PREPARED on, of a three-phase one
  bool before_adoption = false;          ///< takes part in no ballot: Presumption::knows_promises
  Lsn promise_lsn;            ///< its last forced record and any that its execution may have read
  Lsn committed;              ///< of its COMMITTED or ONE_PHASE record
  Priority priority;          ///< of the request, for lock queues
  bool only_read = false;     ///< one-phase: no record will tell of it
  bool executing = false;     ///< a job for it is with the worker
  bool live = false;          ///< counted in BranchTable::live()
  bool recovered = false;     ///< known from an earlier start
  std::uint32_t gave_up = 0;  ///< waiters for its locks that timed out
  std::optional<MonotonicTime> lock_deadline;
  std::string waits_for;                  ///< for people, while it waits for locks
  std::vector<Gtid> holders;              ///< holders that it waits for, oldest gtid first
  std::optional<MonotonicTime> wound_at;  ///< when the younger ones among them are wounded
  std::string key;                        ///< idempotency key of a one-phase request
  /// Time since it began, over restarts: its record says when its request came.
  Duration age(Now now) const {
    const Duration here = now.monotonic - since;
    if (!recovered || priority.start_unix_ms == 0) return here;
    return std::max(here,
                    Duration(std::chrono::milliseconds(now.wall.unix_ms - priority.start_unix_ms)));
  }
  TimerPlace timer;  ///< in the table's timers
  MonotonicTime since;
  LocalDone done;
  SqlTexts::List sql;
  std::array<std::pair<MonotonicTime, protocol::Branch::State>, 6> steps;  ///< its first ones
  std::size_t steps_taken = 0;
};

inline void stop_waiting(BranchEntry& entry) {
  entry.lock_deadline.reset();
  entry.wound_at.reset();
  entry.waits_for.clear();
  entry.holders.clear();
}

}  // namespace troth::participant
