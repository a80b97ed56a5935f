// Messages and operators' requests for running transactions.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/transactions.h"

namespace troth::coordinator {

using namespace protocol;
using Kind = TimelineEvent::Kind;

namespace {

// A configured node that has no branch of a transaction could otherwise end it.
bool may_speak_of(Core& core, const Transaction& txn, const NodeName& from) {
  if (txn.is_member(from)) return true;
  core.reports.count("unauthorized");
  core.reports.log().debug("refused the word of a node that is no member",
                           {{"txn", txn.gtid()}, {"peer", from}});
  return false;
}

}  // namespace

bool Transactions::take(const NodeName& from, Message& message, Now now) {
  auto* found = tables_.live.find(gtid_of(message));
  if (found == nullptr || found->global() == nullptr) return false;
  Transaction& txn = *found;
  // A question changes nothing. After a restart the members that only read are unknown, and may ask.
  if (!std::holds_alternative<Inquire>(message) && !may_speak_of(core_, txn, from)) return true;
  const NodeName* const known = core_.options.find(from);
  if (auto* vote = std::get_if<VoteMessage>(&message)) {
    txn.note({Kind::kVote, to_string(vote->vote), known, {}, {}}, now);
    if (core_.spans.any())
      core_.spans.end(vote->gtid, from, "prepare",
                      vote->vote == Vote::kAbort ? std::string(to_string(vote->reason.code)) : "",
                      now);
    step(txn, GlobalCommit::Event(GlobalCommit::VoteArrived{from, std::move(*vote)}), now);
  } else if (std::holds_alternative<Released>(message)) {
    txn.note({Kind::kReleased, {}, known, {}, {}}, now);
    const Epoch epoch = peers_.position_of(from).epoch;
    step(txn, GlobalCommit::Event(GlobalCommit::ReleasedArrived{from, epoch}), now);
  } else if (std::holds_alternative<Ack>(message)) {
    txn.note({Kind::kAck, {}, known, {}, {}}, now);
    if (core_.spans.any()) core_.spans.end(gtid_of(message), from, "commit", "", now);
    step(txn, GlobalCommit::Event(GlobalCommit::AckArrived{from}), now);
  } else if (std::holds_alternative<Inquire>(message)) {
    step(txn, GlobalCommit::Event(GlobalCommit::Inquired{from}), now);
  } else if (auto ballot = ballot_message_of(message)) {
    step(txn, GlobalCommit::Event(GlobalCommit::BallotArrived{from, std::move(*ballot)}), now);
  } else if (const auto* decide = std::get_if<Decide>(&message)) {
    txn.note({Kind::kSays, to_string(decide->decision), known, {}, {}}, now);
    step(txn, GlobalCommit::Event(GlobalCommit::DecideArrived{from, *decide}), now);
  } else {
    core_.reports.count("misdirected");
  }
  return true;
}

bool Transactions::take(const NodeName& from, const OnePhaseResult& result, Now now) {
  if (core_.spans.any())
    core_.spans.end(
        result.gtid, from, "commitOnePhase",
        result.outcome == Outcome::kAborted ? std::string(to_string(result.reason.code)) : "", now);
  auto* txn = tables_.live.find(result.gtid);
  if (txn == nullptr || txn->global() != nullptr) return false;
  if (!may_speak_of(core_, *txn, from)) return true;
  if (result.key_conflict) {
    refuse_key(*txn, from, now);
  } else {
    step(*txn, OnePhaseCommit::Event(OnePhaseCommit::ResultArrived{from, result}), now);
  }
  return true;
}

// Its participant knows the key, and another request with it.
void Transactions::refuse_key(Transaction& txn, const NodeName& participant, Now now) {
  const Gtid gtid = txn.gtid();
  SubmitReply reply;
  reply.refusal =
      Refusal{{ErrorCode::kAlreadyExists, "the idempotency key was used for another request"},
              AbortCode::kKeyReused,
              {}};
  core_.reports.count("refused");
  for (auto& client : std::exchange(txn.clients, {})) client(SubmitReply(reply));
  tables_.keys.end(txn.key());
  erase(gtid);
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.outcome = Outcome::kAborted;
  outcome.reason = {AbortCode::kKeyReused, reply.refusal->error.context, participant, -1};
  answer(gtid, std::move(outcome), now);
}

// Until every vote is in, the younger transaction gives way. Afterwards the COMMIT record is being
// forced, or a majority of members decides (three-phase: this node is only one of them, and its own
// promise could contradict theirs). So nothing here may abort it, and its locks will be free soon.
bool Transactions::take(const NodeName& from, const Wound& wound, Now now) {
  auto* txn = tables_.live.find(wound.gtid);
  if (txn == nullptr || txn->global() == nullptr) return false;
  if (!may_speak_of(core_, *txn, from)) return true;
  if (!txn->global()->undecided()) {
    core_.reports.count("wounds_refused");
    step(*txn, GlobalCommit::Event(GlobalCommit::Inquired{from}), now);
    return true;
  }
  core_.reports.count("wounded");
  txn->gave_way_to = wound.waiter;
  txn->note({Kind::kWound, {}, core_.options.find(from), {}, {}}, now);
  AbortReason reason{AbortCode::kDeadlock,
                     fmt::format("gave way to the older transaction {}, which waited for {}",
                                 wound.waiter, wound.resource),
                     from, -1};
  step(*txn, GlobalCommit::Event(GlobalCommit::Cancel{std::move(reason)}), now);
  return true;
}

void Transactions::on_restarted(const NodeName& peer, Epoch epoch, Now now) {
  for (const auto& gtid : tables_.live.gtids()) {
    auto* txn = tables_.live.find(gtid);
    if (txn == nullptr || txn->global() == nullptr) continue;
    step(*txn, GlobalCommit::Event(GlobalCommit::MemberRestarted{peer, epoch}), now);
  }
}

void Transactions::on_reachable(const NodeName& peer, Now now) {
  std::vector<Gtid> waiting;
  for (const auto& [gtid, txn] : tables_.live) {
    if (const auto* commit = txn.global()) {
      const auto names = commit->waiting_for();
      if (std::find(names.begin(), names.end(), peer) != names.end()) waiting.push_back(gtid);
    } else if (txn.one_phase().setup().participant == peer) {
      waiting.push_back(gtid);
    }
  }
  for (const auto& gtid : waiting) retry(gtid, now);
}

void Transactions::on_link_up(const NodeName& peer, Now now) {
  std::vector<Gtid> waiting;
  for (const auto& [gtid, txn] : tables_.live)
    if (txn.global() == nullptr && txn.one_phase().setup().participant == peer)
      waiting.push_back(gtid);
  for (const auto& gtid : waiting) retry(gtid, now);
}

void Transactions::retry(const Gtid& gtid, Now now) {
  auto* txn = tables_.live.find(gtid);
  if (txn == nullptr) return;
  if (txn->global() != nullptr) {
    step(*txn, GlobalCommit::Event(GlobalCommit::RetryNow{}), now);
  } else {
    step(*txn, OnePhaseCommit::Event(OnePhaseCommit::RetryNow{core_.cut_off(txn->one_phase())}),
         now);
  }
}

void Transactions::give_up(const Gtid& gtid, const NodeName& participant, Now now) {
  auto* txn = tables_.live.find(gtid);
  if (txn == nullptr || txn->global() == nullptr) return;
  txn->note({Kind::kLost, {}, core_.options.find(participant), {}, {}}, now);
  step(*txn, GlobalCommit::Event(GlobalCommit::GivenUp{participant}), now);
}

}  // namespace troth::coordinator
