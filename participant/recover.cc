#include "participant/recover.h"

#include <fmt/format.h>

#include "os/failpoint.h"
#include "recovery/claims.h"

namespace troth::participant {

namespace {

// Log and file must belong together, and neither may be older than the other remembers
// (participant.md 8.2).
Status check_pair(const OpenedDatabase& database, const recovery::OpenedNode& node,
                  const recovery::ParticipantTables& tables) {
  if (database.is_new) {
    if (tables.redo.empty() && tables.prepared.empty() && node.writer->opened().first.value == 0)
      return {};
    return fail(ErrorCode::kLostMemory,
                "the database was never used by this agent, but the log holds work for it: another "
                "file was put in its place");
  }
  if (database.participant != node.name)
    return fail(ErrorCode::kFenced, fmt::format("the database belongs to participant {}, not to {}",
                                                database.participant, node.name));
  if (database.log_id != node.identity.log_id)
    return fail(ErrorCode::kLostMemory,
                fmt::format("the database belongs to the log {}, this directory holds the log {}: "
                            "one of the two was replaced",
                            database.log_id, node.identity.log_id));
  const auto& scan = node.writer->opened();
  if (database.applied > scan.end)
    return fail(ErrorCode::kLostMemory,
                fmt::format("the database holds work up to LSN {}, but the log ends at LSN {}: the "
                            "log is older than the file",
                            database.applied, scan.end));
  if (database.applied < scan.first)  // segments go only when the file has durably passed them
    return fail(ErrorCode::kLostMemory,
                fmt::format("the database holds work up to LSN {}, but the log starts at LSN {}: "
                            "the file is older than the log",
                            database.applied, scan.first));
  return {};
}

Status bring_up_to_date(ResourceManager& manager, const OpenedDatabase& database,
                        const Recovered& recovered, const Logger& logger) {
  if (database.is_new) return manager.adopt(recovered.node.identity.log_id, recovered.node.name);
  // The log is durable: it was just read. What is replayed stays in memory until the file's commit.
  constexpr std::size_t kPerCommit = 2000;
  std::size_t replayed = 0;
  for (const auto& entry : recovered.tables.redo) {
    if (entry.redo.empty()) continue;  // it only read
    if (entry.committed <= database.applied) continue;
    TROTH_TRY(manager.replay(entry.gtid, entry.committed, entry.redo));
    if (++replayed % kPerCommit == 0) TROTH_TRY(manager.flush({}));
  }
  if (replayed == 0) return {};
  logger.info("replayed committed work into the database", {{"transactions", replayed}});
  TROTH_TRY(manager.flush({}));
  return manager.make_durable();
}

}  // namespace

Result<Recovered> recover(FileSystem& files, const std::string& data_dir, wal::Options options,
                          ResourceManager& manager, const Clock& clock, const Logger& logger) {
  Recovered out;
  OpenedDatabase database;
  const auto open_database = [&](const recovery::OpenedNode& node) -> Status {
    manager.belongs_to(node.identity.log_id, node.name);
    TROTH_ASSIGN_OR_RETURN(database, manager.open());
    // Judged below, when the log has been read. Another log's marker says nothing about this one.
    if (!database.is_new) out.tables.in_file = database.applied;
    return {};
  };
  TROTH_ASSIGN_OR_RETURN(
      out.node, recovery::open_node(
                    files, data_dir, "participant", options,
                    [&](const wal::RecordView& view) { return recovery::replay(out.tables, view); },
                    open_database));
  TROTH_FAILPOINT("participant.recovery.scanned");
  const auto& scan = out.node.writer->opened();
  if (scan.torn_bytes > 0)
    logger.warn("cut a torn tail off the log",
                {{"where", scan.torn_where}, {"bytes", scan.torn_bytes}});
  TROTH_TRY(recovery::check_claims(out.tables.claims));
  TROTH_TRY(check_pair(database, out.node, out.tables));
  TROTH_ASSIGN_OR_RETURN(
      out.epoch, recovery::begin_epoch(out.node, out.tables.epoch, out.tables.adopted, clock));
  TROTH_FAILPOINT("participant.recovery.epoch_durable");
  TROTH_TRY(bring_up_to_date(manager, database, out, logger));
  TROTH_FAILPOINT("participant.recovery.replayed");
  for (const auto& [gtid, prepared] : out.tables.prepared)
    if (!prepared.record.redo.empty()) TROTH_TRY(manager.retake(gtid, prepared.record.redo));
  TROTH_FAILPOINT("participant.recovery.adopted");
  return out;
}

}  // namespace troth::participant
