#include "recovery/coordinator_replay.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::recovery {

using namespace protocol;

namespace {

std::string rows_of(const CoordinatorTables& tables, const Gtid& gtid) {
  const auto found = tables.rows.find(gtid);
  return found == tables.rows.end() ? "" : found->second;
}

void remember_key(CoordinatorTables& tables, const std::string& key, const std::string& digest,
                  const Gtid& gtid, Outcome outcome, const AbortReason& reason, WallTime decided) {
  if (outcome == Outcome::kAborted && is_retryable(reason.code)) return;  // leaves its key free
  if (!key.empty())
    tables.keys[key] = {
        KeyRecord{key, digest, gtid, outcome, reason, decided, rows_of(tables, gtid)}, tables.at};
}

// What the log says of an outcome that nothing else may hold yet.
template <class R>
void note_unstored(CoordinatorTables& tables, const R& record, Outcome outcome,
                   const AbortReason& reason) {
  if (tables.at <= tables.outcomes_stored) return;
  auto& out = tables.unstored[record.gtid];
  out.outcome = outcome;
  out.reason = reason;
  if constexpr (requires { record.members; }) {
    out.participants.clear();
    for (const auto& member : record.members) out.participants.push_back(member.name);
  }
  if constexpr (requires { record.idempotency_key; }) {
    out.idempotency_key = record.idempotency_key;
    out.body_digest = record.body_digest;
  }
  if constexpr (requires { record.decided; }) out.decided = record.decided;
  if constexpr (requires { record.comment; }) out.comment = record.comment;
  if (tables.unstored.size() <= tables.max_outcomes) return;
  tables.unstored_lost = std::max(tables.unstored_lost, tables.unstored.begin()->first);
  tables.unstored.erase(tables.unstored.begin());
}

void open_commit(CoordinatorTables& tables, CommitRecord&& commit) {
  const auto key = tables.keys.find(commit.idempotency_key);
  if (key != tables.keys.end() && key->second.record.gtid == commit.gtid)
    key->second.is_open = true;
  const Gtid gtid = commit.gtid;
  tables.unended.insert_or_assign(tables.unended.end(), gtid, std::move(commit));
}

void end_commit(CoordinatorTables& tables, const Gtid& gtid) {
  tables.rows.erase(gtid);
  const auto ended = tables.unended.find(gtid);
  if (ended == tables.unended.end()) return;
  const auto key = tables.keys.find(ended->second.idempotency_key);
  note_unstored(tables, ended->second, Outcome::kCommitted, {});
  if (key != tables.keys.end() && key->second.record.gtid == gtid) {
    key->second.lsn = tables.at;
    key->second.is_open = false;
  }
  tables.unended.erase(ended);
}

// As many as the engine keeps, however long the log is. What is forgotten must never be taken for
// "no record, hence aborted": the horizon rises with it.
void remember_outcome(CoordinatorTables& tables, const Gtid& gtid, Outcome outcome,
                      AbortReason reason) {
  // Gtids mostly come in ascending order: the end is where they belong.
  tables.outcomes.insert_or_assign(tables.outcomes.end(), gtid,
                                   KnownOutcome{outcome, std::move(reason)});
  if (tables.outcomes.size() <= tables.max_outcomes) return;
  const Gtid oldest = tables.outcomes.begin()->first;
  tables.outcomes.erase(tables.outcomes.begin());
  tables.horizon = std::max(tables.horizon, Gtid(oldest.tag(), oldest.epoch(),
                                                 oldest.sequence() + 1, Decider::kCoordinator));
}

// As many as outcomes, however long the log is.
void remember_attempts(CoordinatorTables& tables, const std::vector<Gtid>& earlier,
                       const Gtid& last) {
  for (const auto& gtid : earlier) tables.last_attempts[gtid] = last;
  while (tables.last_attempts.size() > tables.max_outcomes)
    tables.last_attempts.erase(tables.last_attempts.begin());
}

// COMMIT without END from now on, or aborted.
void replay_decided(CoordinatorTables& tables, const DecidedRecord& decided) {
  const bool commit = decided.decision == Decision::kCommit;
  const auto outcome = commit ? Outcome::kCommitted : Outcome::kAborted;
  remember_outcome(tables, decided.gtid, outcome, decided.reason);
  note_unstored(tables, decided, outcome, decided.reason);
  if (!commit) tables.rows.erase(decided.gtid);
  const auto found = tables.undecided.find(decided.gtid);
  if (found == tables.undecided.end()) return;
  auto& record = found->second.record.commit;
  remember_key(tables, record.idempotency_key, record.body_digest, decided.gtid, outcome,
               decided.reason, record.decided);
  if (commit) {
    auto unended = std::move(record);
    unended.members.erase(unended.members.begin());  // the coordinator itself
    open_commit(tables, std::move(unended));
  }
  tables.undecided.erase(found);
}

/// True if it was a record of a ballot.
bool replay_ballot(CoordinatorTables& tables, const Record& record) {
  const auto at = [&](const Gtid& gtid) {
    const auto found = tables.undecided.find(gtid);
    return found == tables.undecided.end() ? nullptr : &found->second.position;
  };
  if (const auto* committing = std::get_if<PrecommittedRecord>(&record)) {
    const Gtid& gtid = committing->commit.gtid;
    if (!committing->commit.members.empty() && tables.outcomes.count(gtid) == 0)
      tables.undecided[gtid].record = *committing;
    remember_attempts(tables, committing->commit.earlier, gtid);
    if (auto* position = at(gtid)) position->accept(committing->ballot, Decision::kCommit);
  } else if (const auto* aborting = std::get_if<PreabortedRecord>(&record)) {
    if (auto* position = at(aborting->gtid)) position->accept(aborting->ballot, Decision::kAbort);
  } else if (const auto* elected = std::get_if<ElectedRecord>(&record)) {
    if (auto* position = at(elected->gtid)) position->promise(elected->ballot);
  } else if (const auto* decided = std::get_if<DecidedRecord>(&record)) {
    replay_decided(tables, *decided);
  } else {
    return false;
  }
  return true;
}

}  // namespace

Status replay(CoordinatorTables& tables, const wal::RecordView& view) {
  auto decoded = decode(view.tag, view.payload);
  if (!decoded) return fail(decoded.error(), fmt::format("record at LSN {}", view.lsn));
  tables.at = view.lsn;
  if (replay_common(tables, *decoded, view.lsn)) return {};
  if (auto* commit = std::get_if<CommitRecord>(&*decoded)) {
    remember_outcome(tables, commit->gtid, Outcome::kCommitted, {});
    note_unstored(tables, *commit, Outcome::kCommitted, {});
    tables.undecided.erase(commit->gtid);
    remember_key(tables, commit->idempotency_key, commit->body_digest, commit->gtid,
                 Outcome::kCommitted, {}, commit->decided);
    remember_attempts(tables, commit->earlier, commit->gtid);
    open_commit(tables, std::move(*commit));
  } else if (const auto* abort = std::get_if<AbortRecord>(&*decoded)) {
    remember_outcome(tables, abort->gtid, Outcome::kAborted, abort->reason);
    note_unstored(tables, *abort, Outcome::kAborted, abort->reason);
    remember_key(tables, abort->idempotency_key, abort->body_digest, abort->gtid, Outcome::kAborted,
                 abort->reason, abort->decided);
  } else if (auto* rows = std::get_if<RowsRecord>(&*decoded)) {
    tables.rows[rows->gtid] = std::move(rows->rows);
  } else if (const auto* end = std::get_if<EndRecord>(&*decoded)) {
    end_commit(tables, end->gtid);
  } else if (const auto* key = std::get_if<KeyRecord>(&*decoded)) {
    tables.keys[key->idempotency_key] = {*key, tables.at};
    remember_outcome(tables, key->gtid, key->outcome, key->reason);
    note_unstored(tables, *key, key->outcome, key->reason);
  } else if (const auto* horizon = std::get_if<HorizonRecord>(&*decoded)) {
    tables.horizon = std::max(tables.horizon, horizon->forgotten_below);
  } else if (const auto* lost = std::get_if<HeuristicRecord>(&*decoded)) {
    replay_unconfirmed(tables.operators, *lost);
  } else if (!replay_ballot(tables, *decoded) && !replay(tables.operators, *decoded)) {
    return fail(ErrorCode::kCorruption,
                fmt::format("record at LSN {} is a {} record: this is not a coordinator's log",
                            view.lsn, protocol::to_string(type_of(*decoded))));
  }
  return {};
}

}  // namespace troth::recovery
