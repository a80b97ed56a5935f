#include "protocol/global_commit.h"

#include <algorithm>

#include "base/assert.h"
#include "base/overloaded.h"

namespace troth::protocol {

namespace {

std::vector<NodeName> names_of(const std::vector<Member>& members) {
  std::vector<NodeName> out;
  out.reserve(members.size());
  for (const auto& member : members) out.push_back(member.name);
  return out;
}

std::string joined(const std::vector<NodeName>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name.text();
  return out;
}

bool contains(const std::vector<NodeName>& names, const NodeName& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What a writer has locked is in its PREPARED record. The locks of a reader live in its memory: it
// may have restarted since it voted, and another coordinator's transaction may have changed what it
// had read while other branches of this one were still to execute. Two-phase locking needs one
// moment at which everything is locked, which is now, and only the reader itself can tell. Branches
// that executed piece by piece had such a moment before their first PREPARE was sent, and voted in
// the incarnation that executed.
bool locks_need_confirmation(const GlobalCommit::Setup& setup) {
  return std::any_of(setup.branches.begin(), setup.branches.end(),
                     [](const BranchRequest& branch) { return branch.executed == 0; });
}

}  // namespace

std::string_view to_string(GlobalCommit::State state) {
  switch (state) {
    case GlobalCommit::State::kPreparing:
      return "preparing";
    case GlobalCommit::State::kReleasing:
      return "releasing";
    case GlobalCommit::State::kDeciding:
      return "deciding";
    case GlobalCommit::State::kPrecommitting:
      return "precommitting";
    case GlobalCommit::State::kCommitting:
      return "committing";
    case GlobalCommit::State::kAborting:
      return "aborting";
    case GlobalCommit::State::kEnded:
      return "ended";
  }
  return "?";
}

GlobalCommit::GlobalCommit(Setup&& setup) : setup_(std::move(setup)), tally_(setup_.members) {
  TROTH_ASSERT(setup_.protocol != CommitProtocol::kThreePhase || setup_.quorum,
               "gtid {} has no quorum", gtid());
}

GlobalCommit::Setup GlobalCommit::Setup::of(const CommitRecord& record) {
  Setup setup;
  setup.gtid = record.gtid;
  setup.members = record.members;
  setup.answer_at = record.ack_at;
  setup.idempotency_key = record.idempotency_key;
  setup.body_digest = record.body_digest;
  setup.submitted = record.decided;
  setup.comment = record.comment;
  setup.traceparent = record.traceparent;
  setup.earlier = record.earlier;
  return setup;
}

CommitRecord GlobalCommit::Setup::commit_record(std::vector<Member> owed) const {
  CommitRecord record;
  record.gtid = gtid;
  record.members = std::move(owed);
  record.ack_at = answer_at;
  record.idempotency_key = idempotency_key;
  record.body_digest = body_digest;
  record.decided = submitted;
  record.comment = comment;
  record.traceparent = traceparent;
  record.earlier = earlier;
  return record;
}

CommitRecord unended_record(const GlobalCommit& machine) {
  std::vector<Member> owed;
  owed.reserve(machine.unacked().size());
  for (const auto& member : machine.setup().members)
    if (contains(machine.unacked(), member.name)) owed.push_back(member);
  return machine.setup().commit_record(std::move(owed));
}

GlobalCommit GlobalCommit::recovered(const CommitRecord& record, RetryPolicy resend,
                                     MonotonicTime now) {
  auto setup = Setup::of(record);
  setup.resend = resend;
  GlobalCommit machine(std::move(setup));
  machine.recovered_ = true;
  machine.state_ = State::kCommitting;
  machine.unacked_ = names_of(record.members);
  for (const auto& name : machine.unacked_) machine.tally_.count(name, Vote::kCommit, {});
  machine.resend_.next = now;
  machine.next_wake_ = now;  // the first Tick sends COMMIT again, at once
  return machine;
}

CommitEffects GlobalCommit::step(Event&& event, MonotonicTime now) {
  CommitEffects out;
  std::visit(Overloaded{
                 [&](const Start&) {
                   TROTH_ASSERT(state_ == State::kPreparing && resend_.attempts == 0,
                                "gtid {} state {}", gtid(), to_string(state_));
                   send_prepares(out, now);
                 },
                 [&](VoteArrived& e) { on_vote(e, out, now); },
                 [&](const ReleasedArrived& e) { on_released(e, out); },
                 [&](const AckArrived& e) { on_ack(e, out, now); },
                 [&](const Inquired& e) { on_inquiry(e, out); },
                 [&](const RecordDurable&) { on_durable(out, now); },
                 [&](const Tick& e) { on_tick(e, out, now); },
                 [&](const Cancel& e) {
                   if (undecided()) abort(e.reason, out);
                 },
                 [&](const MemberRestarted& e) { on_member_restarted(e, out); },
                 [&](const RetryNow&) { on_retry(out, now); },
                 [&](const BallotArrived& e) { on_ballot(e, out, now); },
                 [&](const DecideArrived& e) { on_decide(e, out, now); },
                 [&](const GivenUp& e) {
                   // Only what is decided can be given up: before that, a deadline or a quorum ends it.
                   if (state_ != State::kCommitting) return;
                   given_up_ = true;
                   no_longer_owed_by(e.participant, out);
                 },
             },
             event);
  assert_invariants();
  return out;
}

// To the participants that have not voted.
void GlobalCommit::send_prepares(CommitEffects& out, MonotonicTime now) {
  ++resend_.attempts;
  out.prepares.reserve(setup_.branches.size());
  const auto time_left = participants_share(setup_.deadline - now);
  for (const auto& branch : setup_.branches)
    if (!tally_.has_voted(branch.participant))
      out.prepares.push_back(
          {branch.participant,
           {setup_.gtid, setup_.protocol, setup_.priority, time_left, branch.statements,
            setup_.members, setup_.traceparent, branch.executed}});
  resend_.schedule(setup_, now);
  next_wake_ = std::min(resend_.next, setup_.deadline);
}

void GlobalCommit::on_vote(VoteArrived& event, CommitEffects& out, MonotonicTime now) {
  if (state_ == State::kAborting || state_ == State::kEnded) {
    if (state_ == State::kAborting && event.vote.vote == Vote::kCommit)
      out.promise(
          event.from,
          setup_.decide(Decision::kAbort, {AbortCode::kPresumedAbort, "already aborted", {}, -1}));
    return;
  }
  const auto counted = tally_.count(event.from, event.vote.vote, event.vote.voter.epoch);
  if (counted == VoteTally::Counted::kDuplicate) return;
  // A COMMIT record names only the writers: after a restart a late read-only vote comes from nobody
  // it knows.
  if (counted == VoteTally::Counted::kStranger && recovered_) return;
  // It voted yes, and has aborted since: another member refused to vote, or a majority ended it.
  if (counted == VoteTally::Counted::kChanged && event.vote.vote == Vote::kAbort) {
    if (undecided()) return abort(event.vote.reason, out);
    if (state_ == State::kPrecommitting) return adopt(Decision::kAbort, false, out, now);
  }
  if (counted != VoteTally::Counted::kNew) {
    out.alarm = fmt::format(
        "{} {} the vote {} for {}", event.from,
        counted == VoteTally::Counted::kChanged ? "changed its vote to" : "is no member but sent",
        to_string(event.vote.vote), gtid());
    return;
  }
  TROTH_ASSERT(state_ == State::kPreparing, "gtid {} took a new vote in state {}", gtid(),
               to_string(state_));
  if (event.vote.vote == Vote::kAbort) {
    auto reason = std::move(event.vote.reason);
    reason.participant = event.from;
    return abort(std::move(reason), out);
  }
  if (results_.empty()) {
    results_.reserve(setup_.branches.size());
    for (const auto& branch : setup_.branches) results_.push_back({branch.participant, {}});
  }
  for (std::size_t i = 0; i < setup_.branches.size(); ++i) {
    if (setup_.branches[i].participant != event.from) continue;
    // An interactive branch does not survive a restart, nor do its read locks.
    if (setup_.branches[i].executed > 0 && event.vote.voter.epoch != setup_.members[i].epoch)
      return abort({AbortCode::kStaleEpoch, "restarted since it executed", event.from, -1}, out);
    // A voter that restarted after PREPARED still votes yes but has lost the rows it must return.
    // Nothing is decided yet, so the safe answer is to abort and let the client retry.
    if (event.vote.results.size() != setup_.branches[i].statements.size())
      return abort(
          {AbortCode::kStaleEpoch, "restarted between its prepare and its vote", event.from, -1},
          out);
    results_[i].results = std::move(event.vote.results);
  }
  if (!tally_.all_in()) return;
  // No PREPARE is sent again. Texts stay for status views.
  for (auto& branch : setup_.branches)
    for (auto& statement : branch.statements) std::vector<Value>().swap(statement.params);
  if (setup_.protocol == CommitProtocol::kThreePhase) return precommit(out, now);
  release(out, now);
}

void GlobalCommit::release(CommitEffects& out, MonotonicTime now) {
  // Every branch has executed: nobody acquires locks any more, so readers may let theirs go.
  unacked_ = tally_.voted(Vote::kReadOnly);
  if (!unacked_.empty() && locks_need_confirmation(setup_)) {
    state_ = State::kReleasing;
    resend_.attempts = 0;
    return send_releases(out, now);
  }
  for (const auto& reader : unacked_) out.send(reader, Release{setup_.gtid});
  decide_commit(out);
}

void GlobalCommit::send_releases(CommitEffects& out, MonotonicTime now) {
  ++resend_.attempts;
  for (const auto& reader : unacked_) out.send(reader, Release{setup_.gtid});
  resend_.schedule(setup_, now);
  next_wake_ = std::min(resend_.next, setup_.deadline);
}

void GlobalCommit::on_released(const ReleasedArrived& event, CommitEffects& out) {
  if (state_ != State::kReleasing || !contains(unacked_, event.from)) return;
  if (event.epoch != tally_.epoch_of(event.from))
    return abort({AbortCode::kStaleEpoch, "restarted after its vote", event.from, -1}, out);
  std::erase(unacked_, event.from);
  if (unacked_.empty()) decide_commit(out);
}

void GlobalCommit::decide_commit(CommitEffects& out) {
  unacked_ = tally_.voted(Vote::kCommit);
  if (unacked_.empty()) {
    out.answer = outcome(Outcome::kCommitted);
    out.answer->applied = true;  // nothing was written
    return end(out);
  }
  out.append.emplace(unended_record(*this));
  out.results = &results_;
  // That it is durable = THE COMMIT POINT; from here on nothing may abort it.
  if (setup_.answer_at == AnswerAt::kDecided) out.answer = outcome(Outcome::kCommitted);
  out.promises.reserve(unacked_.size());
  for (const auto& writer : unacked_) out.promise(writer, setup_.decide(Decision::kCommit));
  state_ = State::kDeciding;
  resend_.attempts = 0;
  next_wake_.reset();
}

void GlobalCommit::on_durable(CommitEffects& out, MonotonicTime now) {
  if (quorum_) return step_quorum(QuorumBallot::RecordDurable{}, out, now);
  switch (state_) {
    case State::kDeciding:
      state_ = State::kCommitting;
      resend_.attempts = 1;  // the COMMIT messages that waited for this record leave now
      resend_.schedule(setup_, now);
      return wake_to_deliver();
    case State::kAborting:
      return end(out);
    case State::kPreparing:
    case State::kReleasing:
    case State::kPrecommitting:
    case State::kCommitting:
    case State::kEnded:
      return;
  }
}

void GlobalCommit::on_ack(const AckArrived& event, CommitEffects& out, MonotonicTime now) {
  // The members have ended it among themselves and one of them holds COMMITTED durably.
  if (state_ == State::kPrecommitting) adopt(Decision::kCommit, false, out, now);
  if (state_ != State::kCommitting) {
    if (state_ != State::kEnded)
      out.alarm =
          fmt::format("{} acknowledged {} in state {}", event.from, gtid(), to_string(state_));
    return;
  }
  no_longer_owed_by(event.from, out);
}

void GlobalCommit::no_longer_owed_by(const NodeName& writer, CommitEffects& out) {
  std::erase(unacked_, writer);
  if (!unacked_.empty()) return;
  if (setup_.answer_at == AnswerAt::kApplied && !told_before_applied_ && (!recovered_ || quorum_)) {
    out.answer = outcome(Outcome::kCommitted);
    out.answer->applied = !given_up_;
  }
  out.append = Record(EndRecord{setup_.gtid});
  end(out);
}

void GlobalCommit::on_inquiry(const Inquired& event, CommitEffects& out) {
  switch (state_) {
    case State::kPreparing:
    case State::kReleasing:
    case State::kDeciding:
    case State::kPrecommitting:
      return out.send(event.from, InquiryReply{setup_.gtid, InquiryReply::Answer::kUndecided});
    case State::kCommitting:
      return out.promise(event.from, setup_.decide(Decision::kCommit));
    case State::kAborting:
    case State::kEnded:
      return;
  }
}

void GlobalCommit::on_tick(const Tick& event, CommitEffects& out, MonotonicTime now) {
  if (undecided() && now >= setup_.deadline) {
    const auto missing = waiting_for();
    const bool cut_off = std::any_of(missing.begin(), missing.end(), [&](const NodeName& n) {
      return contains(event.unreachable, n);
    });
    AbortReason reason;
    reason.code = cut_off ? AbortCode::kUnreachable : AbortCode::kTimeout;
    reason.detail = fmt::format("no {} from {} before the deadline{}",
                                state_ == State::kPreparing ? "vote" : "RELEASED", joined(missing),
                                cut_off ? " (unreachable)" : "");
    if (missing.size() == 1) reason.participant = missing.front();
    return abort(std::move(reason), out);
  }
  if (state_ == State::kPrecommitting) {
    doubt_if_due(out, now);
    return step_quorum(QuorumBallot::Tick{}, out, now);
  }
  if (owes_applied_answer() && now >= setup_.deadline) {
    // COMMIT is durable. That a file does not hold it yet changes nothing about the decision.
    told_before_applied_ = true;
    out.answer = outcome(Outcome::kCommitted);
  }
  if (state_ == State::kCommitting) wake_to_deliver();
  if (next_wake_ && now >= resend_.next) on_retry(out, now);
}

bool GlobalCommit::owes_applied_answer() const {
  return state_ == State::kCommitting && setup_.answer_at == AnswerAt::kApplied &&
         !told_before_applied_ && !recovered_;
}

void GlobalCommit::wake_to_deliver() {
  next_wake_ = owes_applied_answer() ? std::min(resend_.next, setup_.deadline) : resend_.next;
}

void GlobalCommit::on_retry(CommitEffects& out, MonotonicTime now) {
  switch (state_) {
    case State::kPreparing:
      return send_prepares(out, now);
    case State::kReleasing:
      return send_releases(out, now);
    case State::kCommitting:
      ++resend_.attempts;
      for (const auto& writer : unacked_) out.promise(writer, setup_.decide(Decision::kCommit));
      resend_.schedule(setup_, now);
      return wake_to_deliver();
    case State::kPrecommitting:
      return step_quorum(QuorumBallot::Suspect{}, out, now);
    case State::kDeciding:
    case State::kAborting:
    case State::kEnded:
      return;
  }
}

void GlobalCommit::on_member_restarted(const MemberRestarted& event, CommitEffects& out) {
  if (!undecided() || tally_.epoch_of(event.member) >= event.epoch) return;
  // A reader's locks died with it: it will never confirm them. Of a writer nothing was lost.
  const auto readers = state_ == State::kReleasing ? unacked_ : tally_.voted(Vote::kReadOnly);
  if (!contains(readers, event.member)) return;
  abort({AbortCode::kStaleEpoch, "restarted after its vote while others had not voted yet",
         event.member, -1},
        out);
}

void GlobalCommit::abort(AbortReason reason, CommitEffects& out) {
  TROTH_ASSERT(undecided(), "gtid {} aborts in state {}", gtid(), to_string(state_));
  const auto refused = tally_.voted(Vote::kAbort);
  for (const auto& member : setup_.members)
    if (!contains(refused, member.name))
      out.promise(member.name, setup_.decide(Decision::kAbort, reason));
  auto answer = outcome(Outcome::kAborted);
  answer.reason = reason;
  out.answer = std::move(answer);
  AbortRecord record;
  record.gtid = setup_.gtid;
  record.reason = std::move(reason);
  // What only a passing failure aborted may be tried again under the same key.
  if (!is_retryable(record.reason.code)) {
    record.idempotency_key = setup_.idempotency_key;
    record.body_digest = setup_.body_digest;
  }
  record.decided = setup_.submitted;
  const Record appended(std::move(record));
  const bool forced = force_of(appended) == Force::kYes;
  out.append = appended;
  next_wake_.reset();
  if (forced) {
    state_ = State::kAborting;
  } else {
    state_ = State::kEnded;  // presumed abort: no record and no ack is needed to stay right
  }
}

void GlobalCommit::end(CommitEffects&) {
  state_ = State::kEnded;
  next_wake_.reset();
}

// Called once: the results move to the client and are not kept.
TransactionOutcome GlobalCommit::outcome(Outcome value) {
  TransactionOutcome answer;
  answer.gtid = setup_.gtid;
  answer.outcome = value;
  if (value == Outcome::kCommitted) answer.results = std::move(results_);
  answer.replayed = recovered_ && quorum_ && !setup_.idempotency_key.empty();
  return answer;
}

std::vector<NodeName> GlobalCommit::waiting_for() const {
  switch (state_) {
    case State::kPreparing:
      return tally_.missing();
    case State::kPrecommitting:
      return quorum_->silent();
    case State::kReleasing:
    case State::kDeciding:
    case State::kCommitting:
      return unacked_;
    case State::kAborting:
    case State::kEnded:
      return {};
  }
  return {};
}

void GlobalCommit::assert_invariants() const {
  switch (state_) {
    case State::kPreparing:
      TROTH_ASSERT(!tally_.any_abort() && !tally_.all_in(),
                   "gtid {} preparing with all votes or a NO", gtid());
      TROTH_ASSERT(next_wake_.has_value(), "gtid {} prepares without a timer", gtid());
      return;
    case State::kReleasing:
      TROTH_ASSERT(tally_.all_in() && !tally_.any_abort() && !unacked_.empty() && next_wake_,
                   "gtid {} waits for readers without unanimity, readers or a timer", gtid());
      return;
    case State::kDeciding:
      TROTH_ASSERT(tally_.all_in() && !tally_.any_abort() && !unacked_.empty(),
                   "gtid {} decides without unanimity", gtid());
      TROTH_ASSERT(!next_wake_.has_value(), "gtid {} has a timer while its record is on its way",
                   gtid());
      return;
    case State::kPrecommitting:
      TROTH_ASSERT(quorum_ && !quorum_->decided() && next_wake_,
                   "gtid {} waits for a quorum that has decided, or without a timer", gtid());
      return;
    case State::kCommitting:
      TROTH_ASSERT(!unacked_.empty() && next_wake_.has_value(),
                   "gtid {} commits with nobody left or no timer", gtid());
      TROTH_ASSERT(!tally_.any_abort(), "gtid {} commits against a NO", gtid());
      return;
    case State::kAborting:
      TROTH_ASSERT(!setup_.idempotency_key.empty(),
                   "gtid {} waits for an abort record nobody needs", gtid());
      return;
    case State::kEnded:
      TROTH_ASSERT(!next_wake_.has_value(), "gtid {} ended with a timer", gtid());
      return;
  }
}

}  // namespace troth::protocol
