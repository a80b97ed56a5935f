#pragma once
// `troth-participant repair`, for a participant whose database refuses work of its log. Shows the
// first refused transaction, in the order of the log, and settles it as an operator says. The
// action is in the log's audit trail before the file changes. The participant must be stopped: the
// command owns its directory and database.

#include <string>

#include "os/clock.h"
#include "os/file.h"
#include "troth/operators.h"
#include "troth/sqlite.h"
#include "wal/writer.h"

namespace troth::participant {

struct RepairRequest {
  std::string data_dir;
  wal::Options log;
  SqliteOptions database;
  std::string txn;  ///< "" = show only
  std::string how;  ///< force or skip (committed), restore (in doubt); "" = show only
  Operator by;
};

/// Returns the text to print. kInvalidArgument if `txn` is not the first refused transaction, or if
/// `how` does not fit it. Otherwise errors as of a start.
Result<std::string> repair(FileSystem& files, const RepairRequest& request, const Clock& clock);

}  // namespace troth::participant
