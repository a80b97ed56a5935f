// A branch that executes piece by piece before it prepares. It exists in memory only: a restart
// loses it, and whatever of it comes afterwards must be refused, never begun anew.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/branch.h"

namespace troth::protocol {

namespace {
AbortReason lost(std::uint32_t wanted, std::uint32_t held) {
  return {AbortCode::kStaleEpoch,
          fmt::format("{} executions were expected here and {} are held: this node restarted",
                      wanted, held),
          {},
          -1};
}
}  // namespace

void Branch::on_execute(ExecuteArrived& event, BranchEffects& out, MonotonicTime now) {
  auto& message = event.message;
  prepared_.coordinator = std::move(event.coordinator);
  if (!started_) {
    started_ = true;
    interactive_ = true;
    prepared_.coordinator_durable = event.coordinator_durable;
    prepared_.priority = message.priority;
    prepared_.traceparent = std::move(message.traceparent);
    if (message.number != 1) return abort_alone(lost(message.number - 1, 0), out);
    state_ = State::kOpen;
  }
  if (state_ == State::kAborted) return answer_execute(out);
  if (!interactive() || message.number < executed_) return;  // late
  switch (state_) {
    case State::kOpen:
      if (message.number == executed_) return answer_execute(out);
      if (message.number != executed_ + 1)
        return abort_alone(lost(message.number - 1, executed_), out);
      executed_ = message.number;
      state_ = State::kExecuting;
      deadline_ = now + message.time_left;
      next_wake_ = deadline_;
      results_.clear();
      out.job = BranchJob::kExecute;
      return;
    case State::kExecuting:  // a repetition: it is being done
    case State::kAborted:
    case State::kPreparing:
    case State::kPrepared:
    case State::kReadOnly:
    case State::kCommitting:
    case State::kCommitted:
    case State::kForgotten:
      return;
  }
}

void Branch::on_executed_piece(Executed& event, BranchEffects& out, MonotonicTime now) {
  if (event.vote == Vote::kAbort) return abort_alone(std::move(event.reason), out);
  state_ = State::kOpen;
  attempts_ = 0;
  wake_while_open(now);
  results_ = std::move(event.results);
  answer_execute(out);
}

// Its ABORT may have been lost: after some silence it asks, and is told when nobody knows it any
// more.
void Branch::wake_while_open(MonotonicTime now) {
  next_wake_ =
      std::min(*deadline_, now + backoff(settings_.inquiry, attempts_ + 1, prepared_.gtid));
}

void Branch::on_tick_open(BranchEffects& out, MonotonicTime now) {
  if (now >= *deadline_)
    return abort_alone({AbortCode::kTimeout, "its deadline passed before it was committed", {}, -1},
                       out);
  inquire(out, now);
  wake_while_open(now);
}

void Branch::answer_execute(BranchEffects& out) {
  ExecuteResult result;
  result.gtid = prepared_.gtid;
  result.number = executed_;
  result.executor = settings_.position;
  if (state_ == State::kAborted) {
    result.reason = reason_;
  } else {
    result.results = results_;
  }
  out.promise(prepared_.coordinator.name, std::move(result));
}

void Branch::on_prepare_interactive(Prepared& event, BranchEffects& out, MonotonicTime now) {
  auto& message = event.message;
  if (!started_) {  // nothing of it is here: that is a NO, never an empty branch
    started_ = true;
    interactive_ = finishing_ = true;
    return abort_alone(lost(message.executed, 0), out);
  }
  switch (state_) {
    case State::kOpen:
      finishing_ = true;
      if (message.executed != executed_) return abort_alone(lost(message.executed, executed_), out);
      prepared_.coordinator_durable = event.coordinator_durable;
      prepared_.protocol = message.protocol;
      prepared_.members = std::move(message.members);
      deadline_ = now + message.time_left;
      next_wake_ = deadline_;
      state_ = State::kExecuting;
      results_.clear();
      out.job = BranchJob::kFinish;
      return;
    case State::kPrepared:
      return vote(out, Vote::kCommit);
    case State::kReadOnly:
      return vote(out, Vote::kReadOnly);
    case State::kAborted:
      return vote(out, Vote::kAbort);
    case State::kExecuting:  // finishing; or an EXECUTE overtaken, whose PREPARE will be repeated
    case State::kPreparing:
    case State::kCommitting:
    case State::kCommitted:
    case State::kForgotten:
      return;
  }
}

}  // namespace troth::protocol
