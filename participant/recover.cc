#include "participant/recover.h"

#include <fmt/format.h>

#include "os/failpoint.h"
#include "participant/pair_check.h"
#include "recovery/claims.h"

namespace troth::participant {

namespace {

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
    auto opened = manager.open();
    if (!opened && opened.error().code == ErrorCode::kNotFound && noted_database(files, data_dir))
      return fail(ErrorCode::kNotFound,
                  fmt::format("the database of {} is gone, and its log is not: put the file back, "
                              "with its -wal. A new one would be refused ({})",
                              node.name, opened.error().context));
    TROTH_ASSIGN_OR_RETURN(database, std::move(opened));
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
  TROTH_TRY(check_pair(database, out.node.identity, scan, out.tables));
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
