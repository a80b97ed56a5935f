#pragma once
// What a daemon would find at its start, from its files and without changing them: its log, its
// database, the room on its disk. Shares the start's own checks, so that doctor never says OK to
// files that the daemon refuses. Not tried: whether redo still fits a schema that others changed.

#include <optional>
#include <string>

#include "os/file.h"
#include "wal/directory.h"
#include "wal/reader.h"

namespace troth::cli {

struct StartLook {
  wal::Identity identity;
  wal::ScanReport log;
  std::string database;  ///< of a participant: the file that was looked at; "" = not known
  bool runs = false;     ///< a daemon owns the directory: its database was left alone
};

/// `database` overrides what is noted beside the log. The error is what the daemon would end with.
Result<StartLook> look_at_start(FileSystem& files, const std::string& dir,
                                const std::optional<std::string>& database);

}  // namespace troth::cli
