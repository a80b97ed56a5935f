#pragma once
// What participants may forget, and from when on: they are told a watermark below which everything
// is ended everywhere, except the unfinished transactions that are listed.

#include "coordinator/inquiries.h"
#include "coordinator/tables.h"
#include "coordinator/unfinished_list.h"

namespace troth::coordinator {

/// Invariant: nothing that may still be asked for, and that the claim speaks for, is below the
/// watermark and not listed, and the end of whatever is below it is durable here. Owned by the
/// engine and touched by its thread alone.
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

  /// Says it in the headers of later batches, with how far the log is durable. Before any promise
  /// leaves: the batch that carries a decision must also say that the log reaches at least that
  /// far, or a peer could not tell later that this log lost it.
  void publish();

 private:
  Gtid unfinished_after(const Gtid& gtid) const;

  Core& core_;
  const Parts parts_;
  UnfinishedList unfinished_;
};

}  // namespace troth::coordinator
