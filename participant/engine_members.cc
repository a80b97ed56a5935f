// The other members of a transaction: they ask when its coordinator is silent, and in three-phase
// commit they are a quorum.
#include <fmt/format.h>

#include <algorithm>

#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

namespace {

std::string joined(const std::vector<NodeName>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name.text();
  return out;
}

}  // namespace

// False: it is none of the messages that members exchange.
bool Engine::on_member_message(const NodeName& from, const Message& message, Now now) {
  const Gtid gtid = gtid_of(message);
  if (operators_.find(gtid) != nullptr || operators_.was_forgotten(gtid))
    return on_member_message_by_hand(from, message);
  if (const auto* ask = std::get_if<AskMember>(&message)) {
    on_asked(from, ask->gtid, ask->named_epoch, false, now);
    return true;
  }
  const auto found = branches_.find(gtid);
  if (const auto* answer = std::get_if<MemberAnswer>(&message)) {
    if (found != branches_.end() && genuine(found->second, from))
      step(found->second, Branch::MemberAnswered{from, answer->knows}, now);
    return true;
  }
  auto ballot = ballot_message_of(message);
  if (!ballot) return false;
  if (found != branches_.end() && found->second.quorum) {
    if (genuine(found->second, from))
      step_quorum(found->second, QuorumBallot::Arrived{from, std::move(*ballot)}, now);
  } else if (const auto* elect = std::get_if<Elect>(&message)) {
    on_asked(from, elect->gtid, elect->named_epoch, true, now);
  } else if (const auto* decide = std::get_if<PreDecide>(&message)) {
    if (decide->decision == Decision::kCommit && found == branches_.end()) {
      if (!ended(decide->gtid)) amnesia(from, decide->gtid, "PRECOMMIT");
      return true;
    }
    on_asked(from, decide->gtid, decide->named_epoch, true, now);
  }
  return true;
}

// What an operator decided here binds this database and nobody else: the others hear that this node
// has voted yes, or the truth if that has come. A ballot goes on without it.
bool Engine::on_member_message_by_hand(const NodeName& from, const Message& message) {
  const Gtid gtid = gtid_of(message);
  const bool ballot =
      std::holds_alternative<Elect>(message) || std::holds_alternative<PreDecide>(message);
  const bool asks = ballot || std::holds_alternative<AskMember>(message);
  if (!asks) return ballot_message_of(message) || std::holds_alternative<MemberAnswer>(message);
  count("asked_by_members");
  const auto* known = operators_.find(gtid);
  const auto truth = known == nullptr ? Outcome::kPending : known->truth;
  if (truth == Outcome::kCommitted || truth == Outcome::kAborted) {
    const auto decision = truth == Outcome::kCommitted ? Decision::kCommit : Decision::kAbort;
    const Decide decide{gtid, decision, AnswerAt::kApplied, {}};
    hold(log_.appended(), {gtid, {{from, Message(decide)}}, {}, {}});
  } else if (!ballot) {
    send(from, MemberAnswer{gtid, MemberAnswer::Knows::kPrepared});
  }
  return true;
}

// A member that has not voted promises never to; the answer leaves once that is durable.
void Engine::on_asked(const NodeName& from, const Gtid& gtid, Epoch named, bool ballot, Now now) {
  count("asked_by_members");
  const auto found = branches_.find(gtid);
  if (found != branches_.end()) return step(found->second, Branch::MemberAsked{from, ballot}, now);
  if (ended(gtid)) return;  // it was carried out and forgotten: nobody can be in doubt of it
  // In two-phase commit it may have voted READ_ONLY before it restarted and forgotten that: a
  // promise could contradict a commit. In three-phase commit nobody votes READ_ONLY.
  if (!ballot && named < options_.epoch)
    return send(from, MemberAnswer{gtid, MemberAnswer::Knows::kNoOpinion});
  auto& entry =
      start_entry(gtid,
                  Branch::tombstone(
                      settings(), gtid,
                      {AbortCode::kTombstone,
                       fmt::format("{} asked for it before it arrived", from), options_.name, -1}),
                  now);
  step(entry, Branch::MemberAsked{from, ballot}, now);
}

// Never "unknown, so done": this node must have promised it and has no trace.
void Engine::amnesia(const NodeName& from, const Gtid& gtid, std::string_view told) {
  count("amnesia_alarms");
  const auto what = fmt::format(
      "{} was told to {} {} by {} and holds no trace of it: its log or database lost data",
      options_.name, told, gtid, from);
  alarm(what, gtid);
  send(from, Alarm{gtid, what});
}

// A node that took the name of a member, or lost the log it voted with, has no say.
bool Engine::genuine(const Entry& entry, const NodeName& from) {
  const auto& members = entry.branch.members();
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.name == from; });
  if (found == members.end() || found->log_id.is_nil()) return true;
  const auto known = peers_.position_of(from);
  if (known.log_id == found->log_id && known.epoch >= found->epoch) return true;
  alarm(fmt::format("{} answers for {} with another log than the one it was named with", from,
                    entry.branch.gtid()),
        entry.branch.gtid());
  return false;
}

void Engine::join_quorum(Entry& entry, std::optional<QuorumPosition> position, Now now) {
  const auto& branch = entry.branch;
  if (branch.protocol() != CommitProtocol::kThreePhase || entry.quorum || entry.before_adoption ||
      branch.state() != Branch::State::kPrepared || operators_.find(branch.gtid()) != nullptr)
    return;
  QuorumBallot::Setup setup;
  setup.gtid = branch.gtid();
  setup.self = options_.name;
  setup.members.push_back(branch.coordinator_member());
  setup.members.insert(setup.members.end(), branch.members().begin(), branch.members().end());
  const auto self = [&](const Member& member) { return member.name == options_.name; };
  if (std::none_of(setup.members.begin(), setup.members.end(), self)) {
    return alarm(fmt::format("{} does not name {} among its members", branch.gtid(), options_.name),
                 branch.gtid());
  }
  setup.ack_at = AnswerAt::kApplied;  // what the client wanted is known to the coordinator alone
  setup.suspicion = options_.suspicion;
  setup.suspicion.jitter ^= options_.log_id.bytes[0] ^ (std::uint64_t{options_.epoch.value} << 16);
  if (position) {
    entry.quorum = QuorumBallot::recovered(std::move(setup), *position, now.monotonic);
  } else {
    entry.quorum.emplace(std::move(setup), now.monotonic);
  }
  schedule(entry);
}

void Engine::step_quorum(Entry& entry, const QuorumBallot::Event& event, Now now) {
  if (!entry.quorum) return;
  const Gtid gtid = entry.branch.gtid();
  const auto before = entry.quorum->role();
  auto effects = entry.quorum->step(event, now.monotonic);
  if (before != entry.quorum->role() && entry.quorum->role() == QuorumBallot::Role::kElecting) {
    count("ballots_led");
    logger_.warn("its coordinator is silent, this node asks the members",
                 {{"txn", gtid},
                  {"coordinator", entry.branch.coordinator()},
                  {"ballot", text_of(entry.quorum->ballot())}});
  }
  if (effects.alarm) alarm(*effects.alarm, gtid);
  find_members(entry, effects.promises);
  Held held;
  held.gtid = gtid;
  if (effects.append) {
    const auto type = type_of(*effects.append);
    entry.promise_lsn = log_.append(type, encode(*effects.append), force_of(*effects.append));
    count("forced_writes");
    held.record = type;
  }
  held.promises = std::move(effects.promises);
  if (!held.promises.empty() || held.record) hold(entry.promise_lsn, std::move(held));
  schedule(entry);
  if (!effects.answer) return;
  count("quorum_decided");
  logger_.info("decided by a majority of its members",
               {{"txn", gtid}, {"decision", to_string(*effects.answer)}});
  AbortReason reason;
  if (*effects.answer == Decision::kAbort)
    reason = {AbortCode::kTimeout, "its members ended it without the coordinator", options_.name,
              -1};
  step(entry,
       Branch::Decided{options_.name,
                       Decide{gtid, *effects.answer, AnswerAt::kApplied, std::move(reason)}},
       now);
}

// However the branch learnt the decision, the quorum answers with it from now on.
void Engine::tell_quorum(Entry& entry, Now now) {
  if (entry.quorum->decided()) return;
  const auto state = entry.branch.state();
  if (state == Branch::State::kCommitting || state == Branch::State::kCommitted)
    entry.quorum->step(QuorumBallot::Decided{Decision::kCommit}, now.monotonic);
  if (state == Branch::State::kAborted)
    entry.quorum->step(QuorumBallot::Decided{Decision::kAbort}, now.monotonic);
  if (entry.quorum->decided()) schedule(entry);
}

// Links to other participants exist only where somebody had to ask: the PREPARED record says where.
void Engine::find_members(const Entry& entry, const std::vector<Outgoing>& messages) {
  for (const auto& out : messages) {
    if (out.to == entry.branch.coordinator()) continue;
    if (links_.count(out.to) != 0 && links_.at(out.to).connected) continue;
    auto address = peers_.address_of(out.to);
    for (const auto& member : entry.branch.members())
      if (member.name == out.to && address.empty()) address = member.address;
    if (!address.empty()) transport_.learn_address(out.to, address);
  }
}

std::string Engine::since_when(const NodeName& peer, Now now) const {
  const auto link = links_.find(peer);
  if (link == links_.end() || link->second.since_unix_ms == 0) return "since this node started";
  const auto seconds =
      std::max<std::int64_t>(0, now.wall.unix_ms - link->second.since_unix_ms) / 1000;
  return fmt::format("for {} s", seconds);
}

/// One or two sentences for a person: what is missing, and what would end it.
std::string Engine::why_blocked(const Entry& entry, Now now) const {
  const auto& branch = entry.branch;
  const auto& coordinator = branch.coordinator();
  const auto link = links_.find(coordinator);
  const bool reachable = link != links_.end() && link->second.connected;
  constexpr const char* kSafe = " No data is lost; its rows stay locked until then.";
  if (entry.quorum) {
    const auto& quorum = *entry.quorum;
    const auto members = quorum.setup().members.size();
    const auto silent = quorum.silent();
    if (quorum.role() == QuorumBallot::Role::kFollowing)
      return fmt::format(
          "This node voted yes; {} leads it{}. If that falls silent, the members "
          "decide by majority ({} of {}).{}",
          quorum.position().last_elected.round > 1 ? quorum.position().last_elected.node
                                                   : coordinator,
          reachable || quorum.position().last_elected.round > 1 ? "" : ", unreachable",
          quorum.quorum(), members, kSafe);
    const bool enough = members - silent.size() >= quorum.quorum();
    return fmt::format("{} of {} members {}: {}. {} must answer for a decision; ballot {} is {}.{}",
                       silent.size(), members, enough ? "have not answered yet" : "unreachable",
                       joined(silent), quorum.quorum(), text_of(quorum.ballot()),
                       to_string(quorum.role()), kSafe);
  }
  if (branch.continuity_not_proven())
    return fmt::format(
        "{} cannot prove what it decided (its log was adopted from a copy). The rows stay locked "
        "until an operator resolves it: troth txn resolve {} --dry-run --commit|--abort",
        coordinator, branch.gtid());
  if (branch.asked()) {
    const auto silent = branch.asked()->silent();
    if (!silent.empty())
      return fmt::format(
          "{} of {} other members unreachable: {}; coordinator {} down {}. Any of "
          "them may know, or may not have voted.{}",
          silent.size(), branch.members().size() - 1, joined(silent), coordinator,
          since_when(coordinator, now), kSafe);
    return fmt::format(
        "All members prepared, coordinator {} down {}: only {} knows. (Three-phase "
        "commit would end it by a majority.){}",
        coordinator, since_when(coordinator, now), coordinator, kSafe);
  }
  return fmt::format("This node voted yes and must wait for {}, which is {}.{}", coordinator,
                     reachable ? "reachable and being asked" : "unreachable", kSafe);
}

}  // namespace troth::participant
