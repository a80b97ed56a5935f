#pragma once
// Which aborted branches are remembered. One is kept until its coordinator says that it has ended
// everywhere, so that a late PREPARE is refused at once. But a coordinator may never say so, or may
// abort what never was.

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "base/ids.h"

namespace troth::participant {

/// Invariant: at most `most` gtids are held. Whose coordinator holds the most makes room, its oldest
/// first. To forget one is safe: a late PREPARE of it executes, and its coordinator answers the
/// inquiry with ABORT. Owned by BranchTable and touched by the engine's thread alone.
class AbortMemory {
 public:
  explicit AbortMemory(std::size_t most) : most_(most) {}

  void note(const Gtid& gtid);
  /// One that has to go, which is then no longer held here. Nothing: none has to. It may have been
  /// forgotten otherwise meanwhile.
  std::optional<Gtid> take_surplus();

 private:
  const std::size_t most_;
  std::size_t held_ = 0;
  std::map<CoordinatorTag, std::deque<Gtid>> by_coordinator_;
};

/// Of a coordinator that asks for one-phase transactions which never arrived: "it never arrived" is
/// a promise, and cannot be forgotten before they have ended. So only so many are made.
class NeverArrived {
 public:
  static constexpr std::size_t kMostOfOne = 16'384;
  static constexpr std::size_t kMost = 65'536;

  /// `count`: how many of a coordinator's are still remembered. False: no promise can be made now.
  bool take(const CoordinatorTag& tag, const std::function<std::size_t()>& count);

 private:
  std::map<CoordinatorTag, std::size_t> made_;  // since it was last counted, and before
  std::map<CoordinatorTag, std::size_t> in_vain_;
};

}  // namespace troth::participant
