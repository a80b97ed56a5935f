#include "participant/recover.h"

#include <fmt/format.h>

#include <set>

#include "os/failpoint.h"
#include "participant/held.h"
#include "participant/pair_check.h"
#include "recovery/claims.h"

namespace troth::participant {

namespace {

Status replay(recovery::LogAtStart& log, Recovered& out, const Logger& logger) {
  TROTH_ASSIGN_OR_RETURN(out.extent, log.replay([&](const wal::RecordView& view) {
    return recovery::replay(out.tables, view);
  }));
  TROTH_FAILPOINT("participant.recovery.scanned");
  if (out.extent.torn_bytes > 0)
    logger.warn("cut a torn tail off the log",
                {{"where", out.extent.torn_where}, {"bytes", out.extent.torn_bytes}});
  return {};
}

Result<OpenedDatabase> open_database(DeferredApply& manager, const NodeName& name, bool was_noted) {
  auto opened = manager.open();
  if (opened || opened.error().code != ErrorCode::kNotFound || !was_noted) return opened;
  return fail(ErrorCode::kNotFound,
              fmt::format("the database of {} is gone, and its log is not: put the file back, with "
                          "its -wal. A new one would be refused ({})",
                          name, opened.error().context));
}

// If a restart cannot help, the participant is held instead of ended.
Status hold_or_fail(const Error& error, Recovered& recovered) {
  if (!is_held_by(error)) return fail(error);
  recovered.held = error;
  return {};
}

Status bring_up_to_date(DeferredApply& manager, const OpenedDatabase& database,
                        Recovered& recovered, const Logger& logger) {
  if (database.is_new) return manager.adopt(recovered.owner.log_id, recovered.owner.name);
  // The log is durable: it was just read. Replayed rows stay in memory until the file's commit.
  constexpr std::size_t kPerCommit = 2000;
  std::size_t replayed = 0;
  for (const auto& entry : recovered.tables.redo) {
    if (entry.redo.empty()) continue;  // it only read
    if (entry.committed <= database.applied) continue;
    if (const auto done = manager.replay(entry.gtid, entry.committed, entry.redo); !done)
      return hold_or_fail(done.error(), recovered);
    if (++replayed % kPerCommit == 0) TROTH_TRY(manager.flush({}));
  }
  if (replayed == 0) return {};
  logger.info("replayed committed work into the database", {{"transactions", replayed}});
  TROTH_TRY(manager.flush({}));
  return manager.make_durable();
}

// A name is committed only after the record that decides it is durable. So a name that is prepared
// in the log and missing in the database was aborted; an abort's record need not be durable. Its
// coordinator says so again.
Status settle_names(PrepareByName& manager, const std::vector<Gtid>& in_doubt,
                    const recovery::ParticipantTables& tables, const Logger& logger) {
  std::set<Gtid> left(in_doubt.begin(), in_doubt.end());
  std::size_t committed = 0;
  for (const auto& entry : tables.redo) {
    if (left.erase(entry.gtid) == 0) continue;
    TROTH_TRY(manager.finish(entry.gtid, Decision::kCommit));
    ++committed;
  }
  for (const auto& [gtid, prepared] : tables.prepared) left.erase(gtid);
  // Their vote never left, or they were told to abort.
  for (const auto& gtid : left) TROTH_TRY(manager.finish(gtid, Decision::kAbort));
  if (committed + left.size() > 0)
    logger.info("ended what the database held prepared",
                {{"committed", committed}, {"aborted", left.size()}});
  return {};
}

}  // namespace

Result<Recovered> recover(recovery::LogAtStart& log, DeferredApply& manager, bool was_noted,
                          const Clock& clock, const Logger& logger) {
  Recovered out;
  TROTH_ASSIGN_OR_RETURN(out.owner, log.fence());
  manager.belongs_to(out.owner.log_id, out.owner.name);
  TROTH_ASSIGN_OR_RETURN(const auto database, open_database(manager, out.owner.name, was_noted));
  // Judged below, when the log has been read. Another log's marker says nothing about this one.
  out.files = database.files;
  if (!database.is_new) out.tables.in_file = database.applied;
  TROTH_TRY(replay(log, out, logger));
  TROTH_TRY(recovery::check_claims(out.tables.claims));
  TROTH_TRY(check_pair(database, out.owner, out.extent, out.tables));
  TROTH_ASSIGN_OR_RETURN(out.epoch, recovery::begin_epoch(log, out.owner, out.tables.epoch,
                                                          out.tables.adopted, clock.wall_now()));
  TROTH_FAILPOINT("participant.recovery.epoch_durable");
  TROTH_TRY(bring_up_to_date(manager, database, out, logger));
  TROTH_FAILPOINT("participant.recovery.replayed");
  for (const auto& [gtid, prepared] : out.tables.prepared) {
    if (prepared.record.redo.empty() || out.held) continue;
    if (const auto done = manager.retake(gtid, prepared.record.redo); !done)
      TROTH_TRY(hold_or_fail(done.error(), out));
  }
  TROTH_FAILPOINT("participant.recovery.adopted");
  return out;
}

Result<Recovered> recover(recovery::LogAtStart& log, PrepareByName& manager, NamedEvents& events,
                          const Clock& clock, const Logger& logger) {
  Recovered out;
  TROTH_ASSIGN_OR_RETURN(out.owner, log.fence());
  TROTH_ASSIGN_OR_RETURN(const auto found, manager.open(events));
  TROTH_TRY(replay(log, out, logger));
  TROTH_TRY(recovery::check_claims(out.tables.claims));
  TROTH_TRY(check_owner(found.is_new, found.participant, found.log_id, out.owner, out.extent,
                        out.tables));
  TROTH_ASSIGN_OR_RETURN(out.epoch, recovery::begin_epoch(log, out.owner, out.tables.epoch,
                                                          out.tables.adopted, clock.wall_now()));
  if (found.is_new) TROTH_TRY(manager.adopt(out.owner.log_id, out.owner.name));
  TROTH_TRY(settle_names(manager, found.in_doubt, out.tables, logger));
  return out;
}

}  // namespace troth::participant
