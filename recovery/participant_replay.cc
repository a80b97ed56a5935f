#include "recovery/participant_replay.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::recovery {

using namespace protocol;

namespace {

void remember(ParticipantTables& tables, const Gtid& gtid, Outcome outcome,
              AbortReason reason = {}) {
  RememberedRecord record;
  record.gtid = gtid;
  record.outcome = outcome;
  record.reason = std::move(reason);
  // Gtids mostly come in ascending order: the end is where they belong.
  tables.remembered.insert_or_assign(tables.remembered.end(), gtid, std::move(record));
}

// A checkpoint copies undecided branches forward, and a crash may cut off its copies anywhere: the
// branch's earlier promises stay.
void replay_prepared(ParticipantTables& tables, PreparedRecord record, Lsn lsn) {
  // How far the coordinator's log had come when this was promised is evidence that outlives it.
  const auto coordinator = tables.peers.find(record.coordinator.name);
  if (coordinator != tables.peers.end()) {
    auto& position = coordinator->second.position;
    if (position.log_id == record.coordinator.log_id)
      if (position.durable < record.coordinator_durable) {
        position.durable = record.coordinator_durable;
        position.receipt = {};  // of an earlier one
      }
  }
  // A copy read after its decision would be a bug of the writer.
  if (tables.remembered.count(record.gtid) != 0) return;
  auto& entry = tables.prepared[record.gtid];
  entry.record = std::move(record);
  entry.lsn = lsn;
}

/// True if it was a record of a ballot.
bool replay_ballot(ParticipantTables& tables, const Record& record) {
  const auto at = [&](const Gtid& gtid) {
    const auto found = tables.prepared.find(gtid);
    return found == tables.prepared.end() ? nullptr : &found->second.position;
  };
  if (const auto* committing = std::get_if<PrecommittedRecord>(&record)) {
    if (auto* position = at(committing->commit.gtid))
      position->accept(committing->ballot, Decision::kCommit);
  } else if (const auto* aborting = std::get_if<PreabortedRecord>(&record)) {
    if (auto* position = at(aborting->gtid)) position->accept(aborting->ballot, Decision::kAbort);
  } else if (const auto* elected = std::get_if<ElectedRecord>(&record)) {
    if (auto* position = at(elected->gtid)) position->promise(elected->ballot);
  } else {
    return false;
  }
  return true;
}

Status replay_committed(ParticipantTables& tables, const Gtid& gtid, Lsn lsn) {
  const auto found = tables.prepared.find(gtid);
  if (found == tables.prepared.end()) {
    // Legal only when the PREPARED record's segment is gone, and then the file holds the work
    // already.
    remember(tables, gtid, Outcome::kCommitted);
    return {};
  }
  if (lsn > tables.in_file)
    tables.redo.push_back({gtid, lsn, std::move(found->second.record.redo)});
  tables.prepared.erase(found);
  remember(tables, gtid, Outcome::kCommitted);
  return {};
}

void replay_one_phase(ParticipantTables& tables, OnePhaseRecord record, Lsn lsn) {
  if (lsn > tables.in_file) tables.redo.push_back({record.gtid, lsn, std::move(record.redo)});
  RememberedRecord remembered;
  remembered.gtid = record.gtid;
  remembered.idempotency_key = std::move(record.idempotency_key);
  remembered.body_digest = std::move(record.body_digest);
  remembered.decided = record.decided;
  remembered.key_retention = record.key_retention;
  tables.remembered[record.gtid] = std::move(remembered);
}

// Keeps memory bounded by what may still be asked for, however long the log is. Keys live longer.
void replay_ended(ParticipantTables& tables, EndedBelowRecord record) {
  const Gtid below = record.below;
  auto& claims = tables.ended[below.tag()];
  claims.add({record.made_in, record.from, below, std::move(record.unfinished)});
  claims.forget_one_phase_before(record.forgotten_before);
  auto& remembered = tables.remembered;
  for (auto at = remembered.lower_bound(Gtid(below.tag(), {}, 0, Decider::kCoordinator));
       at != remembered.end() && at->first < below;) {
    const bool forgotten = at->second.idempotency_key.empty() && claims.ended(at->first);
    at = forgotten ? remembered.erase(at) : std::next(at);
  }
}

// Until 0.1 participants forgot one-phase outcomes of earlier epochs, too.
void replay_horizon(ParticipantTables& tables, const Gtid& below) {
  replay_ended(tables, {below.epoch(), {}, below, {}, below.epoch()});
}

}  // namespace

Status replay(ParticipantTables& tables, const wal::RecordView& view) {
  auto decoded = decode(view.tag, view.payload);
  if (!decoded) return fail(decoded.error(), fmt::format("record at LSN {}", view.lsn));
  if (replay_common(tables, *decoded, view.lsn)) return {};
  if (auto* prepared = std::get_if<PreparedRecord>(&*decoded)) {
    replay_prepared(tables, std::move(*prepared), view.lsn);
  } else if (const auto* committed = std::get_if<CommittedRecord>(&*decoded)) {
    return replay_committed(tables, committed->gtid, view.lsn);
  } else if (const auto* aborted = std::get_if<AbortedRecord>(&*decoded)) {
    tables.prepared.erase(aborted->gtid);
    remember(tables, aborted->gtid, Outcome::kAborted, aborted->reason);
  } else if (const auto* refused = std::get_if<RefusedRecord>(&*decoded)) {
    remember(tables, refused->gtid, Outcome::kAborted,
             {AbortCode::kTombstone, "promised never to execute it", {}, -1});
  } else if (auto* one_phase = std::get_if<OnePhaseRecord>(&*decoded)) {
    replay_one_phase(tables, std::move(*one_phase), view.lsn);
  } else if (auto* remembered = std::get_if<RememberedRecord>(&*decoded)) {
    const Gtid gtid = remembered->gtid;
    tables.remembered[gtid] = std::move(*remembered);
  } else if (auto* ended = std::get_if<EndedBelowRecord>(&*decoded)) {
    replay_ended(tables, std::move(*ended));
  } else if (const auto* horizon = std::get_if<HorizonRecord>(&*decoded)) {
    replay_horizon(tables, horizon->forgotten_below);
  } else if (!replay_ballot(tables, *decoded) && !replay(tables.operators, *decoded)) {
    return fail(ErrorCode::kCorruption,
                fmt::format("record at LSN {} is a {} record: this is not a participant's log",
                            view.lsn, protocol::to_string(type_of(*decoded))));
  }
  return {};
}

}  // namespace troth::recovery
