#include "participant/pair_check.h"

#include <fmt/format.h>

namespace troth::participant {

namespace {

std::string note_path(const std::string& data_dir) {
  return data_dir + "/database";
}

}  // namespace

Status check_owner(bool is_new, const NodeName& participant, const LogId& log_id,
                   const recovery::LogOwner& owner, const recovery::LogExtent& extent,
                   const recovery::ParticipantTables& tables) {
  if (is_new) {
    if (tables.redo.empty() && tables.prepared.empty() && extent.first.value == 0) return {};
    return fail(ErrorCode::kLostMemory,
                "the database was never used by this agent, but the log holds work for it: another "
                "file was put in its place");
  }
  if (participant != owner.name)
    return fail(ErrorCode::kFenced, fmt::format("the database belongs to participant {}, not to {}",
                                                participant, owner.name));
  if (log_id != owner.log_id)
    return fail(ErrorCode::kLostMemory,
                fmt::format("the database belongs to the log {}, this directory holds the log {}: "
                            "one of the two was replaced",
                            log_id, owner.log_id));
  return {};
}

Status check_pair(const OpenedDatabase& database, const recovery::LogOwner& owner,
                  const recovery::LogExtent& extent, const recovery::ParticipantTables& tables) {
  TROTH_TRY(
      check_owner(database.is_new, database.participant, database.log_id, owner, extent, tables));
  if (database.is_new) return {};
  if (database.applied > extent.end)
    return fail(ErrorCode::kLostMemory,
                fmt::format("the database holds work up to LSN {}, but the log ends at LSN {}: the "
                            "log is older than the file",
                            database.applied, extent.end));
  if (database.applied < extent.first)  // the log goes only when the file has durably passed it
    return fail(ErrorCode::kLostMemory,
                fmt::format("the database holds work up to LSN {}, but the log starts at LSN {}: "
                            "the file is older than the log",
                            database.applied, extent.first));
  return {};
}

Status note_database(FileSystem& files, const std::string& data_dir, const std::string& path) {
  if (const auto before = noted_database(files, data_dir); before && *before == path) return {};
  const auto temporary = note_path(data_dir) + ".new";
  TROTH_ASSIGN_OR_RETURN(const bool stale, files.exists(temporary));
  if (stale) TROTH_TRY(files.remove(temporary));
  {
    TROTH_ASSIGN_OR_RETURN(const auto file, files.open(temporary, OpenMode::kCreateNew));
    TROTH_TRY(file->write_at(0, path + "\n"));
    TROTH_TRY(file->sync());
  }
  TROTH_TRY(files.rename(temporary, note_path(data_dir)));
  return files.sync_directory(data_dir);
}

Result<std::string> noted_database(FileSystem& files, const std::string& data_dir) {
  constexpr std::size_t kLongestPath = 4096;
  TROTH_ASSIGN_OR_RETURN(const auto file, files.open(note_path(data_dir), OpenMode::kReadOnly));
  TROTH_ASSIGN_OR_RETURN(auto text, file->read_at(0, kLongestPath + 1));
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace troth::participant
