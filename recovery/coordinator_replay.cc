#include "recovery/coordinator_replay.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::recovery {

using namespace protocol;

namespace {

void remember_key(CoordinatorTables& tables, const std::string& key, const std::string& digest,
                  const Gtid& gtid, Outcome outcome, const AbortReason& reason, WallTime decided) {
  if (!key.empty()) tables.keys[key] = KeyRecord{key, digest, gtid, outcome, reason, decided};
}

// As many as the engine keeps, however long the log is. What is forgotten must never be taken for
// "no record, hence aborted": the horizon rises with it.
void remember_outcome(CoordinatorTables& tables, const Gtid& gtid, Outcome outcome,
                      AbortReason reason) {
  tables.outcomes[gtid] = {outcome, std::move(reason)};
  if (tables.outcomes.size() <= tables.max_outcomes) return;
  const Gtid oldest = tables.outcomes.begin()->first;
  tables.outcomes.erase(tables.outcomes.begin());
  tables.horizon = std::max(tables.horizon, Gtid(oldest.tag(), oldest.epoch(),
                                                 oldest.sequence() + 1, Decider::kCoordinator));
}

}  // namespace

Status replay(CoordinatorTables& tables, const wal::RecordView& view) {
  auto decoded = decode(view.tag, view.payload);
  if (!decoded) return fail(decoded.error(), fmt::format("record at LSN {}", view.lsn));
  if (const auto* epoch = std::get_if<EpochRecord>(&*decoded)) {
    tables.epoch = std::max(tables.epoch, epoch->epoch);
  } else if (const auto* adopted = std::get_if<AdoptedRecord>(&*decoded)) {
    if (adopted->lineage >= tables.adopted.lineage) tables.adopted = *adopted;
  } else if (const auto* peer = std::get_if<PeerRecord>(&*decoded)) {
    tables.peers.push_back(*peer);
  } else if (auto* commit = std::get_if<CommitRecord>(&*decoded)) {
    remember_outcome(tables, commit->gtid, Outcome::kCommitted, {});
    remember_key(tables, commit->idempotency_key, commit->body_digest, commit->gtid,
                 Outcome::kCommitted, {}, commit->decided);
    const Gtid gtid = commit->gtid;
    tables.unended[gtid] = std::move(*commit);
  } else if (const auto* abort = std::get_if<AbortRecord>(&*decoded)) {
    remember_outcome(tables, abort->gtid, Outcome::kAborted, abort->reason);
    remember_key(tables, abort->idempotency_key, abort->body_digest, abort->gtid, Outcome::kAborted,
                 abort->reason, abort->decided);
  } else if (const auto* end = std::get_if<EndRecord>(&*decoded)) {
    tables.unended.erase(end->gtid);
  } else if (const auto* key = std::get_if<KeyRecord>(&*decoded)) {
    tables.keys[key->idempotency_key] = *key;
    remember_outcome(tables, key->gtid, key->outcome, key->reason);
  } else if (const auto* horizon = std::get_if<HorizonRecord>(&*decoded)) {
    tables.horizon = std::max(tables.horizon, horizon->forgotten_below);
  } else if (!replay(tables.operators, *decoded)) {
    return fail(ErrorCode::kCorruption,
                fmt::format("record at LSN {} is a {} record: this is not a coordinator's log",
                            view.lsn, protocol::to_string(type_of(*decoded))));
  }
  return {};
}

}  // namespace troth::recovery
