#include "protocol/one_phase_commit.h"

#include <algorithm>

#include "base/assert.h"
#include "base/overloaded.h"

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
  std::visit(Overloaded{
                 [&](const Start& e) { repeat(e.unreachable, out, now); },
                 [&](const ResultArrived& e) { on_result(e, out); },
                 [&](const Tick& e) { on_tick(e, out, now); },
                 [&](const RetryNow& e) { repeat(e.unreachable, out, now); },
             },
             event);
  TROTH_ASSERT((state_ == State::kEnded) == !next_wake_.has_value(),
               "gtid {} state {} and its timer disagree", gtid(), to_string(state_));
  return out;
}

void OnePhaseCommit::repeat(bool unreachable, EffectsOf<TransactionOutcome>& out,
                            MonotonicTime now) {
  ++attempts_;
  next_wake_ = now + backoff(setup_.resend, attempts_, gtid());
  if (state_ == State::kWaiting) {
    next_wake_ = std::min(*next_wake_, setup_.deadline);
    if (unreachable) return;
    sent_ = true;
    CommitOnePhase request = setup_.request;
    request.time_left = participants_share(setup_.deadline - now);
    out.send(setup_.participant, std::move(request));
  } else {
    if (!doubted_) next_wake_ = std::min(*next_wake_, setup_.deadline + setup_.grace);
    out.send(setup_.participant, InquireOnePhase{gtid(), setup_.named_epoch});
  }
}

void OnePhaseCommit::on_result(const ResultArrived& event, EffectsOf<TransactionOutcome>& out) {
  if (event.from != setup_.participant) {
    out.alarm = fmt::format("{} answered for {}, which belongs to {}", event.from, gtid(),
                            setup_.participant);
    return;
  }
  const auto& result = event.result;
  if (!result.forgotten &&
      (result.outcome == Outcome::kPending || result.outcome == Outcome::kInDoubt))
    return;  // still executing there
  TransactionOutcome answer;
  answer.gtid = result.first_gtid.is_nil() ? gtid() : result.first_gtid;
  answer.outcome = result.forgotten ? Outcome::kInDoubt : result.outcome;
  answer.reason = result.reason;
  answer.replayed = answer.gtid != gtid();
  answer.applied = result.outcome == Outcome::kCommitted && result.applied;
  if (result.outcome == Outcome::kCommitted && !answer.replayed)
    answer.results.push_back({setup_.participant, result.results});
  if (result.outcome == Outcome::kAborted && answer.reason.participant.empty())
    answer.reason.participant = event.from;
  if (result.outcome == Outcome::kAborted && result.reason.code == AbortCode::kTombstone &&
      first_of_its_key_unknown())
    answer.outcome = Outcome::kInDoubt;
  if (!result.forgotten || !doubted_) out.answer = std::move(answer);
  state_ = State::kEnded;
  next_wake_.reset();
}

void OnePhaseCommit::on_tick(const Tick& event, EffectsOf<TransactionOutcome>& out,
                             MonotonicTime now) {
  if (state_ == State::kWaiting && now >= setup_.deadline) on_deadline(event.unreachable, out, now);
  if (state_ == State::kEnded) return;
  if (state_ == State::kUncertain && !doubted_ &&
      (event.unreachable || now >= setup_.deadline + setup_.grace))
    doubt(event.unreachable, out);
  if (!next_wake_ || now >= *next_wake_) repeat(event.unreachable, out, now);
}

void OnePhaseCommit::on_deadline(bool unreachable, EffectsOf<TransactionOutcome>& out,
                                 MonotonicTime now) {
  if (may_have_committed()) {
    state_ = State::kUncertain;
    attempts_ = 0;
    next_wake_ = now;
    return;
  }
  TransactionOutcome answer;
  answer.gtid = gtid();
  answer.outcome = first_of_its_key_unknown() ? Outcome::kInDoubt : Outcome::kAborted;
  answer.reason = {
      sent_ && !unreachable ? AbortCode::kTimeout : AbortCode::kUnreachable,
      sent_ ? fmt::format("{} did not answer before the deadline; it only read", setup_.participant)
            : fmt::format("{} could not be reached before the deadline; nothing was sent to it",
                          setup_.participant),
      setup_.participant, -1};
  out.answer = std::move(answer);
  state_ = State::kEnded;
  next_wake_.reset();
}

// The participant may have committed; only it can tell. A timeout means "unknown", never "no".
void OnePhaseCommit::doubt(bool unreachable, EffectsOf<TransactionOutcome>& out) {
  TransactionOutcome answer;
  answer.gtid = gtid();
  answer.outcome = Outcome::kInDoubt;
  answer.reason = {unreachable ? AbortCode::kUnreachable : AbortCode::kTimeout,
                   fmt::format("{} has not answered; it may have committed and is being asked",
                               setup_.participant),
                   setup_.participant, -1};
  out.answer = std::move(answer);
  doubted_ = true;
}

}  // namespace troth::protocol
