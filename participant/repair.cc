#include "participant/repair.h"

#include <fmt/format.h>

#include <optional>

#include "participant/pair_check.h"
#include "participant/sqlite/file_repair.h"
#include "participant/sqlite/marker.h"
#include "recovery/participant_replay.h"
#include "recovery/start_up.h"

namespace troth::participant {

namespace {

// The first transaction that the file refuses.
struct Refused {
  Gtid gtid;
  Lsn committed;  // {}: it is in doubt
  std::string redo;
  std::string why;
};

bool in_doubt(const Refused& refused) {
  return refused.committed == Lsn{};
}

// Everything before it is applied in the open transaction, which then holds the log up to `applied`.
std::optional<Refused> find_refused(sqlite::FileRepair& file,
                                    const recovery::ParticipantTables& tables, Lsn& applied) {
  for (const auto& entry : tables.redo) {
    if (entry.redo.empty() || entry.committed <= file.marker().applied) continue;
    if (const auto done = file.apply(entry.redo); !done)
      return Refused{entry.gtid, entry.committed, entry.redo, done.error().context};
    applied = entry.committed;
  }
  for (const auto& [gtid, prepared] : tables.prepared) {
    if (prepared.record.redo.empty()) continue;
    if (const auto fits = file.fits(prepared.record.redo); !fits)
      return Refused{gtid, {}, prepared.record.redo, fits.error().context};
  }
  return std::nullopt;
}

std::string describe(const sqlite::FileRepair& file, const Refused& refused) {
  auto out = in_doubt(refused)
                 ? fmt::format("transaction {} is in doubt and no longer fits: {}\n", refused.gtid,
                               refused.why)
                 : fmt::format("transaction {}, committed at LSN {}, is refused: {}\n",
                               refused.gtid, refused.committed, refused.why);
  if (const auto statements = file.statements(refused.redo)) {
    out += "its work:\n";
    for (const auto& statement : *statements) out += "  " + statement + "\n";
  } else {
    out += fmt::format("its work cannot be shown: {}\n", statements.error().context);
  }
  return out;
}

std::string ways_out(const Refused& refused) {
  const auto command = fmt::format("repair --txn {} --reason TEXT --how", refused.gtid);
  if (in_doubt(refused))
    return fmt::format(
        "nothing was changed. Correct the rows with sqlite3, or\n"
        "  {} restore   makes them what they were before it\n",
        command);
  return fmt::format(
      "nothing was changed. Correct the rows with sqlite3, or\n"
      "  {0} force   makes the rows what its work leaves, whatever they are now\n"
      "  {0} skip    takes it as applied: the file holds its work already, by hand\n",
      command);
}

Status check_request(const RepairRequest& request, const std::optional<Refused>& refused) {
  if (!refused)
    return fail(ErrorCode::kInvalidArgument, "nothing is refused, so there is nothing to repair");
  if (request.txn != refused->gtid.text())
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("--txn {} is not what is refused first; that is {}", request.txn,
                            refused->gtid));
  if (request.by.reason.empty())
    return fail(ErrorCode::kInvalidArgument, "a reason is missing: give --reason TEXT");
  const bool fits = in_doubt(*refused) ? request.how == "restore"
                                       : request.how == "force" || request.how == "skip";
  if (fits) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("--how {} does not fit: it is {}", request.how,
                          in_doubt(*refused) ? "in doubt, so only restore does"
                                             : "committed, so force and skip do"));
}

Status carry_out(sqlite::FileRepair& file, const RepairRequest& request, const Refused& refused) {
  if (request.how == "force") return file.force(refused.redo);
  if (request.how == "restore") return file.restore(refused.redo);
  return {};
}

Status audit(wal::Writer& log, const RepairRequest& request, const Clock& clock) {
  protocol::AuditRecord record;
  record.entry = {clock.wall_now(), "repair_" + request.how, "ok", request.txn, request.by};
  log.append(static_cast<std::uint8_t>(protocol::RecordType::kAudit),
             protocol::encode(protocol::Record(record)));
  TROTH_ASSIGN_OR_RETURN(const auto durable, log.sync());
  static_cast<void>(durable);
  return {};
}

}  // namespace

Result<std::string> repair(FileSystem& files, const RepairRequest& request, const Clock& clock) {
  recovery::ParticipantTables tables;
  TROTH_ASSIGN_OR_RETURN(const auto marker, sqlite::look_at_database(request.database.path));
  if (!marker.is_new) tables.in_file = marker.applied;
  recovery::WalAtStart start(files, request.data_dir, "participant", request.log);
  TROTH_ASSIGN_OR_RETURN(const auto owner, start.fence());
  TROTH_ASSIGN_OR_RETURN(const auto extent, start.replay([&](const wal::RecordView& view) {
    return recovery::replay(tables, view);
  }));
  auto node = start.take();
  TROTH_TRY(check_pair(marker, owner, extent, tables));
  if (marker.is_new)
    return std::string("the database was never used: there is nothing to repair\n");
  TROTH_ASSIGN_OR_RETURN(const auto file, sqlite::FileRepair::open(request.database, clock));
  Lsn applied = marker.applied;
  const auto refused = find_refused(*file, tables, applied);
  if (request.txn.empty() && request.how.empty()) {
    if (!refused) return std::string("all that the log says fits the database\n");
    return describe(*file, *refused) + ways_out(*refused);
  }
  TROTH_TRY(check_request(request, refused));
  const auto shown = describe(*file, *refused);
  if (auto done = carry_out(*file, request, *refused); !done)
    return fail(done.error(), fmt::format("cannot {} {}", request.how, request.txn));
  TROTH_TRY(audit(*node.writer, request, clock));
  // All before it was applied above; the records behind it are for the next start.
  TROTH_TRY(file->commit(in_doubt(*refused) ? applied : refused->committed));
  TROTH_TRY(node.writer->close_clean());
  return shown + fmt::format("done: {} {}. Run repair again, then start the participant\n",
                             request.how, request.txn);
}

}  // namespace troth::participant
