#pragma once
// What a branch is told at its beginning, and what a step of it asks for.

#include <chrono>
#include <cstdint>

#include "protocol/effects.h"
#include "protocol/ports.h"
#include "protocol/retry.h"

namespace troth::protocol {

/// What the resource manager is to do about the branch. kFinish: what an interactive branch needs
/// before its vote.
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
  /// The same in three-phase commit, where the answer "not decided yet" also shows that nobody need
  /// be suspected: well below the timeout of suspicion.
  Duration heartbeat{std::chrono::milliseconds(200)};
};

/// Who asks whom of a branch: with two-phase and three-phase commit its coordinator decides it, the
/// others are decided here, for the coordinator or for the application around this node.
enum class BranchKind : std::uint8_t { kTwoPhase, kOnePhase, kLocal };

/// What the parts of a branch need to know of it while they take a step.
struct BranchView {
  const BranchSettings& by;
  const PreparedRecord& about;  ///< as far as it is known
};

}  // namespace troth::protocol
