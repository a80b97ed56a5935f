#pragma once
// Repeated requests that want to wait until the rows are in the file. The first request with the
// key is committed at its only participant, and only that participant knows whether its file holds
// the rows. This class asks it. It sends nothing that could be executed.

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "coordinator/core.h"
#include "protocol/ports.h"

namespace troth::coordinator {

/// Invariant: a waiting client receives COMMITTED, at its deadline at the latest; "applied" only if
/// the participant said so. Bounded by max_in_flight. Owned by the engine and touched by its thread
/// alone.
class AppliedQuestions {
 public:
  explicit AppliedQuestions(Core& core) : core_(core) {}

  /// `known`: outcome of the first request with the key.
  void ask(const TransactionOutcome& known, const NodeName& participant, MonotonicTime deadline,
           protocol::SubmitDone&& done, Now now);
  void on_result(const NodeName& from, const protocol::OnePhaseResult& result);
  /// Asks no participant any more.
  void end_all();
  /// May be earlier than needed, never later.
  std::optional<MonotonicTime> next_wake() const { return wake_; }
  void tick(Now now);

 private:
  using Waiting = std::pair<MonotonicTime, protocol::SubmitDone>;
  struct Question {
    NodeName participant;
    TransactionOutcome known;
    std::vector<Waiting> waiting;  // until when
    std::uint32_t attempts = 0;
    MonotonicTime next_ask;
  };
  static void tell(const TransactionOutcome& known, bool applied, protocol::SubmitDone& done);
  void send(const Gtid& gtid, Question& question, Now now);
  void wake_by(MonotonicTime at) {
    if (!wake_ || at < *wake_) wake_ = at;
  }

  Core& core_;
  std::map<Gtid, Question> questions_;
  std::size_t waiting_ = 0;
  std::optional<MonotonicTime> wake_;
};

}  // namespace troth::coordinator
