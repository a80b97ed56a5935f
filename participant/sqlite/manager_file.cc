// The resource manager and its file: commits, checkpoints, and the outer transaction when SQLite
// has rolled it back.
#include <algorithm>
#include <utility>

#include "participant/sqlite/manager.h"

namespace troth::participant::sqlite {

Result<Lsn> SqliteResourceManager::flush(Lsn settled) {
  if (broken_) return fail(*broken_);
  if (applied_.empty() && settled <= applied_lsn_) return applied_lsn_;
  TROTH_TRY(bench_.executor->make_way());
  applied_lsn_ = std::max(applied_lsn_, settled);
  TROTH_TRY(bench_.database->commit(applied_lsn_));
  applied_.clear();
  file_.dirty = true;
  if (std::exchange(file_.checkpoint_due, false)) TROTH_TRY(bench_.database->checkpoint());
  TROTH_TRY(bench_.database->begin());
  bench_.reads->file_committed();
  return applied_lsn_;
}

// Everything is locked. It runs between two outer transactions, so that nothing may be in this one.
void SqliteResourceManager::attempt_maintenance(Branch& branch,
                                                std::vector<ResourceEvent>& events) {
  const Gtid gtid = branch.request.gtid;
  if (!applied_.empty()) {
    events.emplace_back(Granted{gtid});
    return for_quiet_file_.push_back(gtid);
  }
  if (const auto cleared = bench_.executor->make_way(); !cleared) repair_outer_transaction();
  bench_.limits->begin(branch.request.deadline);
  const std::string sql = branch.request.statements.front().sql;
  auto ran = run_maintenance(*branch.maintenance, sql, *bench_.database, *bench_.limits);
  file_.dirty = true;
  if (!ran) repair_outer_transaction();
  if (const auto loaded = bench_.reload(); !loaded && !broken_) broken_ = loaded.error();
  AbortReason failure;
  if (!ran) {
    failure = {AbortCode::kSqlError, ran.error().context, {}, -1};
  } else {
    failure = std::move(*ran);
  }
  if (failure.code != AbortCode::kNone) {
    if (!refuse_stopped(gtid, events)) refuse_vote(gtid, std::move(failure), events);
    return;
  }
  Executed done;
  done.gtid = gtid;
  done.vote = Vote::kReadOnly;
  done.results.emplace_back();
  events.emplace_back(std::move(done));
}

Status SqliteResourceManager::make_durable() {
  if (!file_.dirty && !bench_.database->wal_is_too_long()) return {};
  if (file_.dirty) TROTH_TRY(bench_.database->sync_wal());
  file_.dirty = false;
  if (!bench_.database->checkpoint_is_due()) return {};
  // Under load there is always something open: then the next flush does it, between two
  // transactions.
  file_.checkpoint_due = !applied_.empty();
  if (file_.checkpoint_due) return {};
  TROTH_TRY(bench_.executor->make_way());
  TROTH_TRY(bench_.database->rollback());  // nothing is in it: a checkpoint needs to be outside
  TROTH_TRY(bench_.database->checkpoint());
  return bench_.database->begin();
}

// An interrupt, a full disk or an I/O error in a statement makes SQLite roll back the outer
// transaction under every branch.
void SqliteResourceManager::repair_outer_transaction() {
  bench_.executor->lost_everything();
  const auto repair = [this]() -> Status {
    TROTH_TRY(bench_.database->rollback());
    TROTH_TRY(bench_.database->begin());
    const bool changed = std::any_of(applied_.begin(), applied_.end(), [](const Work& work) {
      return static_cast<bool>(work.change);
    });
    if (changed) TROTH_TRY(bench_.reload());  // as it is in the file
    for (const auto& work : applied_)
      TROTH_TRY(work.change ? bench_.redo_change(*work.change)
                            : bench_.applier->apply(work.operations));
    return {};
  };
  const auto repaired = repair();
  if (repaired) return;
  // Nothing may be applied or committed on top of a half-rebuilt transaction: the agent stops at
  // its next decision and the restart reads the file.
  broken_ = Error{repaired.error().code,
                  "the open database transaction was lost: " + repaired.error().context};
  logger_.error("outer transaction lost", {{"cause", repaired.error().context}});
}

ResourceStatus SqliteResourceManager::status() const {
  ResourceStatus status;
  for (const auto& [gtid, branch] : branches_)
    ++(branch.waiting ? status.branches_waiting : status.branches_executed);
  const auto reads = bench_.reads->counts();
  status.reads_running = reads.running;
  status.reads_waiting = reads.waiting;
  status.locks = locks_.locks();
  status.open_bytes = open_work_.bytes();
  status.database_bytes = bench_.database->database_bytes();
  status.wal_bytes = bench_.database->wal_bytes();
  if (bench_.database->wal_is_too_long()) {
    status.alarms.push_back(bench_.database->why_wal_is_long());
    status.more_to_do = true;
  }
  return status;
}

void SqliteResourceManager::close() {
  if (bench_.database == nullptr) return;
  bench_.reads->close();
  // Work that was not flushed is replayed from the log.
  static_cast<void>(bench_.database->rollback());
  if (applied_.empty() && !broken_) bench_.database->checkpoint_at_close();
  bench_.executor.reset();
  bench_.applier.reset();
  bench_.database.reset();
}

}  // namespace troth::participant::sqlite
