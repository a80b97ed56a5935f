#include "coordinator/inquiries.h"

#include <fmt/format.h>

#include "protocol/result_rows.h"
#include "recovery/action_table.h"

namespace troth::coordinator {

using namespace protocol;
using recovery::Action;
using recovery::CoordinatorKnows;
using recovery::ParticipantSays;

namespace {

TransactionOutcome forgotten(const Gtid& gtid, WallTime since) {
  TransactionOutcome out;
  out.gtid = gtid;
  out.reason.detail = "it ended too long ago: this coordinator holds no record of it any more";
  out.forgotten_since = since;
  return out;
}

// No record of it is a proof only if this log has not lost its end.
TransactionOutcome not_vouched(const Gtid& gtid, const NodeName& silent) {
  TransactionOutcome out;
  out.gtid = gtid;
  out.reason = {AbortCode::kUnreachable,
                fmt::format("this log holds no record of it, and {}, which may have seen more of "
                            "this log, has not greeted since the start",
                            silent),
                silent, -1};
  return out;
}

// The participants know nothing of it either, but that is no proof: they may have forgotten it.
TransactionOutcome begun_by_a_newer_log(const Gtid& gtid) {
  TransactionOutcome out;
  out.gtid = gtid;
  out.outcome = Outcome::kInDoubt;
  out.reason.detail = fmt::format(
      "this log never was in epoch {}: a newer log of this coordinator exists or existed",
      gtid.epoch());
  return out;
}

// Another coordinator decides it, and a message of it may still be under way.
TransactionOutcome elsewhere(const Gtid& gtid) {
  TransactionOutcome out;
  out.gtid = gtid;
  out.reason.detail =
      "another coordinator began it, and no participant of this one knows it: ask that one";
  return out;
}

}  // namespace

void Inquiries::adopt(const recovery::UndecidedQuorum& undecided) {
  const Gtid& gtid = undecided.record.commit.gtid;
  before_adoption_[gtid] = undecided;
  core_.reports.alarm(fmt::format("{} was precommitted before this log was adopted: its "
                                  "participants must end it without this node",
                                  gtid),
                      gtid, Alarms::Until::kEnded);
}

void Inquiries::copy_forward() {
  for (const auto& [gtid, undecided] : before_adoption_) core_.append(undecided.record);
}

// ---- participants

// No live transaction of that gtid: the action table decides (recovery/action_table.h).
void Inquiries::on_unknown(const NodeName& from, const Message& message, Now now) {
  const Gtid gtid = gtid_of(message);
  if (std::holds_alternative<Released>(message)) return;  // comes late
  if (parts_.conversations.has(gtid)) {                   // an open branch asks after some silence
    if (std::holds_alternative<Inquire>(message))
      core_.gate.send(from, InquiryReply{gtid, InquiryReply::Answer::kUndecided});
    return;
  }
  if (on_unknown_member(from, message, now)) return;
  const auto known = parts_.outcomes.find(gtid);
  auto knows =
      core_.own.may_presume(gtid) ? CoordinatorKnows::kNothing : CoordinatorKnows::kNothingUnproven;
  if (known)  // a recorded outcome needs no presumption
    knows = known->outcome == Outcome::kCommitted ? CoordinatorKnows::kEnded
                                                  : CoordinatorKnows::kNothing;
  else if (parts_.book.was_committed(gtid))
    knows = CoordinatorKnows::kEnded;
  auto says = ParticipantSays::kNothing;
  if (std::holds_alternative<Ack>(message)) says = ParticipantSays::kCommitted;
  if (std::holds_alternative<Inquire>(message)) says = ParticipantSays::kPrepared;
  if (const auto* vote = std::get_if<VoteMessage>(&message))
    says = vote->vote == Vote::kCommit ? ParticipantSays::kPrepared : ParticipantSays::kNothing;
  // A yes-vote or inquiry may come from a READ_ONLY voter or a duplicate of an acked writer: after
  // END a COMMIT is a harmless answer.
  if (knows == CoordinatorKnows::kEnded && says == ParticipantSays::kPrepared) {
    core_.gate.repeat(from, Decide{gtid, Decision::kCommit, AnswerAt::kDecided, {}});
    return;
  }
  switch (recovery::action_for(knows, says)) {
    case Action::kSendAbort:
      return presume_abort(from, gtid, now);
    case Action::kLeaveAlone:
      if (says == ParticipantSays::kPrepared) cannot_prove(from, gtid);
      return;
    case Action::kMixedAlarm:
      // An ack for something that ended and is no longer remembered is no contradiction.
      if (!known && parts_.outcomes.is_forgotten(gtid)) return;
      core_.reports.alarm(
          fmt::format("{} reports {} as committed, which this coordinator never committed", from,
                      gtid),
          gtid, Alarms::Until::kRestart, from);
      return;
    case Action::kSendCommit:
    case Action::kCountAck:
    case Action::kIgnore:
    case Action::kAmnesiaAlarm:
      return;
  }
}

void Inquiries::presume_abort(const NodeName& to, const Gtid& gtid, Now now) {
  const bool recorded = parts_.outcomes.find(gtid).has_value();
  if (!recorded && core_.voucher_missing_for(gtid) &&
      !core_.vouchers.patience_is_over(now.monotonic))
    return core_.gate.send(to, InquiryReply{gtid, InquiryReply::Answer::kUndecided});
  core_.reports.count("presumed_aborts");
  core_.gate.presume_abort(
      to, gtid, {AbortCode::kPresumedAbort, "the coordinator holds no record of it", {}, -1});
}

void Inquiries::cannot_prove(const NodeName& from, const Gtid& gtid) {
  if (core_.own.is_own(gtid) && !core_.own.minted(gtid))
    core_.reports.alarm(
        fmt::format("{} is prepared for {}, which this log has never begun: a newer log of "
                    "this coordinator exists or existed",
                    from, gtid),
        gtid, Alarms::Until::kRestart, from);
  core_.gate.send(from, InquiryReply{gtid, InquiryReply::Answer::kContinuityNotProven});
}

bool Inquiries::is_presumable(const Gtid& gtid) const {
  return core_.own.may_presume(gtid) && !parts_.outcomes.is_forgotten(gtid) &&
         !parts_.book.was_committed(gtid);
}

void Inquiries::on_unknown_decision(const NodeName& from, const Decide& decide, Now now) {
  const Gtid gtid = decide.gtid;
  const auto known = parts_.outcomes.find(gtid);
  const bool commit = decide.decision == Decision::kCommit;
  const bool contradicts =
      known ? (known->outcome == Outcome::kCommitted) != commit : commit && is_presumable(gtid);
  if (contradicts) {
    core_.reports.alarm(fmt::format("{} says {} of {}, which is not what this coordinator knows",
                                    from, to_string(decide.decision), gtid),
                        gtid, Alarms::Until::kRestart, from);
    return;
  }
  if (before_adoption_.erase(gtid) == 0) return;
  core_.append(DecidedRecord{gtid, decide.decision, decide.reason});
  core_.reports.end_alarm(gtid);
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.outcome = commit ? Outcome::kCommitted : Outcome::kAborted;
  outcome.reason = decide.reason;
  parts_.outcomes.remember(outcome, nullptr, now.monotonic);
  parts_.history.note_found(outcome, now);
}

// A member of a three-phase transaction sends a message about one that is not live here. A
// coordinator without PRECOMMITTED is in state A, if its log is whole; one that has ended it knows.
bool Inquiries::on_unknown_member(const NodeName& from, const Message& message, Now now) {
  const Gtid gtid = gtid_of(message);
  if (const auto* decide = std::get_if<Decide>(&message)) {
    on_unknown_decision(from, *decide, now);
    return true;
  }
  if (!ballot_message_of(message)) return false;
  if (!std::holds_alternative<Elect>(message) && !std::holds_alternative<PreDecide>(message))
    return true;  // an answer that comes late
  const auto known = parts_.outcomes.find(gtid);
  if (!known && parts_.book.was_committed(gtid)) {
    core_.gate.repeat(from, Decide{gtid, Decision::kCommit, AnswerAt::kApplied, {}});
  } else if (known && known->outcome != Outcome::kInDoubt) {
    const bool commit = known->outcome == Outcome::kCommitted;
    core_.gate.repeat(from, Decide{gtid, commit ? Decision::kCommit : Decision::kAbort,
                                   AnswerAt::kApplied, outcome_of(gtid, *known).reason});
  } else if (is_presumable(gtid)) {
    presume_abort(from, gtid, now);
  } else if (!core_.own.may_presume(gtid)) {
    core_.gate.send(from, InquiryReply{gtid, InquiryReply::Answer::kContinuityNotProven});
  }
  return true;
}

// ---- clients

void Inquiries::get_outcome(const Gtid& gtid, bool wait, Done done, Now now) {
  if (core_.standing.stopped()) return done(fail(ErrorCode::kUnavailable, core_.standing.reason()));
  if (!core_.own.is_own(gtid))
    return parts_.recalls.start({gtid, {}}, elsewhere(gtid), std::move(done), now);
  if (const auto next = parts_.outcomes.next_attempt(gtid); !next.is_nil())
    return get_outcome(next, wait, std::move(done), now);
  if (auto known = parts_.outcomes.outcome_of(gtid)) return done(std::move(*known));
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.outcome = Outcome::kPending;
  if (const auto* live = parts_.table.find(gtid)) {
    const auto* two = live->global();
    if (two != nullptr && two->state() == GlobalCommit::State::kCommitting)
      outcome.outcome = Outcome::kCommitted;
    if (outcome.outcome == Outcome::kPending && wait)
      return parts_.outcomes.await(gtid, std::move(done));
    // Its client has heard that it is not known. So no client hears something else at the same
    // moment.
    if (outcome.outcome == Outcome::kPending && live->answered) outcome.outcome = Outcome::kInDoubt;
    return done(outcome);
  }
  if (parts_.conversations.has(gtid)) return done(outcome);
  if (core_.own.never_lived(gtid.epoch()))
    return parts_.recalls.start({gtid, {}}, begun_by_a_newer_log(gtid), std::move(done), now);
  if (!core_.own.minted(gtid))
    return parts_.recalls.start(
        {gtid, {}}, fail(ErrorCode::kNotFound, fmt::format("{} does not exist yet", gtid)),
        std::move(done), now);
  const auto ended = parts_.history.find(gtid);
  if (!ended) return done(fail(ended.error(), "the history of ended transactions"));
  if (*ended && !(*ended)->next.is_nil())
    return get_outcome((*ended)->next, wait, std::move(done), now);
  if (*ended) return done(outcome_of(**ended));
  if (parts_.book.was_committed(gtid)) return done(ended_long_ago(gtid));
  // Its participant may know it, however long ago this node forgot it.
  if (gtid.decider() == Decider::kParticipant)
    return parts_.searches.start(gtid, wait, std::move(done), now);
  if (parts_.outcomes.is_forgotten(gtid))
    return parts_.recalls.start({gtid, {}}, forgotten(gtid, parts_.history.forgotten_since()),
                                std::move(done), now);
  if (const auto silent = core_.voucher_missing_for(gtid); silent && core_.own.may_presume(gtid))
    return parts_.recalls.start({gtid, {}}, not_vouched(gtid, *silent), std::move(done), now);
  done(ended_long_ago(gtid));
}

// The answer about a forgotten transaction that was decided here.
TransactionOutcome Inquiries::ended_long_ago(const Gtid& gtid) const {
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  if (parts_.book.was_committed(gtid)) {
    outcome.outcome = Outcome::kCommitted;
  } else if (core_.own.may_presume(gtid)) {
    outcome.outcome = Outcome::kAborted;
    outcome.reason = {AbortCode::kPresumedAbort,
                      "the coordinator holds no record of it (one that only read leaves none)",
                      {},
                      -1};
  } else {
    outcome.outcome = Outcome::kInDoubt;
    outcome.reason = {AbortCode::kNone,
                      "this log was adopted from a copy and cannot prove what was decided before",
                      {},
                      -1};
  }
  return outcome;
}

// No participant knows it either. Keys are remembered for a time, so that is a proof only for a log
// that is younger.
Result<TransactionOutcome> Inquiries::unknown_key(Now now) const {
  const auto kept =
      std::chrono::duration_cast<std::chrono::milliseconds>(core_.options.key_retention).count();
  const WallTime since{now.wall.unix_ms - kept};
  if (core_.options.log_born >= since && core_.own.adopted().lineage == 0)
    return fail(ErrorCode::kNotFound,
                "no transaction with that idempotency key ever came to this coordinator");
  TransactionOutcome out;
  out.reason.detail =
      "no request with that idempotency key came since; older keys are no longer remembered "
      "(key-retention)";
  out.forgotten_since = since;
  return out;
}

void Inquiries::get_outcome_by_key(const std::string& key, Done done, Now now,
                                   const std::string* digest) {
  const auto other = [&](const std::string& body) { return digest != nullptr && *digest != body; };
  const auto conflict =
      fail(ErrorCode::kAlreadyExists, "the idempotency key was used for another request");
  if (const auto* flying = parts_.keys.in_flight(key); flying && other(flying->body_digest))
    return done(conflict);
  if (const auto* flying = parts_.keys.in_flight(key))
    return get_outcome(flying->gtid, false, std::move(done), now);
  const auto* known = parts_.keys.find(key, now);
  if (known == nullptr && parts_.keys.failure())
    return done(fail(*parts_.keys.failure(), "the key store failed"));
  if (known == nullptr && digest != nullptr)  // only what is known here and now is wanted
    return done(
        fail(ErrorCode::kNotFound, "no transaction with that idempotency key is known here"));
  if (known == nullptr)
    return parts_.recalls.start({{}, key}, unknown_key(now), std::move(done), now);
  if (other(known->body_digest)) return done(conflict);
  TransactionOutcome outcome;
  outcome.gtid = known->gtid;
  outcome.outcome = known->outcome;
  outcome.reason = known->reason;
  outcome.results = decode_rows(known->rows);
  outcome.replayed = true;
  done(outcome);
}

}  // namespace troth::coordinator
