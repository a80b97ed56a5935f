#pragma once
// One participant only: it executes, decides and answers in one message pair; the coordinator logs
// nothing (protocol.md 4).
//
//  WAITING --- result -----------------------------> ENDED   (client answered COMMITTED or ABORTED)
//     |                                                ^
//  deadline: client answered IN_DOUBT                  | result
//     v                                                |
//  UNCERTAIN --- InquireOnePhase, re-sent for ever ----+
//
// WAITING -> ENDED [on_result]  WAITING -> UNCERTAIN [on_tick]  UNCERTAIN -> ENDED [on_result]
// WAITING    the request is re-sent (the participant knows the gtid and does it once)
// UNCERTAIN  the request is never sent again; an inquiry makes the participant promise not to
// execute it later

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
  };

  struct Start {};
  struct ResultArrived {
    NodeName from;
    OnePhaseResult result;
  };
  struct Tick {
    bool unreachable = false;
  };
  struct RetryNow {};
  using Event = std::variant<Start, ResultArrived, Tick, RetryNow>;

  explicit OnePhaseCommit(Setup setup);
  EffectsOf<TransactionOutcome> step(const Event& event, MonotonicTime now);

  std::optional<MonotonicTime> next_wake() const { return next_wake_; }
  State state() const { return state_; }
  const Setup& setup() const { return setup_; }
  const Gtid& gtid() const { return setup_.request.gtid; }
  std::uint32_t attempts() const { return attempts_; }

 private:
  void repeat(EffectsOf<TransactionOutcome>& out, MonotonicTime now);
  void on_result(const ResultArrived& event, EffectsOf<TransactionOutcome>& out);
  void on_tick(const Tick& event, EffectsOf<TransactionOutcome>& out, MonotonicTime now);

  Setup setup_;
  State state_ = State::kWaiting;
  std::uint32_t attempts_ = 0;
  std::optional<MonotonicTime> next_wake_;
};

std::string_view to_string(OnePhaseCommit::State state);

}  // namespace troth::protocol
