#include "coordinator/key_store_check.h"

#include <fmt/format.h>

namespace troth::coordinator {

Status NotedKeyStore::write_note() const {
  TROTH_ASSIGN_OR_RETURN(const bool there, files_.exists(note()));
  if (there) return {};
  TROTH_ASSIGN_OR_RETURN(const auto file, files_.open(note(), OpenMode::kCreateNew));
  TROTH_TRY(file->sync());
  return files_.sync_directory(data_dir_);
}

Lsn NotedKeyStore::durable() const {
  const Lsn stored = store_.durable();
  if (stored.value == 0 || !store_.used()) return stored;
  const MutexLock lock(mutex_);
  if (!noted_) noted_ = write_note().has_value();
  return noted_ ? stored : Lsn{};
}

Status NotedKeyStore::check(const recovery::LogExtent& log, const Logger& logger) {
  const Lsn stored = store_.durable();
  if (stored.value == 0) {
    if (log.first.value == 0) return {};  // everything is in the log
    TROTH_ASSIGN_OR_RETURN(const bool noted, files_.exists(note()));
    if (!noted) return {};  // it never held any
    return fail(ErrorCode::kCorruption,
                fmt::format("keys.db is missing or empty, and the log begins at LSN {}: older keys "
                            "were there only. Put keys.db back; or remove {} to forget them, then "
                            "repeated requests may be executed again",
                            log.first, note()));
  }
  if (stored < log.first)
    return fail(
        ErrorCode::kCorruption,
        fmt::format("keys.db covers the log up to LSN {}, but the log begins at LSN {}: put "
                    "back a newer keys.db, or remove it and {} to forget older keys",
                    stored, log.first, note()));
  if (stored > log.end) {
    logger.warn("keys.db is newer than the log", {{"keys", stored}, {"log", log.end}});
    TROTH_ASSIGN_OR_RETURN(const bool noted, files_.exists(note()));
    if (noted) TROTH_TRY(files_.remove(note()));  // until something is stored again
    store_.restart_at({});
  }
  return {};
}

}  // namespace troth::coordinator
