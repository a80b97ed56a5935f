#pragma once
// One-phase transactions of an earlier start of which this log holds no outcome: the participant
// that executed one knows. This node no longer knows which participant that was. So it asks every
// participant that this log has ever met, also those that the settings no longer name.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "coordinator/core.h"
#include "coordinator/ended_book.h"
#include "coordinator/known_outcomes.h"
#include "recovery/operator_book.h"

namespace troth::coordinator {

/// Invariant: says "aborted" only when every participant has answered and none has forgotten it, or
/// when the participant that executed it says so; "committed" as soon as one says so. Owned by the
/// engine and touched by its thread alone.
class Searches {
 public:
  using Done = KnownOutcomes::Done;

  Searches(Core& core, KnownOutcomes& outcomes, EndedBook& history,
           const recovery::OperatorBook& book)
      : core_(core), outcomes_(outcomes), history_(history), book_(book) {}

  /// `wait`: for a definite outcome; otherwise IN_DOUBT is an answer too.
  void start(const Gtid& gtid, bool wait, Done done, Now now);
  void on_result(const NodeName& from, const protocol::OnePhaseResult& result, Now now);
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);

 private:
  struct Search {
    std::vector<NodeName> unanswered;
    std::vector<Done> waiting;    // for a definite outcome
    std::vector<Done> impatient;  // IN_DOUBT at the first repeat
    std::uint32_t attempts = 0;
    MonotonicTime next_ask;
    /// A participant has forgotten it, or is itself forgotten: denials of the others prove nothing.
    bool forgotten = false;
    AbortReason reason;  // of the participant that executed and aborted it
  };

  void ask(const Gtid& gtid, Search& search, Now now);

  Core& core_;
  KnownOutcomes& outcomes_;
  EndedBook& history_;
  const recovery::OperatorBook& book_;
  std::map<Gtid, Search> searches_;
  std::multimap<MonotonicTime, Gtid> timers_;  // never taken back
};

}  // namespace troth::coordinator
