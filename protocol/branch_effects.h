#pragma once
// The settings of a branch, and the effects of its steps.

#include <chrono>
#include <cstdint>

#include "protocol/effects.h"
#include "protocol/ports.h"
#include "protocol/retry.h"

namespace troth::protocol {

/// The job for the resource manager. kFinish: the work before the vote of an interactive branch.
enum class BranchJob : std::uint8_t { kNone, kExecute, kFinish, kApply, kDiscard };

struct BranchEffects : EffectsOf<TransactionOutcome> {
  BranchJob job =
      BranchJob::kNone;  ///< kApply: with the LSN of the record appended in the same step
  /// Instead of `append`: PREPARED, which the branch keeps. Valid until its next step.
  const PreparedRecord* prepared = nullptr;
};

struct BranchSettings {
  NodeName self;
  NodePosition position;  ///< this node's log_id and epoch (durable is ignored)
  RetryPolicy inquiry;    ///< first: silence after which a prepared branch asks
  /// The same in three-phase commit. There the answer "not decided yet" also prevents a suspicion,
  /// so it is well below the suspicion timeout.
  Duration heartbeat{std::chrono::milliseconds(200)};
};

/// Which node decides a branch. In two-phase and three-phase commit it is the coordinator. Other
/// branches are decided here, for the coordinator or for the application that embeds this node.
enum class BranchKind : std::uint8_t { kTwoPhase, kOnePhase, kLocal };

/// The facts about a branch that its parts need during a step.
struct BranchView {
  const BranchSettings& by;
  const PreparedRecord& about;  ///< as far as it is known
};

}  // namespace troth::protocol
