#pragma once
// One participant only: it executes, decides and answers in one message pair (protocol.md 4).
//
//  WAITING --- result, or deadline: nothing was sent ---> ENDED
//     |                                                     ^
//  deadline                                                 | result
//     v                                                     |
//  UNCERTAIN --- InquireOnePhase, re-sent for ever ---------+
//
// WAITING -> ENDED [on_result, on_deadline]  WAITING -> UNCERTAIN [on_deadline]
// UNCERTAIN -> ENDED [on_result]
// WAITING    the request is re-sent (the participant knows the gtid and does it once). While the
//            participant is unreachable nothing is sent, so a deadline ends it as ABORTED.
// UNCERTAIN  the request is never sent again; an inquiry makes the participant promise not to
//            execute it later. The client is answered IN_DOUBT after a grace for the answer.

#include <optional>
#include <variant>

#include "protocol/effects.h"
#include "protocol/ports.h"
#include "protocol/retry.h"

namespace troth::protocol {

class OnePhaseCommit {
 public:
  enum class State { kWaiting, kUncertain, kEnded };

  struct Setup {
    NodeName participant;
    CommitOnePhase request;  ///< time_left is filled in at each sending
    MonotonicTime deadline;
    RetryPolicy resend;
    std::string comment;
    bool reads_only = false;  ///< its outcome is never uncertain: there is nothing to commit
    Duration grace{0};        ///< after the deadline, for the answer to the inquiry
    Epoch named_epoch{};      ///< of the participant, as last seen
  };

  // `unreachable`: as far as this node knows, nothing it sends now arrives.
  struct Start {
    bool unreachable = false;
  };
  struct ResultArrived {
    NodeName from;
    OnePhaseResult result;
  };
  struct Tick {
    bool unreachable = false;
  };
  struct RetryNow {
    bool unreachable = false;
  };
  using Event = std::variant<Start, ResultArrived, Tick, RetryNow>;

  explicit OnePhaseCommit(Setup setup);
  EffectsOf<TransactionOutcome> step(const Event& event, MonotonicTime now);

  std::optional<MonotonicTime> next_wake() const { return next_wake_; }
  State state() const { return state_; }
  const Setup& setup() const { return setup_; }
  const Gtid& gtid() const { return setup_.request.gtid; }
  std::uint32_t attempts() const { return attempts_; }
  /// False: whatever happens, it has not committed anything.
  bool may_have_committed() const { return sent_ && !setup_.reads_only; }
  /// An earlier request with its key may have committed at the participant, under another gtid that
  /// this coordinator forgot when it restarted. What did not reach the participant proves nothing.
  bool first_of_its_key_unknown() const {
    return !setup_.request.idempotency_key.empty() && !setup_.reads_only;
  }

 private:
  void repeat(bool unreachable, EffectsOf<TransactionOutcome>& out, MonotonicTime now);
  void on_result(const ResultArrived& event, EffectsOf<TransactionOutcome>& out);
  void on_tick(const Tick& event, EffectsOf<TransactionOutcome>& out, MonotonicTime now);
  void on_deadline(bool unreachable, EffectsOf<TransactionOutcome>& out, MonotonicTime now);
  void doubt(bool unreachable, EffectsOf<TransactionOutcome>& out);

  Setup setup_;
  State state_ = State::kWaiting;
  bool sent_ = false;     // the participant may have received the request
  bool doubted_ = false;  // the client was answered IN_DOUBT
  std::uint32_t attempts_ = 0;
  std::optional<MonotonicTime> next_wake_;
};

std::string_view to_string(OnePhaseCommit::State state);

}  // namespace troth::protocol
