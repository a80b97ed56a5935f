#include "participant/members.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::participant {

using namespace protocol;

namespace {

bool is_ballot_record(RecordType type) {
  return type == RecordType::kPrecommitted || type == RecordType::kPreaborted ||
         type == RecordType::kElected;
}

}  // namespace

bool Members::on_message(const NodeName& from, const Message& message, Now now) {
  const Gtid gtid = gtid_of(message);
  if (parts_.by_hand.find(gtid) != nullptr || parts_.by_hand.was_forgotten(gtid))
    return on_message_by_hand(from, message);
  if (const auto* ask = std::get_if<AskMember>(&message)) {
    on_asked(from, {ask->gtid, ask->named_epoch, ask->coordinator_seen, false}, now);
    return true;
  }
  auto* found = parts_.table.find(gtid);
  if (const auto* answer = std::get_if<MemberAnswer>(&message)) {
    if (found != nullptr && genuine(*found, from)) on_answer(*found, from, answer->knows, now);
    return true;
  }
  auto ballot = ballot_message_of(message);
  if (!ballot) return false;
  if (found != nullptr && found->quorum) {
    if (genuine(*found, from)) step(*found, QuorumBallot::Arrived{from, std::move(*ballot)}, now);
  } else if (const auto* elect = std::get_if<Elect>(&message)) {
    on_asked(from, {elect->gtid, elect->named_epoch, elect->coordinator_seen, true}, now);
  } else if (const auto* decide = std::get_if<PreDecide>(&message)) {
    if (decide->decision == Decision::kCommit && found == nullptr) {
      if (!parts_.horizon.ended(decide->gtid)) amnesia(from, decide->gtid, "PRECOMMIT");
      return true;
    }
    on_asked(from, {decide->gtid, decide->named_epoch, {}, true}, now);
  }
  return true;
}

// An operator's decision here binds only this database. The other members hear that this node has
// voted yes, or the true decision if this node has learnt it. A ballot goes on without it.
bool Members::on_message_by_hand(const NodeName& from, const Message& message) {
  const Gtid gtid = gtid_of(message);
  const bool ballot =
      std::holds_alternative<Elect>(message) || std::holds_alternative<PreDecide>(message);
  const bool asks = ballot || std::holds_alternative<AskMember>(message);
  if (!asks) return ballot_message_of(message) || std::holds_alternative<MemberAnswer>(message);
  reports_.count("asked_by_members");
  const auto* known = parts_.by_hand.find(gtid);
  const auto truth = known == nullptr ? Outcome::kPending : known->truth;
  if (truth == Outcome::kCommitted || truth == Outcome::kAborted) {
    const auto decision = truth == Outcome::kCommitted ? Decision::kCommit : Decision::kAbort;
    const Decide decide{gtid, decision, AnswerAt::kApplied, {}};
    parts_.promises.hold(log_.appended(), gtid, from, Message(decide));
  } else if (!ballot) {
    parts_.promises.send(from, MemberAnswer{gtid, MemberAnswer::Knows::kPrepared});
  }
  return true;
}

// A member that has not voted promises never to; the answer leaves once that is durable.
void Members::on_asked(const NodeName& from, const Question& asked, Now now) {
  const auto& [gtid, named, coordinator_seen, ballot] = asked;
  reports_.count("asked_by_members");
  auto* found = parts_.table.find(gtid);
  if (found != nullptr) {
    const auto& branch = found->branch;
    const bool names_members = branch.is_over() || !branch.prepared_record().members.empty();
    if (!names_members && !may_speak_for(from, gtid, now)) return withhold(from, asked);
    return parts_.branches.step(*found, Branch::MemberAsked{from, ballot}, now);
  }
  if (may_say_ended(asked))
    return parts_.promises.send(from, MemberAnswer{gtid, MemberAnswer::Knows::kEnded});
  if (parts_.horizon.ended(gtid)) return;  // it is forgotten here: nothing can be said
  // Silence in a ballot: the others wait for a member that knows.
  if (!parts_.presumption.may_promise(gtid, named)) return withhold(from, asked);
  // In two-phase commit it may have voted READ_ONLY before it restarted and forgotten that: a
  // promise could contradict a commit. In three-phase commit no member votes READ_ONLY.
  if (!ballot && named < options_.epoch)
    return parts_.promises.send(from, MemberAnswer{gtid, MemberAnswer::Knows::kNoOpinion});
  if (!may_speak_for(from, gtid, now)) return withhold(from, asked);
  auto& entry =
      parts_.table.start(gtid,
                         Branch::tombstone(parts_.table.settings(), gtid,
                                           {AbortCode::kTombstone,
                                            fmt::format("{} asked for it before it arrived", from),
                                            options_.name, -1}),
                         now);
  parts_.branches.step(entry, Branch::MemberAsked{from, ballot}, now);
}

// No record here says that `from` is a member. Its word counts only if the coordinator is silent: a
// live coordinator asks for the vote itself, or ends the transaction.
bool Members::may_speak_for(const NodeName& from, const Gtid& gtid, Now now) {
  if (parts_.peers.owns(from, gtid)) return true;
  if (gtid.decider() != Decider::kCoordinator) return false;  // such a branch has no other member
  const auto judged = silence_.judge(
      gtid.tag(), [&](const NodeName& name) { return parts_.links.to_peer(name); }, now.monotonic);
  if (judged.verdict == CoordinatorSilence::Verdict::kReach)
    parts_.links.reach(judged.name, now.monotonic);
  if (judged.verdict == CoordinatorSilence::Verdict::kAsk) {
    // A message that is ignored because it comes late: that it is taken shows that a node is there.
    parts_.promises.send(judged.name, Released{Gtid(gtid.tag(), gtid.epoch(), 0, gtid.decider())});
  }
  return judged.verdict == CoordinatorSilence::Verdict::kSilent &&
         silence_.take_promise(gtid.tag());
}

void Members::withhold(const NodeName& from, const Question& asked) {
  reports_.count("promises_withheld");
  if (!asked.ballot)
    parts_.promises.send(from, MemberAnswer{asked.gtid, MemberAnswer::Knows::kNoOpinion});
}

void Members::heard(const NodeName& from, MonotonicTime now) {
  const auto* known = parts_.peers.find(from);
  if (known != nullptr && known->role == Role::kCoordinator && !known->position.log_id.is_nil())
    silence_.heard(CoordinatorTag::of(known->position.log_id), from, now);
}

void Members::on_answer(BranchEntry& entry, const NodeName& from, MemberAnswer::Knows knows,
                        Now now) {
  const bool aborts =
      knows == MemberAnswer::Knows::kEnded && entry.branch.in_doubt() && !entry.recovered;
  if (!aborts) return parts_.branches.step(entry, Branch::MemberAnswered{from, knows}, now);
  reports_.count("presumed_aborts");
  const Gtid gtid = entry.branch.gtid();
  AbortReason reason{AbortCode::kPresumedAbort,
                     fmt::format("its coordinator told {} that it is ended", from), options_.name,
                     -1};
  parts_.branches.step(
      entry,
      Branch::Decided{from, Decide{gtid, Decision::kAbort, AnswerAt::kDecided, std::move(reason)}},
      now);
}

// This member may pass on "ended" only if the coordinator that said so would convince the asking
// member too: its log reaches as far as that member has seen it.
bool Members::may_say_ended(const Question& asked) const {
  if (asked.coordinator_seen.value == 0 || !parts_.presumption.aborted_if_in_doubt(asked.gtid))
    return false;
  const auto peers = parts_.peers.records();
  return std::any_of(peers.begin(), peers.end(), [&](const PeerRecord& peer) {
    const auto& position = peer.position;
    return !position.log_id.is_nil() && CoordinatorTag::of(position.log_id) == asked.gtid.tag() &&
           asked.coordinator_seen <= position.durable;
  });
}

// Never "unknown, so done": this node must have promised it and has no trace.
void Members::amnesia(const NodeName& from, const Gtid& gtid, std::string_view told) {
  reports_.count("amnesia_alarms");
  const auto what = fmt::format(
      "{} was told to {} {} by {} and holds no trace of it: its log or database lost data",
      options_.name, told, gtid, from);
  reports_.alarm(what, gtid, Alarms::Until::kRestart, from);
  parts_.promises.send(from, Alarm{gtid, what});
}

bool Members::genuine(const BranchEntry& entry, const NodeName& from) {
  const auto& members = entry.branch.prepared_record().members;
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.name == from; });
  if (found == members.end() || found->log_id.is_nil()) return true;
  const auto known = parts_.peers.position_of(from);
  if (known.log_id == found->log_id && known.epoch >= found->epoch) return true;
  // Not greeted yet, or an earlier incarnation of it: it is asked again.
  if (known.log_id.is_nil() || known.log_id == found->log_id) return false;
  reports_.alarm(fmt::format("{} answers for {} with another log than the one it was named with",
                             from, entry.branch.gtid()),
                 entry.branch.gtid(), Alarms::Until::kRestart, from);
  return false;
}

void Members::join(BranchEntry& entry, std::optional<QuorumPosition> position, Now now) {
  const auto& branch = entry.branch;
  if (branch.prepared_record().protocol != CommitProtocol::kThreePhase || entry.quorum ||
      entry.before_adoption || branch.state() != Branch::State::kPrepared ||
      parts_.by_hand.find(branch.gtid()) != nullptr)
    return;
  QuorumBallot::Setup setup;
  setup.gtid = branch.gtid();
  setup.self = options_.name;
  setup.members.push_back(branch.prepared_record().coordinator);
  setup.members.insert(setup.members.end(), branch.prepared_record().members.begin(),
                       branch.prepared_record().members.end());
  const auto self = [&](const Member& member) { return member.name == options_.name; };
  if (std::none_of(setup.members.begin(), setup.members.end(), self)) {
    return reports_.alarm(
        fmt::format("{} does not name {} among its members", branch.gtid(), options_.name),
        branch.gtid());
  }
  setup.ack_at = AnswerAt::kApplied;  // only the coordinator knows what the client wanted
  setup.suspicion = options_.suspicion;
  setup.suspicion.jitter ^= options_.log_id.bytes[0] ^ (std::uint64_t{options_.epoch.value} << 16);
  if (position) {
    entry.quorum = QuorumBallot::recovered(std::move(setup), *position, now.monotonic);
  } else {
    entry.quorum.emplace(std::move(setup), now.monotonic);
  }
  parts_.table.schedule(entry);
}

void Members::step(BranchEntry& entry, const QuorumBallot::Event& event, Now now) {
  if (!entry.quorum) return;
  const Gtid gtid = entry.branch.gtid();
  const auto before = entry.quorum->role();
  auto effects = entry.quorum->step(event, now.monotonic);
  if (before != entry.quorum->role() && entry.quorum->role() == QuorumBallot::Role::kElecting) {
    reports_.count("ballots_led");
    reports_.log().warn("its coordinator is silent, this node asks the members",
                        {{"txn", gtid},
                         {"coordinator", entry.branch.coordinator()},
                         {"ballot", text_of(entry.quorum->ballot())}});
  }
  if (effects.alarm) reports_.alarm(*effects.alarm, gtid);
  for (auto& out : effects.promises) parts_.links.address(entry, out, now.monotonic);
  Promises::Held held;
  held.gtid = gtid;
  if (effects.append) {
    const auto type = type_of(*effects.append);
    entry.promise_lsn = log_.append(type, encode(*effects.append), force_of(*effects.append));
    reports_.count("forced_writes");
    held.record = type;
  }
  held.promises = std::move(effects.promises);
  if (!held.promises.empty() || held.record)
    parts_.promises.hold(entry.promise_lsn, std::move(held));
  parts_.table.schedule(entry);
  if (!effects.answer) return;
  decided(entry, *effects.answer, now);
}

void Members::decided(BranchEntry& entry, Decision decision, Now now) {
  const Gtid gtid = entry.branch.gtid();
  reports_.count("quorum_decided");
  reports_.log().info("decided by a majority of its members",
                      {{"txn", gtid}, {"decision", to_string(decision)}});
  AbortReason reason;
  if (decision == Decision::kAbort)
    reason = {AbortCode::kTimeout, "its members ended it without the coordinator", options_.name,
              -1};
  parts_.branches.step(
      entry,
      Branch::Decided{options_.name, Decide{gtid, decision, AnswerAt::kApplied, std::move(reason)}},
      now);
}

void Members::on_durable(const Gtid& gtid, RecordType record, Now now) {
  auto* entry = parts_.table.find(gtid);
  if (entry == nullptr) return;
  if (is_ballot_record(record)) return step(*entry, QuorumBallot::RecordDurable{}, now);
  parts_.branches.step(*entry, Branch::RecordDurable{}, now);
  join(*entry, std::nullopt, now);
}

void Members::tick(BranchEntry& entry, Now now) {
  if (entry.quorum && entry.quorum->next_wake() && *entry.quorum->next_wake() <= now.monotonic)
    step(entry, QuorumBallot::Tick{}, now);
}

void Members::on_reachable(const NodeName& peer, Now now) {
  for (auto& [gtid, entry] : parts_.table) {
    const auto& branch = entry.branch;
    if (branch.in_doubt() && branch.coordinator() == peer) {
      parts_.branches.step(entry, Branch::RetryNow{}, now);
    } else if (branch.inquiries().asked()) {
      parts_.branches.step(entry, Branch::MemberReachable{}, now);
    }
    if (entry.quorum && (entry.quorum->role() == QuorumBallot::Role::kElecting ||
                         entry.quorum->role() == QuorumBallot::Role::kAttempting))
      step(entry, QuorumBallot::Suspect{}, now);  // repeats its question
  }
}

}  // namespace troth::participant
