#pragma once
// Tells participants what they may forget: every transaction below `ended_below` is ended
// everywhere, except the listed unfinished ones.

#include "coordinator/inquiries.h"
#include "coordinator/tables.h"
#include "coordinator/unfinished_list.h"

namespace troth::coordinator {

/// Invariant: below `ended_below`, a transaction that the claim covers and that a node may still
/// ask for is listed. The end of every other one is durable here. Owned by the engine and touched
/// by its thread alone.
class Retention {
 public:
  struct Parts {
    Tables& tables;
    const Conversations& conversations;
    const Inquiries& inquiries;
    const recovery::OperatorBook& book;
  };
  Retention(Core& core, Parts parts)
      : core_(core), parts_(parts), unfinished_(core.options.slow_after) {}

  /// Sets `ended_below` and the durable LSN in the headers of later batches. Call it before any
  /// promise leaves: the batch with a decision must also say that the log reaches that far.
  /// Otherwise a peer could not tell later that this log lost it.
  void publish();

 private:
  Gtid unfinished_after(const Gtid& gtid) const;

  Core& core_;
  const Parts parts_;
  UnfinishedList unfinished_;
};

}  // namespace troth::coordinator
