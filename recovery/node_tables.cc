#include "recovery/node_tables.h"

#include <algorithm>

namespace troth::recovery {

using namespace protocol;

bool replay_common(NodeTables& tables, const Record& record, Lsn at) {
  if (tables.first_record.value == 0) tables.first_record = at;
  if (const auto gone = forgotten_peer(tables.operators, record); !gone.empty())
    tables.peers.erase(gone);
  if (const auto* epoch = std::get_if<EpochRecord>(&record)) {
    tables.epoch = std::max(tables.epoch, epoch->epoch);
    tables.lives.begin(epoch->epoch, at);
  } else if (const auto* lives = std::get_if<LivesRecord>(&record)) {
    tables.lives.adopt(*lives);
  } else if (const auto* adopted = std::get_if<AdoptedRecord>(&record)) {
    if (adopted->lineage >= tables.adopted.lineage) tables.adopted = *adopted;
  } else if (const auto* peer = std::get_if<PeerRecord>(&record)) {
    see(tables.peers, *peer);
  } else if (const auto* seen = std::get_if<SeenRecord>(&record)) {
    see(tables.peers, *seen);
  } else if (const auto* claim = std::get_if<ClaimRecord>(&record)) {
    tables.claims[claim->witness] = *claim;
  } else {
    return false;
  }
  return true;
}

}  // namespace troth::recovery
