#include "coordinator/key_store_check.h"

#include <fmt/format.h>

namespace troth::coordinator {

namespace {

constexpr const char* kNote = "/keys.noted";

Status note_that_keys_move(FileSystem& files, const std::string& data_dir) {
  TROTH_ASSIGN_OR_RETURN(const bool noted, files.exists(data_dir + kNote));
  if (noted) return {};
  TROTH_ASSIGN_OR_RETURN(const auto file, files.open(data_dir + kNote, OpenMode::kCreateNew));
  TROTH_TRY(file->sync());
  return files.sync_directory(data_dir);
}

}  // namespace

Status check_key_store(FileSystem& files, const std::string& data_dir, history::KeyStore* store,
                       const recovery::LogExtent& log, const Logger& logger) {
  if (store == nullptr) return {};
  const Lsn stored = store->durable();
  const bool log_is_whole = log.first.value == 0;
  if (stored.value == 0 && !log_is_whole) {
    TROTH_ASSIGN_OR_RETURN(const bool noted, files.exists(data_dir + kNote));
    if (!noted) return {};  // 0.1 kept all keys in the log
    return fail(
        ErrorCode::kCorruption,
        fmt::format("keys.db is missing or empty, and the log begins at LSN {}: older keys "
                    "were there only. Put keys.db back; or remove {}{} to forget them, then "
                    "repeated requests may be executed again",
                    log.first, data_dir, kNote));
  }
  if (stored.value != 0 && stored < log.first)
    return fail(
        ErrorCode::kCorruption,
        fmt::format("keys.db covers the log up to LSN {}, but the log begins at LSN {}: put "
                    "back a newer keys.db, or remove it and {}{} to forget older keys",
                    stored, log.first, data_dir, kNote));
  if (stored > log.end) {
    logger.warn("keys.db is newer than the log", {{"keys", stored}, {"log", log.end}});
    store->restart_at(log.first);  // what the log still holds is stored once more
  }
  return note_that_keys_move(files, data_dir);
}

}  // namespace troth::coordinator
