// A branch that executes piece by piece before it prepares. It exists in memory only. A restart
// loses it, and later messages about it must be refused, never begun again.
#include <algorithm>

#include "protocol/branch.h"

namespace troth::protocol {

void Branch::on_execute(ExecuteArrived& event, BranchEffects& out, MonotonicTime now) {
  auto& message = event.message;
  prepared_.coordinator = std::move(event.coordinator);
  if (!started_) {
    started_ = true;
    pieces_.begin();
    prepared_.coordinator_durable = event.coordinator_durable;
    prepared_.priority = message.priority;
    prepared_.traceparent = std::move(message.traceparent);
    if (message.number != 1) return abort_alone(pieces_.lost(message.number - 1), out);
    state_ = State::kOpen;
  }
  const auto number = pieces_.executed();
  if (state_ == State::kAborted) return answers_.executed(number, Outcome::kAborted, view(), out);
  if (!interactive() || message.number < number) return;  // late
  switch (state_) {
    case State::kOpen:
      if (message.number == number)
        return answers_.executed(number, Outcome::kPending, view(), out);
      if (!pieces_.is_next(message.number))
        return abort_alone(pieces_.lost(message.number - 1), out);
      pieces_.take_next();
      state_ = State::kExecuting;
      deadline_ = now + message.time_left;
      next_wake_ = deadline_;
      answers_.drop_results();
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

void Branch::on_executed_piece(ExecutionEnded& event, BranchEffects& out, MonotonicTime now) {
  if (event.vote == Vote::kAbort) return abort_alone(std::move(event.reason), out);
  state_ = State::kOpen;
  inquiries_.restart();
  next_wake_ = std::min(*deadline_, inquiries_.next_while_open(view(), now));
  answers_.keep(std::move(event.results));
  answers_.executed(pieces_.executed(), Outcome::kPending, view(), out);
}

void Branch::on_tick_open(BranchEffects& out, MonotonicTime now) {
  if (now >= *deadline_)
    return abort_alone({AbortCode::kTimeout, "its deadline passed before it was committed", {}, -1},
                       out);
  inquiries_.ask(view(), out);
  next_wake_ = std::min(*deadline_, inquiries_.next_while_open(view(), now));
}

void Branch::on_prepare_interactive(PrepareArrived& event, BranchEffects& out, MonotonicTime now) {
  auto& message = event.message;
  if (!started_) {  // nothing of it is here: that is a NO, never an empty branch
    started_ = true;
    pieces_.finish();
    return abort_alone(pieces_.lost(message.executed), out);
  }
  switch (state_) {
    case State::kOpen:
      pieces_.finish();
      if (message.executed != pieces_.executed())
        return abort_alone(pieces_.lost(message.executed), out);
      prepared_.coordinator_durable = event.coordinator_durable;
      prepared_.protocol = message.protocol;
      prepared_.members = std::move(message.members);
      deadline_ = now + message.time_left;
      next_wake_ = deadline_;
      state_ = State::kExecuting;
      answers_.drop_results();
      out.job = BranchJob::kFinish;
      return;
    case State::kPrepared:
      return answers_.vote(Vote::kCommit, view(), out);
    case State::kReadOnly:
      return answers_.vote(Vote::kReadOnly, view(), out);
    case State::kAborted:
      return answers_.vote(Vote::kAbort, view(), out);
    case State::kExecuting:  // finishing; or an EXECUTE overtaken, whose PREPARE will be repeated
    case State::kPreparing:
    case State::kCommitting:
    case State::kCommitted:
    case State::kForgotten:
      return;
  }
}

}  // namespace troth::protocol
