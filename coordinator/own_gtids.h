#pragma once
// The gtids of this coordinator: makes new ones, and says what it may presume about those without a
// record.

#include "coordinator/engine_options.h"
#include "protocol/record.h"
#include "recovery/lives.h"

namespace troth::coordinator {

/// Invariant: no gtid is made twice, over restarts too, because every start has a new epoch. Owned
/// by the engine and touched by its thread alone.
class OwnGtids {
 public:
  OwnGtids(const EngineOptions& options, const recovery::Lives& lives)
      : options_(options), lives_(lives), tag_(CoordinatorTag::of(options.log_id)) {}

  void adopt(const protocol::AdoptedRecord& adopted) { adopted_ = adopted; }
  const protocol::AdoptedRecord& adopted() const { return adopted_; }

  Gtid mint(Decider decider) { return Gtid(tag_, options_.epoch, next_++, decider); }
  /// Above every gtid that was made.
  Gtid next() const { return Gtid(tag_, options_.epoch, next_, Decider::kCoordinator); }
  bool is_own(const Gtid& gtid) const { return gtid.tag() == tag_; }
  /// This log has begun it, as far as it can tell.
  bool minted(const Gtid& gtid) const {
    if (!is_own(gtid)) return false;
    if (gtid.epoch() == options_.epoch) return gtid.sequence() < next_;
    return gtid.epoch() < options_.epoch && !never_lived(gtid.epoch());
  }
  /// An epoch before this one in which this log never was: it was put back to an earlier state, and
  /// the epoch was another start of the newer log.
  bool never_lived(Epoch epoch) const { return epoch < options_.epoch && lives_.deny(epoch, {}); }
  /// No record means "aborted" only if a commit would have left one here. That is not so for a
  /// one-phase transaction, which its participant decides, nor for a gtid of an epoch that this log
  /// does not know.
  bool may_presume(const Gtid& gtid) const {
    return minted(gtid) && gtid.decider() == Decider::kCoordinator &&
           gtid.epoch() >= adopted_.below;
  }

 private:
  const EngineOptions& options_;
  const recovery::Lives& lives_;
  const CoordinatorTag tag_;
  protocol::AdoptedRecord adopted_;
  std::uint64_t next_ = 1;
};

}  // namespace troth::coordinator
