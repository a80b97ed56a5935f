#pragma once
// What the logs of coordinators and participants tell alike: the lives of the log, peers, claims, and
// what operators did. Pure.

#include <map>

#include "protocol/record.h"
#include "recovery/lives.h"
#include "recovery/operator_book.h"
#include "recovery/peer_table.h"

namespace troth::recovery {

struct NodeTables {
  Epoch epoch;                      ///< of the last start
  Lsn first_record;                 ///< LSN of the oldest record kept
  Lives lives;                      ///< of this log, before this start
  protocol::AdoptedRecord adopted;  ///< gtids of epochs below it are never presumed aborted
  std::map<NodeName, protocol::PeerRecord> peers;    ///< the most ever seen of each
  std::map<NodeName, protocol::ClaimRecord> claims;  ///< the last word about each witness
  OperatorTables operators;
};

/// Applies one record of the log's lives, peers or claims. False: it is of another kind, also where it
/// said that a peer is forgotten.
bool replay_common(NodeTables& tables, const protocol::Record& record, Lsn at);

}  // namespace troth::recovery
