#pragma once
// A participant's start, until it may send anything: own the log, read it, check that log and
// database belong together, begin a new epoch, redo the commits that the file lacks, take the locks
// of branches in doubt again. Daemons and the simulator start the same way.

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
  /// The database refuses work of the log (held.h): `manager` is not up to date, and the node must
  /// not serve.
  std::optional<Error> held;
};

/// Opens `manager` too. Afterwards it is up to date and holds the locks of every branch in doubt.
/// `was_noted`: an earlier start noted its database beside the log (pair_check.h), so a database
/// that is missing now was lost. Errors: kFenced (75), kCorruption and kLostMemory (70), kIo (74),
/// kNotFound.
Result<Recovered> recover(recovery::LogAtStart& log, DeferredApply& manager, bool was_noted,
                          const Clock& clock, const Logger& logger);

/// The same with a database that keeps prepared transactions itself. If this log has decided one,
/// it is ended. If this log never voted for one, it is aborted. The others keep their locks in the
/// database. `events` receives the results of later calls.
Result<Recovered> recover(recovery::LogAtStart& log, PrepareByName& manager, NamedEvents& events,
                          const Clock& clock, const Logger& logger);

}  // namespace troth::participant
