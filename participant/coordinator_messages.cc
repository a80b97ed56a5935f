#include "participant/coordinator_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "os/failpoint.h"

namespace troth::participant {

using namespace protocol;

namespace {

std::string on_a_copy(const NodeName& self) {
  return fmt::format("{} runs on an adopted copy of its log, which may lack it", self);
}

// The abort of a one-phase request is recorded only where it keeps a key (OnePhaseKeys).
bool is_recorded(const BranchEntry& entry) {
  if (entry.branch.gtid().decider() != Decider::kParticipant || entry.recovered) return true;
  return !entry.key.empty() && !is_retryable(entry.branch.reason().code);
}

// As far as this participant knows.
Recalled recalled(const BranchEntry& entry) {
  using State = Branch::State;
  const auto& branch = entry.branch;
  Recalled out;
  out.first_gtid = branch.gtid();
  const auto state = branch.state();
  // That a one-phase request never came here says nothing about its only participant.
  const bool never_came = branch.gtid().decider() == Decider::kParticipant &&
                          branch.reason().code == AbortCode::kTombstone;
  if (entry.only_read && state == State::kCommitted) {
    out.knows = Recalled::Knows::kForgotten;
    out.reason.detail = "it only read, so nothing is kept of it";
  } else if (state == State::kAborted && never_came) {
    out.knows = Recalled::Knows::kNothing;
  } else if (state == State::kAborted && !is_recorded(entry)) {
    // After a crash the repeated request would be executed: only its coordinator knows that it is
    // not repeated any more.
    out.knows = Recalled::Knows::kUndecided;
  } else if (state == State::kAborted) {
    out.knows = Recalled::Knows::kOutcome;
    out.outcome = Outcome::kAborted;
    out.reason = branch.reason();
  } else if (state == State::kCommitting || state == State::kCommitted) {
    out.knows = Recalled::Knows::kOutcome;
    out.outcome = Outcome::kCommitted;
  } else {
    out.knows =
        state == State::kForgotten ? Recalled::Knows::kForgotten : Recalled::Knows::kUndecided;
  }
  return out;
}

// Of one that a person decided here, which is not what it came to. Nothing: nobody did.
std::optional<Recalled> recalled_by_hand(const recovery::OperatorBook& book, const Gtid& gtid) {
  const auto* decided = book.find(gtid);
  if (decided == nullptr && !book.was_forgotten(gtid)) return std::nullopt;
  Recalled out;
  out.first_gtid = gtid;
  if (decided == nullptr) {
    out.knows = Recalled::Knows::kForgotten;
  } else if (decided->truth == Outcome::kCommitted || decided->truth == Outcome::kAborted) {
    out.knows = Recalled::Knows::kOutcome;
    out.outcome = decided->truth;
  } else {
    out.knows = Recalled::Knows::kUndecided;
  }
  return out;
}

}  // namespace

bool CoordinatorMessages::has_room(const NodeName& from, const Gtid& gtid) {
  if (parts_.table.find(gtid) != nullptr || parts_.table.has_room_for(gtid.tag())) return true;
  reports_.count("outcomes_refused");
  reports_.log().warn(
      "dropped a message: too many outcomes of its coordinator are remembered, "
      "because it does not say what has ended",
      {{"peer", from}, {"txn", gtid}});
  return false;
}

void CoordinatorMessages::handle(const NodeName& from, Message&& message, Now now) {
  if (!has_room(from, gtid_of(message))) return;
  if (auto* prepare = std::get_if<Prepare>(&message))
    return on_prepare(from, std::move(*prepare), now);
  if (auto* decide = std::get_if<Decide>(&message)) return on_decide(from, std::move(*decide), now);
  if (auto* execute = std::get_if<Execute>(&message))
    return on_execute(from, std::move(*execute), now);
  if (auto* one_phase = std::get_if<CommitOnePhase>(&message))
    return on_one_phase(from, std::move(*one_phase), now);
  if (const auto* inquire = std::get_if<InquireOnePhase>(&message))
    return on_inquire_one_phase(from, *inquire, now);
  if (const auto* recall = std::get_if<Recall>(&message)) return on_recall(from, *recall);
  if (const auto* reply = std::get_if<InquiryReply>(&message))
    return on_inquiry_reply(from, *reply, now);
  if (parts_.members.on_message(from, message, now)) return;
  auto* found = parts_.table.find(gtid_of(message));
  if (std::holds_alternative<Release>(message)) {
    if (found != nullptr) parts_.branches.step(*found, Branch::ReleaseArrived{}, now);
  } else {
    reports_.count("misdirected");  // a coordinator's message to a coordinator
  }
}

void CoordinatorMessages::on_inquiry_reply(const NodeName& from, const InquiryReply& reply,
                                           Now now) {
  if (reply.answer == InquiryReply::Answer::kContinuityNotProven) parts_.by_hand.hazard(reply.gtid);
  auto* found = parts_.table.find(reply.gtid);
  if (found == nullptr) return;
  BranchEntry& entry = *found;
  const bool before = entry.branch.inquiries().continuity_not_proven();
  parts_.branches.step(entry, Branch::InquiryAnswered{reply.answer}, now);
  if (entry.quorum && reply.answer == InquiryReply::Answer::kUndecided)
    parts_.members.step(entry, QuorumBallot::Heard{}, now);
  if (!before && entry.branch.inquiries().continuity_not_proven() && !entry.quorum)
    reports_.alarm(
        fmt::format("{} is prepared here and its coordinator {} cannot prove what it decided: "
                    "an operator must decide",
                    reply.gtid, from),
        reply.gtid, Alarms::Until::kEnded);
  if (before && !entry.branch.inquiries().continuity_not_proven()) reports_.end_alarm(reply.gtid);
}

std::optional<AbortReason> CoordinatorMessages::admission(const NodeName& from,
                                                          Epoch of_coordinator,
                                                          const Gtid& gtid) const {
  if (gtid.epoch() < of_coordinator && from != options_.name &&
      CoordinatorTag::of(parts_.peers.position_of(from).log_id) == gtid.tag())
    return AbortReason{AbortCode::kStaleEpoch, fmt::format("{} has restarted since", from),
                       options_.name, -1};
  if (parts_.standing.quarantine().active())
    return AbortReason{AbortCode::kDraining, parts_.standing.quarantine().reason(), options_.name,
                       -1};
  if (parts_.standing.stopped())
    return AbortReason{AbortCode::kInternal,
                       fmt::format("{} has failed and must be restarted: {}", options_.name,
                                   parts_.standing.failure()->context),
                       options_.name, -1};
  if (parts_.standing.draining())
    return AbortReason{AbortCode::kDraining, fmt::format("{} is shutting down", options_.name),
                       options_.name, -1};
  if (!log_.has_room())
    return AbortReason{AbortCode::kLogFull, "no disk space is left for the log", options_.name, -1};
  if (parts_.table.live() >= options_.max_branches)
    return AbortReason{AbortCode::kBusy,
                       fmt::format("{} branches are in progress", parts_.table.live()),
                       options_.name, -1};
  if (const auto own = parts_.table.live_of(gtid.tag());
      own >= std::max<std::size_t>(options_.max_branches / 2, 1) &&
      parts_.peers.table().is_accepted(from))
    return AbortReason{AbortCode::kBusy,
                       fmt::format("{} branches of {} are in progress, and the settings of {} do "
                                   "not name it: others get the rest",
                                   own, from, options_.name),
                       options_.name, -1};
  return std::nullopt;
}

// A NO is remembered: the same request, repeated, must not suddenly be executed.
BranchEntry& CoordinatorMessages::admit(const NodeName& from, Epoch of_coordinator,
                                        const Gtid& gtid, Branch::Kind kind,
                                        const Priority& priority, Now now) {
  const auto refused = admission(from, of_coordinator, gtid);
  auto& entry = refused ? parts_.table.start(
                              gtid, Branch::tombstone(parts_.table.settings(), gtid, *refused), now)
                        : parts_.table.start(gtid, kind, now);
  entry.priority = priority;
  return entry;
}

// A log that was adopted since may have refused it to the other members.
bool CoordinatorMessages::may_vote_on(const Prepare& message) const {
  for (const auto& member : message.members)
    if (member.name == options_.name)
      return parts_.presumption.may_promise(message.gtid, member.epoch);
  return true;
}

void CoordinatorMessages::on_prepare(const NodeName& from, Prepare&& message, Now now) {
  TROTH_FAILPOINT("participant.prepare.received");
  // A late duplicate: no node waits for the vote, and a tombstone would contradict the decision
  // that was carried out and forgotten.
  if (parts_.horizon.ended(message.gtid)) return reports_.count("late_duplicates");
  auto* found = parts_.table.find(message.gtid);
  const Gtid gtid = message.gtid;
  const Priority priority = message.priority;
  std::vector<Statement> statements = std::move(message.statements);
  parts_.peers.hear_members(message.members);
  const bool may_vote = may_vote_on(message);
  const auto* known = parts_.peers.find(from);
  Branch::Event event;
  auto& prepared = event.emplace<Branch::PrepareArrived>();
  prepared.message = std::move(message);
  prepared.coordinator = PeerHandshake::member(from, known);
  if (known != nullptr) prepared.coordinator_durable = known->position.durable;
  if (found != nullptr && found->branch.interactive() && !log_.has_room())
    parts_.branches.refuse_for_space(*found, now);
  if (found != nullptr) return parts_.branches.step(*found, std::move(event), now, &statements);
  auto& entry =
      may_vote
          ? admit(from, prepared.coordinator.epoch, gtid, Branch::Kind::kTwoPhase, priority, now)
          : parts_.table.start(
                gtid,
                Branch::tombstone(
                    parts_.table.settings(), gtid,
                    {AbortCode::kStaleEpoch, fmt::format("{} was adopted since", options_.name),
                     options_.name, -1}),
                now);
  reports_.count("prepares");
  parts_.branches.step(entry, std::move(event), now, &statements);
}

void CoordinatorMessages::on_one_phase(const NodeName& from, CommitOnePhase&& message, Now now) {
  const Gtid gtid = message.gtid;
  auto* found = parts_.table.find(gtid);
  std::vector<Statement> statements = std::move(message.statements);
  if (found != nullptr)
    return parts_.branches.step(*found, Branch::OnePhase{from, std::move(message), now.wall}, now,
                                &statements);
  if (parts_.horizon.ended(gtid))
    return reports_.count("late_duplicates");  // "aborted" could be a lie
  if (parts_.keys.answers(from, message, now)) return;
  const auto no_room = message.idempotency_key.empty() ? std::nullopt : parts_.keys.refusal(now);
  auto& entry = no_room ? parts_.table.start(
                              gtid, Branch::tombstone(parts_.table.settings(), gtid, *no_room), now)
                        : admit(from, parts_.peers.position_of(from).epoch, gtid,
                                Branch::Kind::kOnePhase, message.priority, now);
  const bool refused = entry.branch.is_over();
  if (!message.idempotency_key.empty() && !refused)  // a refusal leaves the key free
    parts_.keys.begin(entry, message, now);
  reports_.count("one_phase");
  parts_.branches.step(entry, Branch::OnePhase{from, std::move(message), now.wall}, now,
                       &statements);
}

// A member that the branch's record names may hand a decision on. Where no record names members,
// only the coordinator may end what executes here, or what will come. COMMIT of a branch that is
// not here decides nothing: it raises an alarm.
bool CoordinatorMessages::may_decide(const NodeName& from, const BranchEntry* found,
                                     const Decide& message) const {
  if (parts_.peers.owns(from, message.gtid)) return true;
  if (found == nullptr) return message.decision == Decision::kCommit;
  return found->branch.is_over() || !found->branch.prepared_record().members.empty();
}

void CoordinatorMessages::on_decide(const NodeName& from, Decide&& message, Now now) {
  auto* found = parts_.table.find(message.gtid);
  if (message.decision == Decision::kCommit) {
    TROTH_FAILPOINT("participant.commit.received");
  } else {
    TROTH_FAILPOINT("participant.abort.received");
  }
  if (found != nullptr && !parts_.members.genuine(*found, from)) return;
  if (parts_.by_hand.compare_with_truth(from, message, now)) return;
  if (!may_decide(from, found, message)) return reports_.count("unauthorized");
  if (message.ack_at == AnswerAt::kApplied) parts_.flush.await_file();
  if (found != nullptr) {
    Branch::Event event;
    auto& decided = event.emplace<Branch::Decided>();
    decided.from = from;
    decided.message = std::move(message);
    return parts_.branches.step(*found, std::move(event), now);
  }
  if (parts_.horizon.ended(message.gtid)) {
    // A late duplicate of something ended everywhere: every ack of it was durable before.
    if (message.decision == Decision::kCommit) parts_.promises.repeat(from, Ack{message.gtid});
    return;
  }
  if (message.decision == Decision::kAbort) {
    constexpr std::size_t kMostOfReason = 256;  // it is kept, and the coordinator says anything
    if (auto& detail = message.reason.detail; detail.size() > kMostOfReason)
      detail.resize(kMostOfReason);
    parts_.table.start(message.gtid,
                       Branch::tombstone(parts_.table.settings(), message.gtid, message.reason),
                       now);
    return;
  }
  parts_.members.amnesia(from, message.gtid, "COMMIT");
}

void CoordinatorMessages::on_inquire_one_phase(const NodeName& from, const InquireOnePhase& message,
                                               Now now) {
  auto* found = parts_.table.find(message.gtid);
  if (found != nullptr) {
    if (found->lock_deadline && found->branch.state() == Branch::State::kExecuting)
      return parts_.wounds.give_up(*found, now);  // the coordinator stopped waiting; say for what
    return parts_.branches.step(*found, Branch::OnePhaseInquired{from}, now);
  }
  if (parts_.keys.answers_inquiry(from, message.gtid)) return;
  if (!parts_.presumption.may_promise(message.gtid, message.named_epoch))
    return not_remembered(from, message.gtid);
  // Of an earlier epoch: it is refused whenever it comes (admission()), as soon as the newer epoch
  // is in the log.
  if (message.gtid.epoch() < parts_.peers.position_of(from).epoch) {
    OnePhaseResult result;
    result.gtid = result.first_gtid = message.gtid;
    result.reason = {AbortCode::kTombstone, "it never arrived", options_.name, -1};
    return parts_.promises.hold(log_.appended(), message.gtid, from, Message(std::move(result)));
  }
  const auto tag = message.gtid.tag();
  if (!never_arrived_.take(tag, [&] { return parts_.table.one_phase_aborts(tag); }))
    return reports_.count("promises_withheld");
  auto& entry = parts_.table.start(
      message.gtid,
      Branch::tombstone(parts_.table.settings(), message.gtid,
                        {AbortCode::kTombstone, "it never arrived", options_.name, -1}),
      now);
  const Record refused{RefusedRecord{message.gtid}};  // forced: the answer below is a promise
  reports_.count("forced_writes");
  entry.promise_lsn = log_.append(type_of(refused), encode(refused), force_of(refused));
  parts_.branches.step(entry, Branch::OnePhaseInquired{from}, now);
}

void CoordinatorMessages::not_remembered(const NodeName& from, const Gtid& gtid) {
  OnePhaseResult result;
  result.gtid = result.first_gtid = gtid;
  result.outcome = Outcome::kInDoubt;
  result.forgotten = true;
  const bool ended = parts_.horizon.ended(gtid);
  // Only branches whose commit is in the file, or that did not commit, are forgotten.
  result.applied = ended && parts_.presumption.adopted().lineage == 0;
  result.reason = {
      AbortCode::kNone,
      ended ? fmt::format("{} does not remember it: it ended too long ago", options_.name)
            : on_a_copy(options_.name),
      options_.name, -1};
  parts_.promises.hold({}, gtid, from, Message(std::move(result)));
}

// Nothing follows from the question for the transaction: it may be another coordinator's.
void CoordinatorMessages::on_recall(const NodeName& from, const Recall& message) {
  Lsn until;
  Recalled answer;
  if (auto known = parts_.keys.find(message.idempotency_key, until); known) {
    answer = std::move(*known);
  } else if (auto by_hand = recalled_by_hand(parts_.by_hand.book(), message.gtid); by_hand) {
    answer = std::move(*by_hand);
  } else if (const auto* found = parts_.table.find(message.gtid); found != nullptr) {
    answer = recalled(*found);
    until = found->promise_lsn;
  } else if (!message.gtid.is_nil() && parts_.horizon.ended(message.gtid)) {
    answer.knows = Recalled::Knows::kForgotten;
    answer.first_gtid = message.gtid;
  } else if (parts_.presumption.adopted().lineage > 0) {  // its log may lack anything older
    answer.knows = Recalled::Knows::kForgotten;
    answer.first_gtid = message.gtid;
    answer.reason.detail = on_a_copy(options_.name);
  }
  answer.gtid = message.gtid;
  answer.idempotency_key = message.idempotency_key;
  parts_.promises.hold(until, message.gtid, from, Message(std::move(answer)));
}

// An open branch lives as long as the process that opened it at its coordinator.
void CoordinatorMessages::drop_open_branches(const NodeName& coordinator, Now now) {
  const auto known = parts_.peers.position_of(coordinator);
  std::vector<Gtid> orphans;
  for (const auto& [gtid, entry] : parts_.table)
    if (entry.branch.interactive() && !entry.branch.is_over() &&
        entry.branch.coordinator() == coordinator && gtid.epoch() < known.epoch)
      orphans.push_back(gtid);
  for (const auto& gtid : orphans)
    parts_.branches.step(
        parts_.table.at(gtid),
        Branch::Dropped{{AbortCode::kStaleEpoch, fmt::format("{} has restarted", coordinator),
                         options_.name, -1}},
        now);
}

void CoordinatorMessages::on_execute(const NodeName& from, Execute&& message, Now now) {
  const Gtid gtid = message.gtid;
  if (parts_.horizon.ended(gtid)) return reports_.count("late_duplicates");
  auto* found = parts_.table.find(gtid);
  const auto* known = parts_.peers.find(from);
  const Priority priority = message.priority;
  std::vector<Statement> statements = std::move(message.statements);
  Branch::ExecuteArrived event{std::move(message), PeerHandshake::member(from, known),
                               known == nullptr ? Lsn{} : known->position.durable};
  if (found != nullptr) return parts_.branches.step(*found, std::move(event), now, &statements);
  auto& entry = admit(from, event.coordinator.epoch, gtid, Branch::Kind::kTwoPhase, priority, now);
  reports_.count("interactive");
  parts_.branches.step(entry, std::move(event), now, &statements);
}

}  // namespace troth::participant
