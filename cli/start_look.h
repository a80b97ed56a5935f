#pragma once
// Makes the checks of a daemon's start from its files, without changing them: its log, its
// database, the room on its disk. It shares the start's own code, so that doctor never says OK to
// files that the daemon refuses. It does not try whether redo still fits a schema that another
// program changed.

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

/// `database` overrides the note beside the log. The error is the one that the daemon would end
/// with.
Result<StartLook> look_at_start(FileSystem& files, const std::string& dir,
                                const std::optional<std::string>& database);

}  // namespace troth::cli
