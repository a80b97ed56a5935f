#pragma once
// A participant's start, up to the point where it may speak: own the log, read it, see
// that log and database belong together, begin a new epoch, redo what the file misses, retake the
// locks of what is in doubt. Daemons and the simulator start the same way.

#include <optional>

#include "os/clock.h"
#include "os/logging.h"
#include "recovery/log_at_start.h"
#include "recovery/participant_replay.h"
#include "troth/prepare_by_name.h"
#include "troth/resource_manager.h"

namespace troth::participant {

struct Recovered {
  recovery::LogOwner owner;
  recovery::LogExtent extent;
  Epoch epoch;  ///< of this start, durable
  recovery::ParticipantTables tables;
  std::vector<std::string> files;  ///< of the database
  /// The database refuses what the log says (held.h): `manager` is not up to date, and nothing may be
  /// served.
  std::optional<Error> held;
};

/// Opens `manager` too; it is up to date and holds the locks of every in-doubt branch afterwards.
/// `was_noted`: an earlier start noted its database beside the log (pair_check.h), so that one which
/// is missing now was lost. Errors: kFenced (75), kCorruption and kLostMemory (70), kIo (74),
/// kNotFound.
Result<Recovered> recover(recovery::LogAtStart& log, DeferredApply& manager, bool was_noted,
                          const Clock& clock, const Logger& logger);

/// The same with a database that keeps prepared transactions by itself: what it holds in doubt and
/// this log has decided is ended, what this log never voted for is aborted, and the rest keeps its
/// locks there. `events` is told what comes of later calls.
Result<Recovered> recover(recovery::LogAtStart& log, PrepareByName& manager, NamedEvents& events,
                          const Clock& clock, const Logger& logger);

}  // namespace troth::participant
