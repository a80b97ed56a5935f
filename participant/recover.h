#pragma once
// A participant's start, up to the point where it may speak: own the directory, read the log, see
// that log and database belong together, begin a new epoch, redo what the file misses, retake the
// locks of what is in doubt. Daemons and the simulator start the same way.

#include "os/logging.h"
#include "recovery/participant_replay.h"
#include "recovery/start_up.h"
#include "troth/resource_manager.h"

namespace troth::participant {

struct Recovered {
  recovery::OpenedNode node;
  Epoch epoch;  ///< of this start, durable
  recovery::ParticipantTables tables;
};

/// Opens `manager` too; it is up to date and holds the locks of every in-doubt branch afterwards.
/// Errors: kFenced (75), kCorruption and kLostMemory (70), kIo (74), kNotFound.
Result<Recovered> recover(FileSystem& files, const std::string& data_dir, wal::Options options,
                          ResourceManager& manager, const Clock& clock, const Logger& logger);

}  // namespace troth::participant
