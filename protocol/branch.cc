#include "protocol/branch.h"

#include "base/assert.h"
#include "base/overloaded.h"

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
    : settings_(settings), answers_(kind) {
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
  branch.answers_.aborted(std::move(reason));
  branch.refused_ = branch.promised_abort_ = durable;
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
  branch.answers_.set_applied();  // replay has put it into the file before anything is served
  return branch;
}

BranchEffects Branch::step(Event&& event, MonotonicTime now) {
  BranchEffects out;
  const auto asks = [&] { return state_ == State::kPrepared || state_ == State::kReadOnly; };
  std::visit(
      Overloaded{
          [&](PrepareArrived& e) { on_prepare(e, out, now); },
          [&](ExecuteArrived& e) { on_execute(e, out, now); },
          [&](Dropped& e) {
            if (state_ == State::kExecuting || state_ == State::kOpen)
              abort_alone(std::move(e.reason), out);
          },
          [&](OnePhase& e) { on_one_phase(e, out, now); },
          [&](ExecutionEnded& e) { on_executed(e, out, now); },
          [&](const RecordDurable&) { on_durable(out, now); },
          [&](Decided& e) { on_decide(e, out); },
          [&](const ReleaseArrived&) {
            on_release(out);
            if (state_ == State::kForgotten)
              out.send(prepared_.coordinator.name, Released{prepared_.gtid});
          },
          [&](const InquiryAnswered& e) { inquiries_.on_answer(e.answer, prepared_.protocol); },
          [&](const OnePhaseInquired& e) { on_one_phase_inquiry(e, out); },
          [&](const MemberAsked& e) { on_member_asked(e, out); },
          [&](const MemberAnswered& e) { on_member_answered(e, out); },
          [&](const MemberReachable&) {
            if (asks()) inquiries_.ask_members_again(out);
          },
          [&](const FileFlushed&) { on_file_flushed(out); },
          [&](const Tick&) { on_tick(out, now); },
          [&](const RetryNow&) {
            if (asks()) inquire(out, now);
          },
      },
      event);
  assert_invariants();
  return out;
}

void Branch::on_prepare(PrepareArrived& event, BranchEffects& out, MonotonicTime now) {
  coordinator_guessed_ = false;
  prepared_.coordinator =
      std::move(event.coordinator);  // a restarted coordinator is still the one to ask
  if (pieces_.begun() || event.message.executed > 0) return on_prepare_interactive(event, out, now);
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
      return answers_.vote(Vote::kCommit, view(), out);
    case State::kReadOnly:
      return answers_.vote(Vote::kReadOnly, view(), out);
    case State::kAborted:
      return answers_.vote(Vote::kAbort, view(), out);
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
    answers_.answer_at(event.message.answer_at);
    one_phase_.gtid = prepared_.gtid;
    one_phase_.idempotency_key = std::move(event.message.idempotency_key);
    one_phase_.body_digest = std::move(event.message.body_digest);
    one_phase_.decided = event.now;
    one_phase_.key_retention = event.message.key_retention;
    out.job = BranchJob::kExecute;
    return;
  }
  // Asked for when the file holds it: on_file_flushed() answers.
  if (state_ == State::kAborted) return answers_.outcome(Outcome::kAborted, view(), out);
  if (state_ == State::kCommitted && !answers_.too_early())
    answers_.outcome(Outcome::kCommitted, view(), out);
}

void Branch::on_executed(ExecutionEnded& event, BranchEffects& out, MonotonicTime now) {
  if (interactive() && state_ == State::kExecuting) return on_executed_piece(event, out, now);
  if (state_ != State::kExecuting) {  // aborted before the result arrived
    if (event.vote != Vote::kAbort) out.job = BranchJob::kDiscard;
    return;
  }
  answers_.keep(std::move(event.results));
  if (event.vote == Vote::kAbort) return abort_alone(std::move(event.reason), out);
  deadline_.reset();
  next_wake_.reset();
  if (kind() == Kind::kTwoPhase) {
    if (event.vote == Vote::kReadOnly && prepared_.protocol != CommitProtocol::kThreePhase) {
      state_ = State::kReadOnly;
      next_wake_ =
          now + backoff(settings_.inquiry, 1, prepared_.gtid);  // when the RELEASE does not come
      return answers_.vote(Vote::kReadOnly, view(), out);
    }
    prepared_.redo = std::move(event.redo);
    out.prepared = &prepared_;  // forced: the vote below waits for it
    state_ = State::kPreparing;
    return answers_.vote(Vote::kCommit, view(), out);
  }
  if (event.vote ==
      Vote::kReadOnly) {  // one participant, nothing written: done, and nothing to remember
    state_ = State::kCommitted;
    answers_.set_applied();
    out.job = BranchJob::kDiscard;
    return answers_.outcome(Outcome::kCommitted, view(), out);
  }
  one_phase_.redo = std::move(event.redo);
  // durable = the commit point of a one-phase transaction
  out.append.emplace(std::move(one_phase_));
  out.job = BranchJob::kApply;
  state_ = State::kCommitting;
  if (answers_.at() == AnswerAt::kDecided) answers_.outcome(Outcome::kCommitted, view(), out);
}

void Branch::on_durable(BranchEffects& out, MonotonicTime now) {
  switch (state_) {
    case State::kPreparing:
      state_ = State::kPrepared;
      inquiries_.restart();
      next_wake_ = inquiries_.next(view(), now);
      return;
    case State::kCommitting:
      state_ = State::kCommitted;
      if (answers_.applied() && answers_.at() == AnswerAt::kApplied) answers_.done(view(), out);
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
  answers_.answer_at(ack_at);
  switch (state_) {
    case State::kPreparing:  // the coordinator cannot have our vote yet unless it came from an
                             // earlier life; treat as prepared
    case State::kPrepared:
      // forced, grouped: the ack waits for it, the locks do not
      out.append.emplace(CommittedRecord{prepared_.gtid});
      out.job = has_work() ? BranchJob::kApply : BranchJob::kDiscard;
      if (!has_work()) answers_.set_applied();
      state_ = State::kCommitting;
      next_wake_.reset();
      answers_.drop_results();
      answers_.owe_ack();
      if (ack_at == AnswerAt::kDecided) answers_.done(view(), out);
      return;
    case State::kCommitting:
      answers_.owe_ack();
      return;  // the ack waits for the record
    case State::kCommitted:
      answers_.owe_ack();
      if (!answers_.too_early()) answers_.done(view(), out);
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
      answers_.aborted(std::move(message.reason));
      deadline_.reset();
      next_wake_.reset();
      out.job = BranchJob::kDiscard;
      return;
    case State::kPreparing:
    case State::kPrepared:
      state_ = State::kAborted;
      refused_ = true;  // the decider holds it durably and decides the same again
      answers_.aborted(std::move(message.reason));
      next_wake_.reset();
      answers_.drop_results();
      prepared_.redo.clear();
      out.append = Record(AbortedRecord{prepared_.gtid, answers_.reason()});
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
  answers_.drop_results();
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
      return answers_.outcome(state_ == State::kAborted ? Outcome::kAborted : Outcome::kCommitted,
                              view(), out);
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
  answers_.set_applied();
  prepared_.redo.clear();
  if (state_ != State::kCommitted || answers_.at() != AnswerAt::kApplied) return;
  answers_.done(view(), out);
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

void Branch::inquire(BranchEffects& out, MonotonicTime now) {
  inquiries_.ask(view(), out);
  next_wake_ = inquiries_.next(view(), now);
}

void Branch::abort_alone(AbortReason reason, BranchEffects& out) {
  TROTH_ASSERT(state_ == State::kExecuting || state_ == State::kOpen,
               "gtid {} aborts alone in state {}", prepared_.gtid, to_string(state_));
  state_ = State::kAborted;
  answers_.aborted(std::move(reason));
  deadline_.reset();
  next_wake_.reset();
  answers_.drop_results();
  out.job = BranchJob::kDiscard;
  if (interactive()) return answers_.executed(pieces_.executed(), Outcome::kAborted, view(), out);
  if (kind() == Kind::kTwoPhase) return answers_.vote(Vote::kAbort, view(), out);
  answers_.outcome(Outcome::kAborted, view(), out);
}

bool may_forget_abort(const Branch& branch) {
  return branch.state_ == Branch::State::kAborted && !branch.promised_abort_ &&
         branch.kind() == Branch::Kind::kTwoPhase;
}

bool Branch::is_over() const {
  switch (state_) {
    case State::kCommitted:
      return answers_.applied();
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
      TROTH_ASSERT(kind() == Kind::kTwoPhase && !prepared_.coordinator.name.empty(),
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
      TROTH_ASSERT(kind() == Kind::kTwoPhase && prepared_.redo.empty(),
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
