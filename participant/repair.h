#pragma once
// `troth-participant repair`: the way out for a participant whose database refuses what its log
// says. Shows what is refused, in the order of the log, and takes an operator's word about it. What
// is done is audited in the log before the file changes. The participant must be stopped: the
// command owns directory and database meanwhile.

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

/// What to print. kInvalidArgument if `txn` is not what is refused first, or `how` does not fit it;
/// otherwise errors as of a start.
Result<std::string> repair(FileSystem& files, const RepairRequest& request, const Clock& clock);

}  // namespace troth::participant
