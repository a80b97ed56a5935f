#pragma once
// Checks whether a participant's log and its database file belong together. A start refuses a pair
// that does not. `troth doctor --data-dir` makes the same check.

#include <string>

#include "os/file.h"
#include "recovery/log_at_start.h"
#include "recovery/participant_replay.h"
#include "troth/resource_manager.h"

namespace troth::participant {

/// Neither may be older than the other one says (participant.md 8.2). `in_file` of the tables comes
/// from `database`. kLostMemory or kFenced says which of the two was replaced.
Status check_pair(const OpenedDatabase& database, const recovery::LogOwner& owner,
                  const recovery::LogExtent& extent, const recovery::ParticipantTables& tables);
/// The part of the check for a database that keeps no position in the log: each names the other, or
/// the database is new and the log holds no work.
Status check_owner(bool is_new, const NodeName& participant, const LogId& log_id,
                   const recovery::LogOwner& owner, const recovery::LogExtent& extent,
                   const recovery::ParticipantTables& tables);

/// Writes a durable note beside the log that names its database file, unless the note is there. For
/// doctor, which is given only the log's directory. Only the owner of the directory may call it.
Status note_database(FileSystem& files, const std::string& data_dir, const std::string& path);
/// kNotFound before the first start.
Result<std::string> noted_database(FileSystem& files, const std::string& data_dir);

}  // namespace troth::participant
