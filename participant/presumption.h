#pragma once
// What this node may say of a transaction of which it holds no trace.

#include "participant/horizon.h"
#include "protocol/record.h"
#include "recovery/lives.h"

namespace troth::participant {

/// Invariant: a promise that the log would not have to know of already is never given. Owned by the
/// engine and touched by its thread alone.
class Presumption {
 public:
  Presumption(const Horizon& horizon, const recovery::Lives& lives)
      : horizon_(horizon), lives_(lives) {}

  /// From the log, at start.
  void adopt(const protocol::AdoptedRecord& adopted) { adopted_ = adopted; }
  const protocol::AdoptedRecord& adopted() const { return adopted_; }

  /// True: had this node voted on `gtid`, or refused to, its log would say so; no trace means that
  /// it did neither. `named`: the epoch of this node that the transaction names. Before the last
  /// adoption another log may have promised anything in this node's name. So may one in an epoch that this
  /// log never was in. And a gtid that is ended everywhere was forgotten.
  bool may_promise(const Gtid& gtid, Epoch named) const {
    return named >= adopted_.below && !lives_.deny(named, {}) && !horizon_.ended(gtid);
  }
  /// False: the branch is older than an adoption of this log. Promises that it made after the copy
  /// was taken may be missing here, so it must not take part in a ballot.
  bool knows_promises(const protocol::PreparedRecord& prepared, const NodeName& self) const {
    for (const auto& member : prepared.members)
      if (member.name == self) return member.epoch >= adopted_.below;
    return adopted_.below == Epoch{};
  }
  /// True: a participant that has prepared `gtid`, has been up since and is in doubt may abort it,
  /// whatever this node has forgotten. A COMMIT ends only when every participant has acknowledged
  /// it, and a participant that has is not in doubt (docs/design/decisions.md).
  bool aborted_if_in_doubt(const Gtid& gtid) const {
    return gtid.decider() == Decider::kCoordinator && horizon_.ended(gtid);
  }

 private:
  const Horizon& horizon_;
  const recovery::Lives& lives_;
  protocol::AdoptedRecord adopted_;
};

}  // namespace troth::participant
