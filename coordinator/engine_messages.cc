// What the network brings to the coordinator's engine, and what it answers about transactions it
// does not hold.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/engine.h"
#include "protocol/packed_message.h"

namespace troth::coordinator {

using namespace protocol;
using recovery::Action;
using recovery::CoordinatorKnows;
using recovery::ParticipantSays;

void Engine::judge(const recovery::PeerTable::Judgement& judgement, const NodeName& peer, Now now) {
  if (judgement.to_append) append(*judgement.to_append);
  if (judgement.stop) {
    reports_.log().error("this node has lost its memory",
                         {{"peer", peer}, {"cause", judgement.stop->context}});
    standing_.lose_memory();
    if (on_fatal) on_fatal(*judgement.stop);
  }
  if (judgement.restarted) on_restarted(peer, now);
}

void Engine::on_restarted(const NodeName& peer, Now now) {
  const Epoch epoch = peers_.position_of(peer).epoch;
  abort_open_at(peer, epoch, now);
  std::vector<Gtid> gtids;
  for (const auto& [gtid, txn] : live_)
    if (std::holds_alternative<GlobalCommit>(txn.machine)) gtids.push_back(gtid);
  for (const auto& gtid : gtids) {
    const auto found = live_.find(gtid);
    if (found == live_.end()) continue;
    step(found->second, GlobalCommit::Event(GlobalCommit::MemberRestarted{peer, epoch}), now);
  }
}

HelloReply Engine::on_hello(const Hello& hello, Now now) {
  HelloReply reply;
  const auto judgement = peers_.on_hello(hello, log_.durable(), reply);
  judge(judgement, hello.name, now);
  if (reply.verdict != HelloVerdict::kWelcome) {
    reports_.count("hello_refused");
    if (!judgement.repeated)
      reports_.log().warn("refused a greeting",
                          {{"peer", hello.name}, {"reason", judgement.refusal}});
    return reply;
  }
  if (standing_.stopped()) {
    reply.verdict = HelloVerdict::kNotReady;
    return reply;
  }
  // The link may sit out a pause after its last failure.
  if (!hello.address.empty()) gate_.learn_address(hello.name, hello.address);
  // It is there (again): whatever waits for it is sent at once instead of after its back-off.
  std::vector<Gtid> waiting;
  for (const auto& [gtid, txn] : live_) {
    if (const auto* two = std::get_if<GlobalCommit>(&txn.machine)) {
      const auto names = two->waiting_for();
      if (std::find(names.begin(), names.end(), hello.name) != names.end()) waiting.push_back(gtid);
    } else if (std::get<OnePhaseCommit>(txn.machine).setup().participant == hello.name) {
      waiting.push_back(gtid);
    }
  }
  for (const auto& gtid : waiting) poke(gtid, now);
  tell_what_was_given_up(hello.name);
  return reply;
}

Hello Engine::make_hello(const NodeName& peer) const {
  return peers_.make_hello(peer, own_address_, log_.durable());
}

bool Engine::on_hello_reply(const NodeName& peer, const HelloReply& reply, Now now) {
  const auto judgement = peers_.on_reply(peer, reply, log_.durable());
  judge(judgement, peer, now);
  if (!judgement.refusal.empty() && !judgement.repeated)
    reports_.log().warn("link refused", {{"peer", peer}, {"reason", judgement.refusal}});
  return judgement.refusal.empty() && !standing_.stopped();
}

void Engine::on_link(const LinkStatus& status) {
  links_[status.peer] = status;
}

void Engine::on_batch(Batch batch, Now now) {
  if (standing_.stopped()) return;
  const auto judgement = peers_.on_batch(batch.header);
  judge(judgement, batch.header.sender, now);
  if (!judgement.refusal.empty()) {
    reports_.count("stale_refused");
    return reports_.log().debug("refused a batch",
                                {{"peer", batch.header.sender}, {"reason", judgement.refusal}});
  }
  const BatchHeader header = std::move(batch.header);
  const NodeName* const known = participant(header.sender);
  take_messages(
      std::move(batch),
      [&](Message&& message) { handle(header.sender, known, std::move(message), now); },
      [&](const Error& why) {
        reports_.count("messages_damaged");
        reports_.log().warn("dropped a message of a peer",
                            {{"peer", header.sender}, {"why", why.context}});
      });
}

void Engine::handle(const NodeName& from, const NodeName* known, Message&& message, Now now) {
  if (const auto* alarmed = std::get_if<Alarm>(&message)) {
    reports_.count("amnesia_alarms");
    const auto rank = minted(alarmed->gtid) ? Alarms::Rank::kKnown : Alarms::Rank::kClaim;
    return reports_.alarm(alarmed->what, alarmed->gtid, Alarms::Until::kEnded, from, rank);
  }
  if (const auto* result = std::get_if<OnePhaseResult>(&message))
    return on_one_phase_result(from, *result, now);
  if (const auto* executed = std::get_if<ExecuteResult>(&message))
    return on_execute_result(from, *executed, now);
  if (const auto* wound = std::get_if<Wound>(&message)) return on_wound(from, *wound, now);
  if (std::holds_alternative<Ack>(message)) {
    reports_.end_alarm(gtid_of(message),
                       from);  // whatever it reported, somebody has repaired it there
    confirmed_after_all(from, gtid_of(message), now);
  }
  const auto found = live_.find(gtid_of(message));
  if (found == live_.end() || !std::holds_alternative<GlobalCommit>(found->second.machine))
    return on_unknown(from, message, now);
  Transaction& txn = found->second;
  if (auto* vote = std::get_if<VoteMessage>(&message)) {
    note(txn, {Event::Kind::kVote, to_string(vote->vote), known, {}, {}}, now);
    if (!calls_.empty())
      end_call(vote->gtid, from, "prepare",
               vote->vote == Vote::kAbort ? std::string(to_string(vote->reason.code)) : "", now);
    step(txn, GlobalCommit::Event(GlobalCommit::VoteArrived{from, std::move(*vote)}), now);
  } else if (std::holds_alternative<Released>(message)) {
    note(txn, {Event::Kind::kReleased, {}, known, {}, {}}, now);
    step(txn,
         GlobalCommit::Event(GlobalCommit::ReleasedArrived{from, peers_.position_of(from).epoch}),
         now);
  } else if (std::holds_alternative<Ack>(message)) {
    note(txn, {Event::Kind::kAck, {}, known, {}, {}}, now);
    if (!calls_.empty()) end_call(gtid_of(message), from, "commit", "", now);
    step(txn, GlobalCommit::Event(GlobalCommit::AckArrived{from}), now);
  } else if (std::holds_alternative<Inquire>(message)) {
    step(txn, GlobalCommit::Event(GlobalCommit::Inquired{from}), now);
  } else if (auto ballot = ballot_message_of(message)) {
    step(txn, GlobalCommit::Event(GlobalCommit::BallotArrived{from, std::move(*ballot)}), now);
  } else if (const auto* decide = std::get_if<Decide>(&message)) {
    note(txn, {Event::Kind::kSays, to_string(decide->decision), known, {}, {}}, now);
    step(txn, GlobalCommit::Event(GlobalCommit::DecideArrived{from, *decide}), now);
  } else {
    reports_.count("misdirected");
  }
}

bool Engine::minted(const Gtid& gtid) const {
  return gtid.tag() == CoordinatorTag::of(options_.log_id) &&
         (gtid.epoch() < options_.epoch ||
          (gtid.epoch() == options_.epoch && gtid.sequence() < next_sequence_));
}

// No record means "aborted" only where a commit would have left one here: not for one-phase, whose
// participant decides, and not for what this log does not even know to have begun.
bool Engine::may_presume(const Gtid& gtid) const {
  return minted(gtid) && gtid.decider() == Decider::kCoordinator && gtid.epoch() >= adopted_.below;
}

// No live transaction of that gtid: the action table decides (recovery/action_table.h).
void Engine::on_unknown(const NodeName& from, const Message& message, Now now) {
  const Gtid gtid = gtid_of(message);
  if (std::holds_alternative<Released>(message)) return;  // comes late
  if (open_.count(gtid) != 0) {                           // an open branch asks after some silence
    if (std::holds_alternative<Inquire>(message))
      gate_.send(from, InquiryReply{gtid, InquiryReply::Answer::kUndecided});
    return;
  }
  if (on_unknown_member(from, message, now)) return;
  const auto known = recent_.find(gtid);
  auto knows = may_presume(gtid) ? CoordinatorKnows::kNothing : CoordinatorKnows::kNothingUnproven;
  if (known)  // a recorded outcome needs no presumption
    knows = known->outcome == Outcome::kCommitted ? CoordinatorKnows::kEnded
                                                  : CoordinatorKnows::kNothing;
  else if (operators_.was_committed(gtid))
    knows = CoordinatorKnows::kEnded;
  auto says = ParticipantSays::kNothing;
  if (std::holds_alternative<Ack>(message)) says = ParticipantSays::kCommitted;
  if (std::holds_alternative<Inquire>(message)) says = ParticipantSays::kPrepared;
  if (const auto* vote = std::get_if<VoteMessage>(&message))
    says = vote->vote == Vote::kCommit ? ParticipantSays::kPrepared : ParticipantSays::kNothing;
  // A yes-vote or inquiry may come from a READ_ONLY voter or a duplicate of an acked writer: after
  // END a COMMIT is a harmless answer.
  if (knows == CoordinatorKnows::kEnded && says == ParticipantSays::kPrepared) {
    gate_.repeat(from, Decide{gtid, Decision::kCommit, AnswerAt::kDecided, {}});
    return;
  }
  switch (recovery::action_for(knows, says)) {
    case Action::kSendAbort:
      reports_.count("presumed_aborts");
      gate_.presume_abort(
          from, gtid, {AbortCode::kPresumedAbort, "the coordinator holds no record of it", {}, -1});
      return;
    case Action::kLeaveAlone:
      if (says != ParticipantSays::kPrepared) return;
      if (gtid.tag() == CoordinatorTag::of(options_.log_id) && !minted(gtid))
        reports_.alarm(
            fmt::format("{} is prepared for {}, which this log has never begun: a newer log of "
                        "this coordinator exists or existed",
                        from, gtid),
            gtid);
      gate_.send(from, InquiryReply{gtid, InquiryReply::Answer::kContinuityNotProven});
      return;
    case Action::kMixedAlarm:
      // An ack for something that ended and is no longer remembered is no contradiction.
      if (!known && gtid < horizon_) return;
      reports_.alarm(
          fmt::format("{} reports {} as committed, which this coordinator never committed", from,
                      gtid),
          gtid);
      return;
    case Action::kSendCommit:
    case Action::kCountAck:
    case Action::kIgnore:
    case Action::kAmnesiaAlarm:
      return;
  }
}

// A member of a three-phase transaction speaks of one that is not live here. A coordinator without
// PRECOMMITTED is in state A, if its log is whole; one that has ended it knows.
bool Engine::on_unknown_member(const NodeName& from, const Message& message, Now now) {
  const Gtid gtid = gtid_of(message);
  const auto known = recent_.find(gtid);
  const bool presumable = may_presume(gtid) && gtid >= horizon_ && !operators_.was_committed(gtid);
  if (const auto* decide = std::get_if<Decide>(&message)) {
    const bool commit = decide->decision == Decision::kCommit;
    const bool contradicts =
        known ? (known->outcome == Outcome::kCommitted) != commit : commit && presumable;
    if (contradicts) {
      reports_.alarm(fmt::format("{} says {} of {}, which is not what this coordinator knows", from,
                                 to_string(decide->decision), gtid),
                     gtid);
    } else if (before_adoption_.erase(gtid) > 0) {
      append(DecidedRecord{gtid, decide->decision, decide->reason});
      reports_.end_alarm(gtid);
      TransactionOutcome outcome;
      outcome.gtid = gtid;
      outcome.outcome = commit ? Outcome::kCommitted : Outcome::kAborted;
      outcome.reason = decide->reason;
      remember(outcome, now.monotonic);
    }
    return true;
  }
  if (!ballot_message_of(message)) return false;
  if (!std::holds_alternative<Elect>(message) && !std::holds_alternative<PreDecide>(message))
    return true;  // an answer that comes late
  if (!known && operators_.was_committed(gtid)) {
    gate_.repeat(from, Decide{gtid, Decision::kCommit, AnswerAt::kApplied, {}});
  } else if (known && known->outcome != Outcome::kInDoubt) {
    const bool commit = known->outcome == Outcome::kCommitted;
    gate_.repeat(from, Decide{gtid, commit ? Decision::kCommit : Decision::kAbort,
                              AnswerAt::kApplied, outcome_of(gtid, *known).reason});
  } else if (presumable) {
    reports_.count("presumed_aborts");
    gate_.presume_abort(
        from, gtid, {AbortCode::kPresumedAbort, "the coordinator holds no record of it", {}, -1});
  } else if (!may_presume(gtid)) {
    gate_.send(from, InquiryReply{gtid, InquiryReply::Answer::kContinuityNotProven});
  }
  return true;
}

void Engine::on_one_phase_result(const NodeName& from, const OnePhaseResult& result, Now now) {
  const auto found = live_.find(result.gtid);
  if (!calls_.empty())
    end_call(result.gtid, from, "commitOnePhase",
             result.outcome == Outcome::kAborted ? std::string(to_string(result.reason.code)) : "",
             now);
  if (found != live_.end() && std::holds_alternative<OnePhaseCommit>(found->second.machine)) {
    if (!result.key_conflict)
      return step(found->second, OnePhaseCommit::Event(OnePhaseCommit::ResultArrived{from, result}),
                  now);
    SubmitReply reply;
    reply.refusal =
        Refusal{{ErrorCode::kAlreadyExists, "the idempotency key was used for another request"},
                AbortCode::kNone,
                {}};
    reports_.count("refused");
    for (auto& client : std::exchange(found->second.clients, {})) client(SubmitReply(reply));
    keys_in_flight_.erase(found->second.key());
    erase(found);
    TransactionOutcome outcome;
    outcome.gtid = result.gtid;
    outcome.outcome = Outcome::kAborted;
    outcome.reason = {AbortCode::kNone, reply.refusal->error.context, from, -1};
    return answer(result.gtid, std::move(outcome), now);
  }
  const auto search = searches_.find(result.gtid);
  if (search == searches_.end() || result.outcome == Outcome::kPending) return;
  std::erase(search->second.unanswered, from);
  const bool committed = result.outcome == Outcome::kCommitted;
  if (!committed && !search->second.unanswered.empty()) return;
  TransactionOutcome outcome;
  outcome.gtid = result.gtid;
  outcome.outcome = committed ? Outcome::kCommitted : Outcome::kAborted;
  outcome.reason = result.reason;
  const auto finished = std::move(search->second);
  searches_.erase(search);
  remember(outcome, now.monotonic);
  for (const auto& done : finished.waiting) done(outcome);
  for (const auto& done : finished.impatient) done(outcome);
}

// A one-phase transaction of an earlier epoch: nothing was logged here, whoever executed it knows.
void Engine::search(const Gtid& gtid, bool wait, CoordinatorPort::OutcomeDone done, Now now) {
  auto& search = searches_[gtid];
  (wait ? search.waiting : search.impatient).push_back(std::move(done));
  if (search.attempts > 0) return;  // being asked already
  for (const auto& [name, address] : options_.participants) search.unanswered.push_back(name);
  ask_again(gtid, search, now);
}

void Engine::ask_again(const Gtid& gtid, Search& search, Now now) {
  constexpr std::uint32_t kMaxAttempts = 10;  // whoever still wants to know asks this node again
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.reason = {AbortCode::kUnreachable, "not every participant has answered for it", {}, -1};
  if (search.attempts > 0)
    for (auto& done : std::exchange(search.impatient, {})) done(outcome);
  if (search.attempts == kMaxAttempts) {
    const auto given_up = std::move(search.waiting);
    searches_.erase(gtid);
    for (const auto& done : given_up) done(outcome);
    return;
  }
  for (const auto& name : search.unanswered) gate_.send(name, InquireOnePhase{gtid});
  search.next_ask = now.monotonic + backoff(options_.resend, ++search.attempts, gtid);
  other_timers_.emplace(search.next_ask, gtid);
}

void Engine::get_outcome(const Gtid& gtid, bool wait, CoordinatorPort::OutcomeDone done, Now now) {
  if (standing_.stopped())
    return done(fail(ErrorCode::kUnavailable, "the coordinator has lost its memory"));
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  if (gtid.tag() != CoordinatorTag::of(options_.log_id))
    return done(
        fail(ErrorCode::kNotFound, fmt::format("{} was not minted by this coordinator", gtid)));
  if (const auto known = recent_.find(gtid); known) return done(outcome_of(gtid, *known));
  if (const auto live = live_.find(gtid); live != live_.end()) {
    const auto* two = std::get_if<GlobalCommit>(&live->second.machine);
    outcome.outcome = Outcome::kPending;
    if (two != nullptr && two->state() == GlobalCommit::State::kCommitting &&
        two->setup().answer_at == AnswerAt::kDecided)
      outcome.outcome = Outcome::kCommitted;
    if (outcome.outcome == Outcome::kPending && wait) {
      awaiting_[gtid].push_back(std::move(done));
      return;
    }
    return done(outcome);
  }
  if (open_.count(gtid) != 0) {
    outcome.outcome = Outcome::kPending;
    return done(outcome);
  }
  if (!minted(gtid))
    return done(fail(ErrorCode::kNotFound, fmt::format("{} does not exist yet", gtid)));
  if (operators_.was_committed(gtid)) {
    outcome.outcome = Outcome::kCommitted;
    return done(outcome);
  }
  if (gtid < horizon_)
    return done(
        fail(ErrorCode::kNotFound,
             fmt::format("{} ended too long ago: its outcome is no longer remembered here", gtid)));
  if (gtid.decider() == Decider::kParticipant) return search(gtid, wait, std::move(done), now);
  if (!may_presume(gtid)) {
    outcome.outcome = Outcome::kInDoubt;
    outcome.reason = {AbortCode::kNone,
                      "this log was adopted from a copy and cannot prove what was decided before",
                      {},
                      -1};
    return done(outcome);
  }
  outcome.outcome = Outcome::kAborted;
  outcome.reason = {AbortCode::kPresumedAbort,
                    "the coordinator holds no record of it (one that only read leaves none)",
                    {},
                    -1};
  done(outcome);
}

void Engine::get_outcome_by_key(const std::string& key, CoordinatorPort::OutcomeDone done,
                                Now now) {
  if (const auto flying = keys_in_flight_.find(key); flying != keys_in_flight_.end())
    return get_outcome(flying->second.first, false, std::move(done), now);
  const auto known = keys_.find(key);
  if (known == keys_.end())
    return done(
        fail(ErrorCode::kNotFound, "no transaction with that idempotency key is known here"));
  TransactionOutcome outcome;
  outcome.gtid = known->second.gtid;
  outcome.outcome = known->second.outcome;
  outcome.reason = known->second.reason;
  outcome.replayed = true;
  done(outcome);
}

}  // namespace troth::coordinator
