#include "coordinator/recover.h"

#include "os/failpoint.h"
#include "recovery/claims.h"

namespace troth::coordinator {

Result<Recovered> recover(FileSystem& files, const std::string& data_dir, wal::Options options,
                          const Clock& clock, const Logger& logger) {
  Recovered out;
  TROTH_ASSIGN_OR_RETURN(out.node, recovery::open_node(files, data_dir, "coordinator", options,
                                                       [&](const wal::RecordView& view) {
                                                         return recovery::replay(out.tables, view);
                                                       }));
  TROTH_FAILPOINT("coordinator.recovery.scanned");
  const auto& scan = out.node.writer->opened();
  if (scan.torn_bytes > 0)
    logger.warn("cut a torn tail off the log",
                {{"where", scan.torn_where}, {"bytes", scan.torn_bytes}});
  TROTH_TRY(recovery::check_claims(out.tables.claims));
  TROTH_ASSIGN_OR_RETURN(
      out.epoch, recovery::begin_epoch(out.node, out.tables.epoch, out.tables.adopted, clock));
  TROTH_FAILPOINT("coordinator.recovery.epoch_durable");
  return out;
}

}  // namespace troth::coordinator
