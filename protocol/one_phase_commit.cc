#include "protocol/one_phase_commit.h"

#include <algorithm>

#include "base/assert.h"

namespace troth::protocol {

std::string_view to_string(OnePhaseCommit::State state) {
  switch (state) {
    case OnePhaseCommit::State::kWaiting:
      return "one_phase";
    case OnePhaseCommit::State::kUncertain:
      return "uncertain";
    case OnePhaseCommit::State::kEnded:
      return "ended";
  }
  return "?";
}

OnePhaseCommit::OnePhaseCommit(Setup setup) : setup_(std::move(setup)) {}

EffectsOf<TransactionOutcome> OnePhaseCommit::step(const Event& event, MonotonicTime now) {
  EffectsOf<TransactionOutcome> out;
  if (state_ == State::kEnded) return out;
  if (const auto* result = std::get_if<ResultArrived>(&event)) {
    on_result(*result, out);
  } else if (const auto* tick = std::get_if<Tick>(&event)) {
    on_tick(*tick, out, now);
  } else {
    repeat(out, now);
  }
  TROTH_ASSERT((state_ == State::kEnded) == !next_wake_.has_value(),
               "gtid {} state {} and its timer disagree", gtid(), to_string(state_));
  return out;
}

void OnePhaseCommit::repeat(EffectsOf<TransactionOutcome>& out, MonotonicTime now) {
  ++attempts_;
  const MonotonicTime next = now + backoff(setup_.resend, attempts_, gtid());
  if (state_ == State::kWaiting) {
    CommitOnePhase request = setup_.request;
    request.time_left = std::max(Duration{0}, setup_.deadline - now);
    out.send(setup_.participant, std::move(request));
    next_wake_ = std::min(next, setup_.deadline);
  } else {
    out.send(setup_.participant, InquireOnePhase{gtid()});
    next_wake_ = next;
  }
}

void OnePhaseCommit::on_result(const ResultArrived& event, EffectsOf<TransactionOutcome>& out) {
  if (event.from != setup_.participant) {
    out.alarm = fmt::format("{} answered for {}, which belongs to {}", event.from, gtid(),
                            setup_.participant);
    return;
  }
  const auto& result = event.result;
  if (result.outcome == Outcome::kPending || result.outcome == Outcome::kInDoubt)
    return;  // still executing there
  TransactionOutcome answer;
  answer.gtid = result.first_gtid.is_nil() ? gtid() : result.first_gtid;
  answer.outcome = result.outcome;
  answer.reason = result.reason;
  answer.replayed = answer.gtid != gtid();
  if (result.outcome == Outcome::kCommitted && !answer.replayed)
    answer.results.push_back({setup_.participant, result.results});
  if (result.outcome == Outcome::kAborted && answer.reason.participant.empty())
    answer.reason.participant = event.from;
  out.answer = std::move(answer);
  state_ = State::kEnded;
  next_wake_.reset();
}

void OnePhaseCommit::on_tick(const Tick& event, EffectsOf<TransactionOutcome>& out,
                             MonotonicTime now) {
  if (state_ == State::kWaiting && now >= setup_.deadline) {
    // The participant may have committed; only it can tell. A timeout means "unknown", never "no".
    TransactionOutcome answer;
    answer.gtid = gtid();
    answer.outcome = Outcome::kInDoubt;
    answer.reason = {event.unreachable ? AbortCode::kUnreachable : AbortCode::kTimeout,
                     fmt::format("{} has not answered; it may have committed and is being asked",
                                 setup_.participant),
                     setup_.participant, -1};
    out.answer = std::move(answer);
    state_ = State::kUncertain;
    attempts_ = 0;
  }
  if (!next_wake_ || now >= *next_wake_) repeat(out, now);
}

}  // namespace troth::protocol
