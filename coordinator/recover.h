#pragma once
// A coordinator's start, up to the point where it may speak: own the directory, read the log, begin
// a new epoch. Daemons and the simulator start the same way.

#include "os/logging.h"
#include "recovery/coordinator_replay.h"
#include "recovery/start_up.h"

namespace troth::coordinator {

struct Recovered {
  recovery::OpenedNode node;
  Epoch epoch;  ///< of this start, durable
  recovery::CoordinatorTables tables;
};

/// kFenced, kCorruption, kIo as recovery::open_node says.
Result<Recovered> recover(FileSystem& files, const std::string& data_dir, wal::Options options,
                          const Clock& clock, const Logger& logger);

}  // namespace troth::coordinator
