#pragma once
// A participant's log as plain tables. The engine adopts them; the same code serves offline
// inspection.

#include <map>
#include <vector>

#include "protocol/quorum_ballot.h"
#include "protocol/record.h"
#include "recovery/ended_claims.h"
#include "recovery/node_tables.h"
#include "wal/format.h"

namespace troth::recovery {

struct RedoEntry {
  Gtid gtid;
  Lsn committed;  ///< of its COMMITTED or ONE_PHASE record
  std::string redo;
};
struct PreparedEntry {
  protocol::PreparedRecord record;
  Lsn lsn;
  protocol::QuorumPosition position;  ///< three-phase: what it promised and accepted
};

struct ParticipantTables : NodeTables {
  /// Set before the scan: the file holds everything up to here, so its redo need not be kept.
  Lsn in_file;
  std::map<Gtid, PreparedEntry> prepared;  ///< undecided
  std::vector<RedoEntry> redo;             ///< in LSN order; apply those above the file's marker
  std::map<Gtid, protocol::RememberedRecord>
      remembered;  ///< outcomes of branches: committed, aborted, refused, keys
  /// What each coordinator claimed to be ended, and is forgotten here.
  std::map<CoordinatorTag, EndedClaims> ended;
};

/// Applies one record. kCorruption if it does not belong into a participant's log or does not
/// decode.
Status replay(ParticipantTables& tables, const wal::RecordView& view);

}  // namespace troth::recovery
