#pragma once
// Waiting for locks, and wound-wait (Rosenkrantz, Stearns & Lewis 1978). An older transaction never
// waits for a younger one for long. So every lasting wait leads from a younger to an older
// transaction, and no cycle of waits lasts, over any number of databases. A prepared holder is
// wounded through its coordinator. The coordinator refuses if it has decided: the locks will be
// free soon then.

#include "participant/branches.h"

namespace troth::participant {

/// Keeps its notes in the entries: deadline, holders, moment of the next wound. Owned by the engine
/// and touched by its thread alone.
class WoundWait {
 public:
  WoundWait(const EngineOptions& options, WorkerPort& worker, BranchTable& table,
            Branches& branches, Promises& promises, Reports& reports)
      : options_(options),
        worker_(worker),
        table_(table),
        branches_(branches),
        promises_(promises),
        reports_(reports) {}

  void on_waiting(const Waiting& waiting, Now now);
  void on_granted(const Granted& granted);
  /// True: the entry's lock wait has just ended with LOCK_TIMEOUT.
  bool give_up_if_due(BranchEntry& entry, Now now);
  void wound_if_due(BranchEntry& entry, Now now);
  /// Ends the entry's lock wait with LOCK_TIMEOUT. It must be executing.
  void give_up(BranchEntry& entry, Now now);

 private:
  void wound(BranchEntry& holder, const BranchEntry& waiter, Now now);
  void blame(const BranchEntry& waiter);

  const EngineOptions& options_;
  WorkerPort& worker_;
  BranchTable& table_;
  Branches& branches_;
  Promises& promises_;
  Reports& reports_;
};

}  // namespace troth::participant
