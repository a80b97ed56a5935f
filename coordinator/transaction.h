#pragma once
// One running transaction in the coordinator's engine: the pure machine of its protocol, the
// callers that wait for it, and the notes of the engine's parts.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/boxed.h"
#include "base/timer_heap.h"
#include "base/trace.h"
#include "coordinator/seats.h"
#include "coordinator/timeline.h"
#include "engine/engine_loop.h"
#include "protocol/global_commit.h"
#include "protocol/one_phase_commit.h"
#include "protocol/ports.h"

namespace troth::coordinator {

/// One of several tries of a request; all of them share its age and deadline.
struct Attempt {
  SubmitRequest request;  ///< retries: how many are left
  std::string digest;
  Priority priority;  ///< nil gtid: this is the first
  MonotonicTime deadline;
  std::uint32_t number = 1;
  std::vector<Gtid> earlier;  ///< attempts of the request; the last one is followed by this
};

struct Transaction {
  using Machine = std::variant<protocol::GlobalCommit, protocol::OnePhaseCommit>;
  explicit Transaction(Machine m) : machine(std::move(m)) {}
  /// Made where it stays.
  template <class M>
  Transaction(std::in_place_type_t<M> kind, typename M::Setup&& setup)
      : machine(kind, std::move(setup)) {}

  const Gtid& gtid() const;
  /// nullptr: it is a one-phase commit.
  protocol::GlobalCommit* global() { return std::get_if<protocol::GlobalCommit>(&machine); }
  const protocol::GlobalCommit* global() const {
    return std::get_if<protocol::GlobalCommit>(&machine);
  }
  /// It must be one.
  const protocol::OnePhaseCommit& one_phase() const {
    return std::get<protocol::OnePhaseCommit>(machine);
  }
  std::optional<MonotonicTime> next_wake() const;
  /// Its words about this transaction count: it has a branch of it. After a restart those that only
  /// read are not known any more, and owe nothing.
  bool is_member(const NodeName& participant) const;
  /// Restarts do not reset it.
  Duration shown_age(Now now) const {
    const Duration here = now.monotonic - since;
    if (!known_since) return here;
    return std::max(here,
                    Duration(std::chrono::milliseconds(now.wall.unix_ms - known_since->unix_ms)));
  }
  CommitProtocol protocol() const;
  const std::string& comment() const;
  /// Its idempotency key; "" unless owns_key.
  const std::string& key() const;
  void note(TimelineEvent event, Now now) {
    event.after = now.monotonic - since;
    timeline.note(event);
  }

  Machine machine;
  Lsn promise_lsn;  ///< its last forced record
  MonotonicTime since;
  std::optional<WallTime> known_since;  ///< of an earlier start: what its record says
  std::vector<protocol::SubmitDone> clients;
  Timeline timeline;
  Boxed<Gtid> gave_way_to;  ///< of the event kWound
  TimerPlace timer;         ///< in the table's timers; never later than it wants
  bool answered = false;
  Seats::Seat seat;                        ///< until it is answered
  bool owns_key = false;                   ///< its idempotency key is in flight for it
  MonotonicTime decided, decided_durably;  ///< {} = not in this incarnation
  std::uint32_t attempt = 1;
  std::unique_ptr<Attempt> again;       ///< the request to start again if it loses a conflict
  Boxed<Priority> age;                  ///< of an interactive one, for its client's next try
  Boxed<std::string> rows;              ///< of a keyed one: what its repetitions get, if not ""
  std::unique_ptr<TraceContext> trace;  ///< its client's, if a span is to be written
};

}  // namespace troth::coordinator
