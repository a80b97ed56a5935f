#pragma once
// What this node may say of a transaction of which it holds no trace.

#include "participant/horizon.h"
#include "protocol/record.h"

namespace troth::participant {

/// Invariant: a promise that the log would not have to know of already is never given. Owned by the
/// engine and touched by its thread alone.
class Presumption {
 public:
  explicit Presumption(const Horizon& horizon) : horizon_(horizon) {}

  /// From the log, at start.
  void adopt(const protocol::AdoptedRecord& adopted) { adopted_ = adopted; }
  const protocol::AdoptedRecord& adopted() const { return adopted_; }

  /// True: had this node voted on `gtid`, or refused to, its log would say so; no trace means that
  /// it did neither. `named`: the epoch of this node that the transaction names. Before the last
  /// adoption another log may have promised anything in this node's name, and a gtid that is ended
  /// everywhere was forgotten.
  bool may_promise(const Gtid& gtid, Epoch named) const {
    return named >= adopted_.below && !horizon_.ended(gtid);
  }

 private:
  const Horizon& horizon_;
  protocol::AdoptedRecord adopted_;
};

}  // namespace troth::participant
