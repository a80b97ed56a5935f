#pragma once
// A coordinator's log as plain tables. The engine adopts them; the same code serves offline
// inspection.

#include <map>
#include <unordered_map>
#include <vector>

#include "protocol/quorum_ballot.h"
#include "protocol/record.h"
#include "recovery/node_tables.h"
#include "wal/format.h"

namespace troth::recovery {

struct KnownOutcome {
  Outcome outcome = Outcome::kCommitted;
  AbortReason reason;
};

/// An outcome that nothing but the log may hold yet, with what the log says about it.
struct UnstoredOutcome {
  Outcome outcome = Outcome::kCommitted;
  AbortReason reason;
  std::vector<NodeName> participants;
  std::string idempotency_key, body_digest;
  WallTime decided;
  std::string comment;
};

/// A three-phase transaction that was precommitted here and whose decision is not in the log.
struct UndecidedQuorum {
  protocol::PrecommittedRecord record;  ///< the first one
  protocol::QuorumPosition position;
};

struct CoordinatorTables : NodeTables {
  std::size_t max_outcomes = 200000;  ///< kept in `outcomes`; older ones are below the horizon
  Lsn at;                             ///< of the record being read
  Gtid horizon;                       ///< outcomes of ended gtids below it are forgotten
  std::map<Gtid, protocol::CommitRecord> unended;  ///< COMMIT without END
  std::map<Gtid, UndecidedQuorum> undecided;       ///< three-phase
  std::map<Gtid, KnownOutcome> outcomes;           ///< everything the log still tells
  std::map<Gtid, Gtid> last_attempts;  ///< of a request that lost conflicts: by the earlier ones
  /// Outcomes in records up to here are stored elsewhere, too. The default: nobody stores any.
  Lsn outcomes_stored{UINT64_MAX};
  std::map<Gtid, UnstoredOutcome> unstored;  ///< of later records; as many as of `outcomes`
  Gtid unstored_lost;                        ///< the last one beyond that number
  struct Key {
    protocol::KeyRecord record;
    Lsn lsn;  ///< of the record that said so last: COMMIT, and then END
    /// COMMIT without END. Its client may not have been answered, however long COMMIT is durable.
    bool is_open = false;
  };
  std::unordered_map<std::string, Key> keys;
  std::map<Gtid, std::string> rows;  ///< of keyed commits without END (protocol/result_rows.h)
};

/// Applies one record. kCorruption if it does not belong into a coordinator's log or does not
/// decode.
Status replay(CoordinatorTables& tables, const wal::RecordView& view);

}  // namespace troth::recovery
