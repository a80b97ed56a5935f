#include "coordinator/recover.h"

#include "os/failpoint.h"
#include "recovery/claims.h"

namespace troth::coordinator {

Result<Recovered> recover(recovery::LogAtStart& log, const Clock& clock, const Logger& logger,
                          Lsn outcomes_stored) {
  Recovered out;
  out.tables.outcomes_stored = outcomes_stored;
  TROTH_ASSIGN_OR_RETURN(out.owner, log.fence());
  TROTH_ASSIGN_OR_RETURN(out.extent, log.replay([&](const wal::RecordView& view) {
    return recovery::replay(out.tables, view);
  }));
  TROTH_FAILPOINT("coordinator.recovery.scanned");
  if (out.extent.torn_bytes > 0)
    logger.warn("cut a torn tail off the log",
                {{"where", out.extent.torn_where}, {"bytes", out.extent.torn_bytes}});
  TROTH_TRY(recovery::check_claims(out.tables.claims));
  TROTH_ASSIGN_OR_RETURN(out.epoch, recovery::begin_epoch(log, out.owner, out.tables.epoch,
                                                          out.tables.adopted, clock.wall_now()));
  TROTH_FAILPOINT("coordinator.recovery.epoch_durable");
  return out;
}

}  // namespace troth::coordinator
