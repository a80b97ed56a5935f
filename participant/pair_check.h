#pragma once
// Do a participant's log and its database file belong together? A start refuses a pair that does
// not, and `troth doctor --data-dir` asks the same question.

#include <string>

#include "os/file.h"
#include "recovery/log_at_start.h"
#include "recovery/participant_replay.h"
#include "troth/resource_manager.h"

namespace troth::participant {

/// Neither may be older than the other remembers (participant.md 8.2). `in_file` of the tables is
/// what `database` says. kLostMemory or kFenced says which of the two was replaced.
Status check_pair(const OpenedDatabase& database, const recovery::LogOwner& owner,
                  const recovery::LogExtent& extent, const recovery::ParticipantTables& tables);
/// The half of it that holds for a database which keeps no position in the log: each names the
/// other, or the database is new and the log holds no work for one.
Status check_owner(bool is_new, const NodeName& participant, const LogId& log_id,
                   const recovery::LogOwner& owner, const recovery::LogExtent& extent,
                   const recovery::ParticipantTables& tables);

/// Notes beside the log which database file it belongs to, durably, unless it says so already. For
/// doctor, which is given the log's directory alone. By the owner of the directory.
Status note_database(FileSystem& files, const std::string& data_dir, const std::string& path);
/// kNotFound before the first start.
Result<std::string> noted_database(FileSystem& files, const std::string& data_dir);

}  // namespace troth::participant
