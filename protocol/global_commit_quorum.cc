// The coordinator of a three-phase transaction, once every vote is yes: one member of the quorum.
// What the quorum decides is carried out like a decision of its own.
#include <algorithm>

#include "base/assert.h"
#include "base/overloaded.h"
#include "protocol/global_commit.h"

namespace troth::protocol {

namespace {

QuorumBallot::Setup quorum_setup(const GlobalCommit::Setup& setup) {
  QuorumBallot::Setup out;
  out.gtid = setup.gtid;
  out.self = setup.quorum->coordinator.name;
  out.members.push_back(setup.quorum->coordinator);
  out.members.insert(out.members.end(), setup.members.begin(), setup.members.end());
  out.ack_at = setup.answer_at;
  out.suspicion = setup.quorum->suspicion;
  return out;
}

}  // namespace

GlobalCommit GlobalCommit::recovered(const PrecommittedRecord& record, QuorumPosition position,
                                     NodeName self, RetryPolicy resend, SuspicionPolicy suspicion,
                                     MonotonicTime now) {
  auto setup = Setup::of(record.commit);
  setup.quorum = Quorum{{}, suspicion};
  const auto own = std::find_if(setup.members.begin(), setup.members.end(),
                                [&](const Member& member) { return member.name == self; });
  TROTH_ASSERT(own != setup.members.end(), "gtid {}: {} is no member", setup.gtid, self);
  setup.quorum->coordinator = std::move(*own);
  setup.members.erase(own);
  setup.resend = resend;
  setup.protocol = CommitProtocol::kThreePhase;
  GlobalCommit machine(std::move(setup));
  machine.recovered_ = true;
  machine.state_ = State::kPrecommitting;
  for (const auto& member : machine.setup_.members)
    machine.tally_.count(member.name, Vote::kCommit, {});
  machine.quorum_ = QuorumBallot::recovered(quorum_setup(machine.setup_), std::move(position), now);
  machine.doubt_at_ = now + 2 * suspicion.timeout;
  machine.next_wake_ = machine.quorum_->next_wake();
  return machine;
}

PrecommittedRecord GlobalCommit::Setup::precommitted_record() const {
  return {{1, quorum->coordinator.name}, commit_record(quorum_setup(*this).members)};
}

// From here on neither a timeout nor a cancel can abort it: a ballot with a majority decides.
void GlobalCommit::precommit(CommitEffects& out, MonotonicTime now) {
  state_ = State::kPrecommitting;
  out.results = &results_;
  quorum_.emplace(quorum_setup(setup_), now);
  doubt_at_ = std::max(setup_.deadline, now + 2 * setup_.quorum->suspicion.timeout);
  step_quorum(QuorumBallot::Lead{setup_.precommitted_record()}, out, now);
}

void GlobalCommit::step_quorum(const QuorumBallot::Event& event, CommitEffects& out,
                               MonotonicTime now) {
  auto effects = quorum_->step(event, now);
  for (auto& message : effects.now) out.now.push_back(std::move(message));
  for (auto& message : effects.promises) out.promises.push_back(std::move(message));
  if (effects.append) out.append = std::move(effects.append);
  if (effects.alarm) out.alarm = std::move(effects.alarm);
  if (effects.answer) return adopt(*effects.answer, true, out, now);
  if (state_ != State::kPrecommitting) return;
  next_wake_ = quorum_->next_wake();
  if (doubt_at_) next_wake_ = std::min(*next_wake_, *doubt_at_);
}

/// `told`: this node led the ballot, and COMMIT or ABORT is on its way to every member.
void GlobalCommit::adopt(Decision decision, bool told, CommitEffects& out, MonotonicTime now) {
  TROTH_ASSERT(state_ == State::kPrecommitting && !out.append, "gtid {} adopts in state {}", gtid(),
               to_string(state_));
  if (!quorum_->decided()) quorum_->step(QuorumBallot::Decided{decision}, now);
  const AbortReason reason{
      AbortCode::kTimeout, "a majority of its members ended it without the coordinator", {}, -1};
  out.append = Record(
      DecidedRecord{gtid(), decision, decision == Decision::kAbort ? reason : AbortReason{}});
  if (decision == Decision::kAbort) {
    out.answer = outcome(Outcome::kAborted);
    out.answer->reason = reason;
    state_ = State::kEnded;  // a member that missed it asks, and gets a presumed abort
    next_wake_.reset();
    return;
  }
  state_ = State::kCommitting;
  for (const auto& member : setup_.members) unacked_.push_back(member.name);
  if (setup_.answer_at == AnswerAt::kDecided) out.answer = outcome(Outcome::kCommitted);
  resend_.attempts = 1;
  if (!told)
    for (const auto& name : unacked_) out.promise(name, setup_.decide(Decision::kCommit));
  resend_.schedule(setup_, now);
  wake_to_deliver();
}

// Nobody may guess: without a majority the honest answer is "ask later".
void GlobalCommit::doubt_if_due(CommitEffects& out, MonotonicTime now) {
  if (!doubt_at_ || now < *doubt_at_) return;
  doubt_at_.reset();
  out.answer = outcome(Outcome::kInDoubt);
  out.answer->reason = {AbortCode::kTimeout, "no majority of its members has answered yet", {}, -1};
}

void GlobalCommit::on_ballot(const BallotArrived& event, CommitEffects& out, MonotonicTime now) {
  if (quorum_) return step_quorum(QuorumBallot::Arrived{event.from, event.message}, out, now);
  // Votes are missing still. Who asks has waited long, but this node is alive and will decide.
  if (undecided() && (std::holds_alternative<Elect>(event.message) ||
                      std::holds_alternative<PreDecide>(event.message)))
    out.send(event.from, InquiryReply{gtid(), InquiryReply::Answer::kUndecided});
}

void GlobalCommit::on_decide(const DecideArrived& event, CommitEffects& out, MonotonicTime now) {
  const auto decision = event.decide.decision;
  if (state_ == State::kPrecommitting) return adopt(decision, false, out, now);
  const bool committed = state_ == State::kDeciding || state_ == State::kCommitting;
  if (committed == (decision == Decision::kCommit) && !undecided()) return;
  if (undecided() && decision == Decision::kAbort) {
    auto reason = event.decide.reason;
    if (reason.code == AbortCode::kNone)
      reason = {AbortCode::kTimeout, "its members ended it without the coordinator", event.from,
                -1};
    return abort(std::move(reason), out);
  }
  out.alarm = fmt::format("{} says {} of {}, which is {} here", event.from, to_string(decision),
                          gtid(), to_string(state_));
}

}  // namespace troth::protocol
