#include "cli/start_look.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "participant/pair_check.h"
#include "participant/sqlite/marker.h"
#include "recovery/claims.h"
#include "recovery/coordinator_replay.h"
#include "recovery/participant_replay.h"
#include "recovery/start_up.h"

namespace troth::cli {

namespace {

/// The first record of a start must be durable before anything is sent.
Status check_room(const std::string& dir) {
  if (::access(dir.c_str(), W_OK) != 0)
    return fail(ErrorCode::kIo, fmt::format("{} cannot be written by this user", dir));
  constexpr std::uintmax_t kNeeded = 64 << 10;
  std::error_code error;
  const auto room = std::filesystem::space(dir, error);
  if (error || room.available >= kNeeded) return {};
  return fail(ErrorCode::kNoSpace,
              fmt::format("the disk of {} has {} bytes left: a start may not be able to write", dir,
                          room.available));
}

Status look_at_participant(FileSystem& files, const std::string& dir, StartLook& look) {
  OpenedDatabase database;
  recovery::ParticipantTables tables;
  const bool judge = !look.runs && !look.database.empty();
  if (judge) {
    TROTH_ASSIGN_OR_RETURN(database, participant::sqlite::look_at_database(look.database));
    if (!database.is_new) tables.in_file = database.applied;
  }
  TROTH_ASSIGN_OR_RETURN(look.log, wal::scan(files, dir, [&](const wal::RecordView& view) {
                           return recovery::replay(tables, view);
                         }));
  TROTH_TRY(recovery::check_claims(tables.claims));
  if (!judge) return {};
  TROTH_ASSIGN_OR_RETURN(const auto owner, recovery::owner_of(look.identity));
  return participant::check_pair(database, owner, recovery::extent_of(look.log), tables);
}

Status look_at_coordinator(FileSystem& files, const std::string& dir, StartLook& look) {
  recovery::CoordinatorTables tables;
  TROTH_ASSIGN_OR_RETURN(look.log, wal::scan(files, dir, [&](const wal::RecordView& view) {
                           return recovery::replay(tables, view);
                         }));
  return recovery::check_claims(tables.claims);
}

}  // namespace

Result<StartLook> look_at_start(FileSystem& files, const std::string& dir,
                                const std::optional<std::string>& database) {
  StartLook look;
  TROTH_ASSIGN_OR_RETURN(look.identity, wal::read_identity(files, dir));
  const auto original = wal::check_original(files, dir, look.identity);
  // Of a backup whose database was named, doctor says whether the two belong together as well.
  const bool is_pair = database && look.identity.role != "coordinator";
  if (!original && !is_pair) return fail(original.error());
  {
    const auto lock = wal::lock_directory(files, dir);
    if (!lock && lock.error().code != ErrorCode::kFenced) return fail(lock.error());
    look.runs = !lock;
  }
  if (look.identity.role == "coordinator") {
    TROTH_TRY(look_at_coordinator(files, dir, look));
  } else {
    look.database = database.value_or(participant::noted_database(files, dir).value_or(""));
    TROTH_TRY(look_at_participant(files, dir, look));
  }
  if (!original)
    return fail(original.error().code,
                original.error().context + ". Its log and its database belong together");
  if (!look.runs) TROTH_TRY(check_room(dir));
  return look;
}

}  // namespace troth::cli
