#pragma once
// The gtids of this coordinator: makes new ones, and says what it may presume about those without a
// record.

#include "coordinator/engine_options.h"
#include "protocol/record.h"

namespace troth::coordinator {

/// Invariant: no gtid is made twice, over restarts too, because every start has a new epoch. Owned
/// by the engine and touched by its thread alone.
class OwnGtids {
 public:
  explicit OwnGtids(const EngineOptions& options)
      : options_(options), tag_(CoordinatorTag::of(options.log_id)) {}

  void adopt(const protocol::AdoptedRecord& adopted) { adopted_ = adopted; }
  const protocol::AdoptedRecord& adopted() const { return adopted_; }

  Gtid mint(Decider decider) { return Gtid(tag_, options_.epoch, next_++, decider); }
  /// Above every gtid that was made.
  Gtid next() const { return Gtid(tag_, options_.epoch, next_, Decider::kCoordinator); }
  bool is_own(const Gtid& gtid) const { return gtid.tag() == tag_; }
  bool minted(const Gtid& gtid) const {
    return is_own(gtid) && (gtid.epoch() < options_.epoch ||
                            (gtid.epoch() == options_.epoch && gtid.sequence() < next_));
  }
  /// No record means "aborted" only if a commit would have left one here. That is not so for a
  /// one-phase transaction, which its participant decides, nor for a gtid of an epoch that this log
  /// does not know.
  bool may_presume(const Gtid& gtid) const {
    return minted(gtid) && gtid.decider() == Decider::kCoordinator &&
           gtid.epoch() >= adopted_.below;
  }

 private:
  const EngineOptions& options_;
  const CoordinatorTag tag_;
  protocol::AdoptedRecord adopted_;
  std::uint64_t next_ = 1;
};

}  // namespace troth::coordinator
