#pragma once
// Which gtids are ended everywhere and forgotten here: one watermark per coordinator.

#include <map>

#include "base/ids.h"
#include "protocol/record_log.h"

namespace troth::participant {

/// Invariant: a watermark never falls, and the log's copy of it is never ahead. Owned by the engine
/// and touched by its thread alone.
class Horizon {
 public:
  explicit Horizon(protocol::RecordLog& log) : log_(log) {}

  void adopt(std::map<CoordinatorTag, Gtid> ended_below);
  /// Its coordinator said that it is ended at every participant.
  bool ended(const Gtid& gtid) const;
  /// True: that is news, and what is over below it can be forgotten.
  bool advance(const Gtid& ended_below);
  /// Lets the next start forget them as well. Nobody waits for the record, and losing it costs
  /// memory only: so it is written now and then.
  void note(const Gtid& ended_below);

 private:
  protocol::RecordLog& log_;
  std::map<CoordinatorTag, Gtid> ended_below_;
  std::map<CoordinatorTag, Gtid> logged_;  // of those, what the log says
};

}  // namespace troth::participant
