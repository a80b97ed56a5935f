#pragma once
// Do a participant's log and its database file belong together? A start refuses a pair that does
// not, and `troth doctor --data-dir` asks the same question.

#include <string>

#include "os/file.h"
#include "recovery/participant_replay.h"
#include "troth/resource_manager.h"
#include "wal/directory.h"
#include "wal/reader.h"

namespace troth::participant {

/// Neither may be older than the other remembers (participant.md 8.2). `in_file` of the tables is
/// what `database` says. kLostMemory or kFenced says which of the two was replaced.
Status check_pair(const OpenedDatabase& database, const wal::Identity& log,
                  const wal::ScanReport& scan, const recovery::ParticipantTables& tables);

/// Notes beside the log which database file it belongs to, durably, unless it says so already. For
/// doctor, which is given the log's directory alone. By the owner of the directory.
Status note_database(FileSystem& files, const std::string& data_dir, const std::string& path);
/// kNotFound before the first start.
Result<std::string> noted_database(FileSystem& files, const std::string& data_dir);

}  // namespace troth::participant
