#include "protocol/branch.h"

#include "base/assert.h"

namespace troth::protocol {

std::string_view to_string(Branch::State state) {
  switch (state) {
    case Branch::State::kExecuting:
      return "executing";
    case Branch::State::kOpen:
      return "open";
    case Branch::State::kPreparing:
      return "preparing";
    case Branch::State::kPrepared:
      return "prepared";
    case Branch::State::kReadOnly:
      return "read_only";
    case Branch::State::kCommitting:
      return "committing";
    case Branch::State::kCommitted:
      return "committed";
    case Branch::State::kAborted:
      return "aborted";
    case Branch::State::kForgotten:
      return "forgotten";
  }
  return "?";
}

Branch::Branch(const BranchSettings& settings, Gtid gtid, Kind kind)
    : settings_(settings), kind_(kind) {
  prepared_.gtid = gtid;
}

Branch Branch::local(const BranchSettings& settings, Gtid gtid,
                     std::optional<MonotonicTime> deadline) {
  Branch branch(settings, gtid, Kind::kLocal);
  branch.started_ = true;
  branch.deadline_ = deadline;
  branch.next_wake_ = deadline;
  branch.one_phase_.gtid = gtid;
  return branch;
}

Branch Branch::tombstone(const BranchSettings& settings, Gtid gtid, AbortReason reason,
                         bool durable) {
  Branch branch(settings, gtid,
                gtid.decider() == Decider::kParticipant ? Kind::kOnePhase : Kind::kTwoPhase);
  branch.started_ = true;
  branch.state_ = State::kAborted;
  branch.reason_ = std::move(reason);
  branch.refused_ = durable;
  return branch;
}

Branch Branch::recovered_prepared(const BranchSettings& settings, const PreparedRecord& record,
                                  MonotonicTime now) {
  Branch branch(settings, record.gtid, Kind::kTwoPhase);
  branch.started_ = true;
  branch.state_ = State::kPrepared;
  branch.prepared_ = record;
  branch.next_wake_ = now;  // in doubt from the first moment: ask at once
  return branch;
}

Branch Branch::recovered_committed(const BranchSettings& settings, Gtid gtid, Kind kind) {
  Branch branch(settings, gtid, kind);
  branch.started_ = true;
  branch.state_ = State::kCommitted;
  branch.file_flushed_ = true;  // replay has put it into the file before anything is served
  return branch;
}

BranchEffects Branch::step(Event&& event, MonotonicTime now) {
  BranchEffects out;
  std::visit([&](auto& e) { take(e, out, now); }, event);
  assert_invariants();
  return out;
}

void Branch::take(ReleaseArrived, BranchEffects& out, MonotonicTime) {
  on_release(out);
  if (state_ == State::kForgotten) out.send(prepared_.coordinator.name, Released{prepared_.gtid});
}

void Branch::take(Dropped& event, BranchEffects& out, MonotonicTime) {
  if (state_ == State::kExecuting || state_ == State::kOpen)
    abort_alone(std::move(event.reason), out);
}

void Branch::take(MemberReachable, BranchEffects& out, MonotonicTime) {
  if (asked_ && (state_ == State::kPrepared || state_ == State::kReadOnly)) asked_->ask(out);
}

void Branch::take(RetryNow, BranchEffects& out, MonotonicTime now) {
  if (state_ == State::kPrepared || state_ == State::kReadOnly) inquire(out, now);
}

void Branch::on_prepare(Prepared& event, BranchEffects& out, MonotonicTime now) {
  coordinator_guessed_ = false;
  prepared_.coordinator =
      std::move(event.coordinator);  // a restarted coordinator is still the one to ask
  if (interactive_ || event.message.executed > 0) return on_prepare_interactive(event, out, now);
  if (!started_) {
    started_ = true;
    prepared_.protocol = event.message.protocol;
    prepared_.coordinator_durable = event.coordinator_durable;
    prepared_.priority = event.message.priority;
    prepared_.members = std::move(event.message.members);
    prepared_.traceparent = std::move(event.message.traceparent);
    deadline_ = now + event.message.time_left;
    next_wake_ = deadline_;
    out.job = BranchJob::kExecute;
    return;
  }
  switch (state_) {  // a duplicate gets the same answer
    case State::kPrepared:
      return vote(out, Vote::kCommit);
    case State::kReadOnly:
      return vote(out, Vote::kReadOnly);
    case State::kAborted:
      return vote(out, Vote::kAbort);
    case State::kExecuting:
    case State::kOpen:
    case State::kPreparing:
    case State::kCommitting:
    case State::kCommitted:
    case State::kForgotten:
      return;
  }
}

void Branch::on_one_phase(OnePhase& event, BranchEffects& out, MonotonicTime now) {
  prepared_.coordinator.name = event.from;
  if (!started_) {
    started_ = true;
    prepared_.priority = event.message.priority;
    prepared_.traceparent = std::move(event.message.traceparent);
    deadline_ = now + event.message.time_left;
    next_wake_ = deadline_;
    ack_at_ = event.message.answer_at;
    one_phase_.gtid = prepared_.gtid;
    one_phase_.idempotency_key = std::move(event.message.idempotency_key);
    one_phase_.body_digest = std::move(event.message.body_digest);
    one_phase_.decided = event.now;
    one_phase_.key_retention = event.message.key_retention;
    out.job = BranchJob::kExecute;
    return;
  }
  // Asked for when the file holds it: on_file_flushed() answers.
  const bool early = ack_at_ == AnswerAt::kApplied && !file_flushed_;
  if (state_ == State::kAborted || (state_ == State::kCommitted && !early)) answer_one_phase(out);
}

void Branch::on_executed(Executed& event, BranchEffects& out, MonotonicTime now) {
  if (interactive() && state_ == State::kExecuting) return on_executed_piece(event, out, now);
  if (state_ != State::kExecuting) {  // it was aborted while the result was on its way
    if (event.vote != Vote::kAbort) out.job = BranchJob::kDiscard;
    return;
  }
  results_ = std::move(event.results);
  if (event.vote == Vote::kAbort) return abort_alone(std::move(event.reason), out);
  deadline_.reset();
  next_wake_.reset();
  if (kind_ == Kind::kTwoPhase) {
    if (event.vote == Vote::kReadOnly && prepared_.protocol != CommitProtocol::kThreePhase) {
      state_ = State::kReadOnly;
      next_wake_ =
          now + backoff(settings_.inquiry, 1, prepared_.gtid);  // when the RELEASE does not come
      return vote(out, Vote::kReadOnly);
    }
    prepared_.redo = std::move(event.redo);
    out.prepared = &prepared_;  // forced: the vote below waits for it
    state_ = State::kPreparing;
    return vote(out, Vote::kCommit);
  }
  if (event.vote ==
      Vote::kReadOnly) {  // one participant, nothing written: done, and nothing to remember
    state_ = State::kCommitted;
    file_flushed_ = true;
    out.job = BranchJob::kDiscard;
    return answer_one_phase(out);
  }
  one_phase_.redo = std::move(event.redo);
  // durable = the commit point of a one-phase transaction
  out.append.emplace(std::move(one_phase_));
  out.job = BranchJob::kApply;
  state_ = State::kCommitting;
  if (ack_at_ == AnswerAt::kDecided) answer_one_phase(out);
}

void Branch::on_durable(BranchEffects& out, MonotonicTime now) {
  switch (state_) {
    case State::kPreparing:
      state_ = State::kPrepared;
      attempts_ = 0;
      next_wake_ = next_inquiry(now);
      return;
    case State::kCommitting:
      state_ = State::kCommitted;
      if (file_flushed_ && ack_at_ == AnswerAt::kApplied) acknowledge(out);
      return;
    case State::kExecuting:
    case State::kOpen:
    case State::kPrepared:
    case State::kReadOnly:
    case State::kCommitted:
    case State::kAborted:
    case State::kForgotten:
      return;
  }
}

void Branch::on_decide(Decided& event, BranchEffects& out) {
  // After a restart COMMITTED names no coordinator; a member may be the first to say COMMIT, so
  // every sender is acked until the coordinator is among them.
  if (prepared_.coordinator.name.empty()) coordinator_guessed_ = true;
  if (coordinator_guessed_) prepared_.coordinator.name = event.from;
  switch (event.message.decision) {
    case Decision::kCommit:
      return on_decide_commit(event.message.ack_at, out);
    case Decision::kAbort:
      return on_decide_abort(std::move(event.message), out);
  }
}

void Branch::on_decide_commit(AnswerAt ack_at, BranchEffects& out) {
  ack_at_ = ack_at;
  switch (state_) {
    case State::kPreparing:  // the coordinator cannot have our vote yet unless it came from an
                             // earlier life; treat as prepared
    case State::kPrepared:
      // forced, grouped: the ack waits for it, the locks do not
      out.append.emplace(CommittedRecord{prepared_.gtid});
      out.job = has_work() ? BranchJob::kApply : BranchJob::kDiscard;
      if (!has_work()) file_flushed_ = true;
      state_ = State::kCommitting;
      next_wake_.reset();
      results_.clear();
      ack_owed_ = true;
      if (ack_at_ == AnswerAt::kDecided) acknowledge(out);
      return;
    case State::kCommitting:
      ack_owed_ = true;
      return;  // the ack is on its way behind the record
    case State::kCommitted:
      ack_owed_ = true;
      if (ack_at_ == AnswerAt::kDecided || file_flushed_) acknowledge(out);
      return;
    case State::kReadOnly:
      return on_release(out);
    case State::kExecuting:
    case State::kOpen:
    case State::kAborted:
      out.alarm = fmt::format("told to COMMIT {} in state {}: this node never voted yes for it",
                              prepared_.gtid, to_string(state_));
      return;
    case State::kForgotten:
      return;
  }
}

void Branch::on_decide_abort(Decide&& message, BranchEffects& out) {
  switch (state_) {
    case State::kExecuting:
    case State::kOpen:
      state_ = State::kAborted;
      reason_ = std::move(message.reason);
      deadline_.reset();
      next_wake_.reset();
      out.job = BranchJob::kDiscard;
      return;
    case State::kPreparing:
    case State::kPrepared:
      state_ = State::kAborted;
      refused_ = true;  // whoever decided has it durably, and it decides the same again
      reason_ = std::move(message.reason);
      next_wake_.reset();
      results_.clear();
      prepared_.redo.clear();
      out.append = Record(AbortedRecord{prepared_.gtid, reason_});
      out.job = BranchJob::kDiscard;
      return;
    case State::kReadOnly:
      return on_release(out);
    case State::kCommitting:
    case State::kCommitted:
      out.alarm =
          fmt::format("told to ABORT {}, which is committed here: mixed outcome", prepared_.gtid);
      return;
    case State::kAborted:
    case State::kForgotten:
      return;
  }
}

void Branch::on_release(BranchEffects& out) {
  if (state_ != State::kReadOnly) return;
  state_ = State::kForgotten;
  next_wake_.reset();
  results_.clear();
  out.job = BranchJob::kDiscard;
}

void Branch::on_one_phase_inquiry(const OnePhaseInquired& event, BranchEffects& out) {
  prepared_.coordinator.name = event.from;
  switch (state_) {
    case State::kExecuting:
      return abort_alone({AbortCode::kTimeout, "the coordinator stopped waiting for it", {}, -1},
                         out);
    case State::kCommitted:
    case State::kAborted:
      return answer_one_phase(out);
    case State::kOpen:
    case State::kPreparing:
    case State::kPrepared:
    case State::kReadOnly:
    case State::kCommitting:
    case State::kForgotten:
      return;
  }
}

void Branch::on_file_flushed(BranchEffects& out) {
  file_flushed_ = true;
  prepared_.redo.clear();
  if (state_ != State::kCommitted || ack_at_ != AnswerAt::kApplied) return;
  acknowledge(out);
}

void Branch::on_tick(BranchEffects& out, MonotonicTime now) {
  if (!next_wake_ || now < *next_wake_) return;
  switch (state_) {
    case State::kOpen:
      return on_tick_open(out, now);
    case State::kExecuting:
      if (!deadline_ || now < *deadline_) return;
      return abort_alone({AbortCode::kTimeout,
                          "its deadline passed while it was executing or waiting for locks",
                          {},
                          -1},
                         out);
    case State::kPrepared:
    case State::kReadOnly:
      return inquire(out, now);
    case State::kPreparing:
    case State::kCommitting:
    case State::kCommitted:
    case State::kAborted:
    case State::kForgotten:
      next_wake_.reset();
      return;
  }
}

void Branch::vote(BranchEffects& out, Vote value) {
  auto& message = out.promise<VoteMessage>(prepared_.coordinator.name);
  message.gtid = prepared_.gtid;
  message.vote = value;
  message.voter = settings_.position;
  if (value == Vote::kAbort) {
    message.reason = reason_;
  } else {
    message.results = results_;
  }
}

OnePhaseResult Branch::one_phase_result(Outcome outcome) const {
  OnePhaseResult result;
  result.gtid = prepared_.gtid;
  result.first_gtid = prepared_.gtid;
  result.outcome = outcome;
  if (outcome == Outcome::kAborted) {
    result.reason = reason_;
  } else {
    result.results = results_;
    result.applied = file_flushed_;
  }
  return result;
}

void Branch::answer_one_phase(BranchEffects& out) {
  const Outcome value = state_ == State::kAborted ? Outcome::kAborted : Outcome::kCommitted;
  if (kind_ == Kind::kOnePhase)
    return out.promise(prepared_.coordinator.name, one_phase_result(value));
  TransactionOutcome answer;
  answer.gtid = prepared_.gtid;
  answer.outcome = value;
  answer.reason = reason_;
  answer.applied = value == Outcome::kCommitted && file_flushed_;
  if (value == Outcome::kCommitted) answer.results.push_back({settings_.self, results_});
  out.answer = std::move(answer);
}

void Branch::acknowledge(BranchEffects& out) {
  if (kind_ != Kind::kTwoPhase) return answer_one_phase(out);
  if (!ack_owed_) return;
  ack_owed_ = false;
  out.promise(prepared_.coordinator.name, Ack{prepared_.gtid});
}

void Branch::inquire(BranchEffects& out, MonotonicTime now) {
  ++attempts_;
  out.send(prepared_.coordinator.name, Inquire{prepared_.gtid});
  next_wake_ = next_inquiry(now);
  // Two questions were not answered: whoever else was in it may know (three-phase commit has its
  // ballots for that).
  const bool silent = !std::exchange(heard_, false) && attempts_ > 2;
  if (silent && prepared_.protocol != CommitProtocol::kThreePhase) ask_members(out);
}

void Branch::abort_alone(AbortReason reason, BranchEffects& out) {
  TROTH_ASSERT(state_ == State::kExecuting || state_ == State::kOpen,
               "gtid {} aborts alone in state {}", prepared_.gtid, to_string(state_));
  state_ = State::kAborted;
  reason_ = std::move(reason);
  deadline_.reset();
  next_wake_.reset();
  results_.clear();
  out.job = BranchJob::kDiscard;
  if (interactive()) return answer_execute(out);
  if (kind_ == Kind::kTwoPhase) return vote(out, Vote::kAbort);
  answer_one_phase(out);
}

bool Branch::is_over() const {
  switch (state_) {
    case State::kCommitted:
      return file_flushed_;
    case State::kAborted:
    case State::kForgotten:
      return true;
    case State::kExecuting:
    case State::kOpen:
    case State::kPreparing:
    case State::kPrepared:
    case State::kReadOnly:
    case State::kCommitting:
      return false;
  }
  return false;
}

void Branch::assert_invariants() const {
  switch (state_) {
    case State::kPrepared:
      TROTH_ASSERT(kind_ == Kind::kTwoPhase && !prepared_.coordinator.name.empty(),
                   "gtid {} prepared for nobody", prepared_.gtid);
      TROTH_ASSERT(next_wake_.has_value(), "gtid {} is prepared and would never ask",
                   prepared_.gtid);
      TROTH_ASSERT(!deadline_.has_value(), "gtid {} is prepared and would time out by itself",
                   prepared_.gtid);
      return;
    case State::kPreparing:
    case State::kCommitting:
    case State::kCommitted:
      TROTH_ASSERT(!deadline_.has_value(), "gtid {} in state {} would time out", prepared_.gtid,
                   to_string(state_));
      return;
    case State::kReadOnly:
      TROTH_ASSERT(kind_ == Kind::kTwoPhase && prepared_.redo.empty(),
                   "gtid {} read-only with redo", prepared_.gtid);
      return;
    case State::kAborted:
    case State::kForgotten:
      TROTH_ASSERT(!next_wake_.has_value(), "gtid {} is over and has a timer", prepared_.gtid);
      return;
    case State::kOpen:
      TROTH_ASSERT(interactive() && next_wake_.has_value() && deadline_.has_value(),
                   "gtid {} is open for ever", prepared_.gtid);
      return;
    case State::kExecuting:
      return;
  }
}

}  // namespace troth::protocol
