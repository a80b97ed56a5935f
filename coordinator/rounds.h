#pragma once
// The rounds of the coordinator's engine: its timers, what becomes durable, and the end of a round,
// which checkpoints the log, forces it and lets messages out, in this order.

#include <functional>
#include <optional>
#include <utility>

#include "coordinator/applied_questions.h"
#include "coordinator/retention.h"
#include "engine/checkpointer.h"

namespace troth::coordinator {

/// Owns the checkpoints and how far durability has been acted on. Invariant: a checkpoint begins no
/// further than that. Owned by the engine and touched by its thread alone.
class Rounds {
 public:
  struct Parts {
    Tables& tables;
    Transactions& transactions;
    Conversations& conversations;
    AppliedQuestions& applied;
    Searches& searches;
    Recalls& recalls;
    Inquiries& inquiries;
    Retention& retention;
    OperatorDesk& desk;
    const std::function<void(const Error&)>& on_fatal;
  };
  Rounds(Core& core, Parts parts)
      : core_(core),
        parts_(parts),
        checkpointer_(core.log, core.options.checkpoint_bytes),
        told_(core.log.durable()) {}

  void adopt(Lsn first_record) { checkpointer_.adopt(first_record); }

  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);
  void on_durable(Lsn durable, Now now);
  void end(Now now);
  /// How far the end of the round forced by itself, because forcing the log on this thread delays
  /// other work only briefly. Once.
  std::optional<Lsn> take_forced() { return std::exchange(forced_here_, std::nullopt); }
  /// At most `most` transactions are live.
  bool alone(std::size_t most) const {
    return parts_.tables.live.size() + parts_.conversations.all().size() <= most;
  }

 private:
  void copy_forward(Now now);
  bool may_force_here() const;

  Core& core_;
  const Parts parts_;
  Checkpointer checkpointer_;
  Lsn told_;  // everything at or below it is durable and has been acted on
  std::optional<Lsn> forced_here_;
};

}  // namespace troth::coordinator
