#pragma once
// A coordinator's start, up to the point where it may speak: own the log, read it, begin a new
// epoch. Daemons and the simulator start the same way.

#include "os/clock.h"
#include "os/logging.h"
#include "recovery/coordinator_replay.h"
#include "recovery/log_at_start.h"

namespace troth::coordinator {

struct Recovered {
  recovery::LogOwner owner;
  recovery::LogExtent extent;
  Epoch epoch;  ///< of this start, durable
  recovery::CoordinatorTables tables;
};

/// Errors as of recovery::LogAtStart. `outcomes_stored`: up to where the outcome store holds what
/// the log tells; the default: there is none.
Result<Recovered> recover(recovery::LogAtStart& log, const Clock& clock, const Logger& logger,
                          Lsn outcomes_stored = {UINT64_MAX});

}  // namespace troth::coordinator
