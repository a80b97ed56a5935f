// What the network brings to the agent's engine.
#include <fmt/format.h>

#include "base/failpoint.h"
#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

void Engine::judge(const recovery::PeerTable::Judgement& judgement, const NodeName& peer) {
  if (judgement.to_append) append(*judgement.to_append);
  if (judgement.stop) {
    logger_.error("this node has lost its memory",
                  {{"peer", peer}, {"cause", judgement.stop->context}});
    if (on_fatal) on_fatal(*judgement.stop);
  }
}

HelloReply Engine::on_hello(const Hello& hello, Now now) {
  HelloReply reply;
  const auto judgement = peers_.on_hello(hello, log_.durable(), reply);
  judge(judgement, hello.name);
  if (reply.verdict != HelloVerdict::kWelcome) {
    count("hello_refused");
    logger_.warn("refused a greeting", {{"peer", hello.name}, {"reason", judgement.refusal}});
    return reply;
  }
  if (!hello.address.empty()) transport_.learn_address(hello.name, hello.address);
  // It is there again: whoever is in doubt asks at once instead of after its back-off.
  for (auto& [gtid, entry] : branches_)
    if (entry.branch.in_doubt() && entry.branch.coordinator() == hello.name)
      step(entry, Branch::RetryNow{}, now);
  return reply;
}

Hello Engine::make_hello(const NodeName& peer) const {
  return peers_.make_hello(peer, own_address_, log_.durable());
}

bool Engine::on_hello_reply(const NodeName& peer, const HelloReply& reply, Now) {
  const auto judgement = peers_.on_reply(peer, reply, log_.durable());
  judge(judgement, peer);
  if (!judgement.refusal.empty())
    logger_.warn("link refused", {{"peer", peer}, {"reason", judgement.refusal}});
  return judgement.refusal.empty();
}

void Engine::on_link(const LinkStatus& status) {
  links_[status.peer] = status;
}

void Engine::on_batch(const Batch& batch, Now now) {
  const auto judgement = peers_.on_batch(batch.header);
  judge(judgement, batch.header.sender);
  if (!judgement.refusal.empty()) {
    count("stale_refused");
    return logger_.debug("refused a batch",
                         {{"peer", batch.header.sender}, {"reason", judgement.refusal}});
  }
  for (const auto& message : batch.messages) handle(batch.header.sender, message, now);
  if (batch.header.ended_below) forget_below(*batch.header.ended_below);
}

void Engine::handle(const NodeName& from, const Message& message, Now now) {
  if (const auto* prepare = std::get_if<Prepare>(&message)) return on_prepare(from, *prepare, now);
  if (const auto* one_phase = std::get_if<CommitOnePhase>(&message))
    return on_one_phase(from, *one_phase, now);
  if (const auto* decide = std::get_if<Decide>(&message)) return on_decide(from, *decide, now);
  if (const auto* inquire = std::get_if<InquireOnePhase>(&message))
    return on_inquire_one_phase(from, *inquire, now);
  const auto found = branches_.find(gtid_of(message));
  if (std::holds_alternative<Release>(message)) {
    if (found != branches_.end()) step(found->second, Branch::Released{}, now);
  } else if (const auto* reply = std::get_if<InquiryReply>(&message)) {
    if (found == branches_.end()) return;
    const bool before = found->second.branch.continuity_not_proven();
    step(found->second, Branch::InquiryAnswered{reply->answer}, now);
    if (!before && found->second.branch.continuity_not_proven())
      alarm(fmt::format("{} is prepared here and its coordinator {} cannot prove what it decided: "
                        "an operator must",
                        reply->gtid, from),
            reply->gtid);
  } else {
    count("misdirected");  // a coordinator's message to a coordinator
  }
}

std::optional<AbortReason> Engine::admission(const NodeName& from, const Gtid& gtid) const {
  const auto ended = ended_below_.find(gtid.tag());
  if (ended != ended_below_.end() && gtid < ended->second)
    return AbortReason{AbortCode::kTombstone, "it has ended already", options_.name, -1};
  const auto known = peers_.position_of(from);
  if (from != options_.name && CoordinatorTag::of(known.log_id) == gtid.tag() &&
      gtid.epoch() < known.epoch)
    return AbortReason{AbortCode::kStaleEpoch, fmt::format("{} has restarted since", from),
                       options_.name, -1};
  if (draining_)
    return AbortReason{AbortCode::kDraining, fmt::format("{} is shutting down", options_.name),
                       options_.name, -1};
  if (!log_.has_room())
    return AbortReason{AbortCode::kLogFull, "no disk space is left for the log", options_.name, -1};
  if (branches_.size() >= options_.max_branches + 100'000 || jobs_out_ >= options_.max_branches)
    return AbortReason{AbortCode::kBusy, fmt::format("{} branches are in progress", jobs_out_),
                       options_.name, -1};
  return std::nullopt;
}

void Engine::on_prepare(const NodeName& from, const Prepare& message, Now now) {
  TROTH_FAILPOINT("participant.prepare.received");
  auto found = branches_.find(message.gtid);
  const auto position = peers_.position_of(from);
  Branch::Prepared event{from, message,
                         Member{from, position.log_id, position.epoch, peers_.address_of(from)},
                         position.durable};
  std::vector<Statement> statements = std::move(event.message.statements);
  if (found == branches_.end()) {
    auto branch = Branch(settings(), message.gtid, Branch::Kind::kTwoPhase);
    if (auto refused = admission(from, message.gtid)) {
      // A NO is remembered: the same PREPARE, repeated, must not suddenly be executed.
      branch = Branch::tombstone(settings(), message.gtid, *refused);
    }
    auto& entry = start_entry(message.gtid, std::move(branch), now);
    count("prepares");
    return step(entry, event, now, &statements);
  }
  step(found->second, event, now, &statements);
}

bool Engine::answered_by_key(const NodeName& from, const CommitOnePhase& message) {
  if (message.idempotency_key.empty()) return false;
  const auto known = keys_.find(message.idempotency_key);
  if (known == keys_.end() || known->second.gtid == message.gtid) return false;
  OnePhaseResult result;
  result.gtid = message.gtid;
  result.first_gtid = known->second.gtid;
  Lsn wait_for;
  if (known->second.digest != message.body_digest) {
    result.key_conflict = true;
    result.reason = {AbortCode::kNone, "the idempotency key was used for another request",
                     options_.name, -1};
  } else {
    const auto first = branches_.find(known->second.gtid);
    const auto state =
        first == branches_.end() ? Branch::State::kCommitted : first->second.branch.state();
    if (state == Branch::State::kAborted)
      return false;  // nothing happened: the retry is a fresh attempt
    result.outcome = state == Branch::State::kCommitted ? Outcome::kCommitted : Outcome::kPending;
    if (first != branches_.end()) wait_for = first->second.committed;
  }
  Held held;
  held.gtid = message.gtid;
  held.promises.push_back({from, Message(result)});
  if (wait_for <= log_.durable()) {
    release(std::move(held));
  } else {
    held_.emplace(wait_for, std::move(held));
  }
  return true;
}

void Engine::on_one_phase(const NodeName& from, const CommitOnePhase& message, Now now) {
  auto found = branches_.find(message.gtid);
  Branch::OnePhase event{from, message, now.wall};
  std::vector<Statement> statements = std::move(event.message.statements);
  if (found != branches_.end()) return step(found->second, event, now, &statements);
  if (answered_by_key(from, message)) return;
  auto branch = Branch(settings(), message.gtid, Branch::Kind::kOnePhase);
  if (auto refused = admission(from, message.gtid))
    branch = Branch::tombstone(settings(), message.gtid, *refused);
  auto& entry = start_entry(message.gtid, std::move(branch), now);
  if (!message.idempotency_key.empty()) {
    entry.key = message.idempotency_key;
    keys_[entry.key] = {message.gtid, message.body_digest, now.wall, message.key_retention};
  }
  count("one_phase");
  step(entry, event, now, &statements);
}

void Engine::on_decide(const NodeName& from, const Decide& message, Now now) {
  const auto found = branches_.find(message.gtid);
  if (message.decision == Decision::kCommit) {
    TROTH_FAILPOINT("participant.commit.received");
  } else {
    TROTH_FAILPOINT("participant.abort.received");
  }
  if (found != branches_.end()) {
    step(found->second, Branch::Decided{from, message}, now);
    return;
  }
  const auto ended = ended_below_.find(message.gtid.tag());
  if (ended != ended_below_.end() && message.gtid < ended->second)
    return;  // a late duplicate of something ended everywhere
  if (message.decision == Decision::kAbort) {
    start_entry(message.gtid, Branch::tombstone(settings(), message.gtid, message.reason), now);
    return;
  }
  // Never "unknown, so done": this node must have promised it and has no trace.
  count("amnesia_alarms");
  const auto what = fmt::format(
      "{} was told to COMMIT {} by {} and holds no trace of it: its log or database lost data",
      options_.name, message.gtid, from);
  alarm(what, message.gtid);
  send(from, Alarm{message.gtid, what});
}

void Engine::on_inquire_one_phase(const NodeName& from, const InquireOnePhase& message, Now now) {
  const auto found = branches_.find(message.gtid);
  if (found != branches_.end()) return step(found->second, Branch::OnePhaseInquired{from}, now);
  auto& entry =
      start_entry(message.gtid,
                  Branch::tombstone(settings(), message.gtid,
                                    {AbortCode::kTombstone, "it never arrived", options_.name, -1}),
                  now);
  const Record refused{RefusedRecord{message.gtid}};  // forced: the answer below is a promise
  count("forced_writes");
  entry.promise_lsn = log_.append(type_of(refused), encode(refused), force_of(refused));
  step(entry, Branch::OnePhaseInquired{from}, now);
}

void Engine::forget_below(const Gtid& ended_below) {
  auto& known = ended_below_[ended_below.tag()];
  if (ended_below <= known) return;
  known = ended_below;
  const Gtid first = Gtid(ended_below.tag(), {}, 0, Decider::kCoordinator);
  for (auto at = branches_.lower_bound(first); at != branches_.end() && at->first < ended_below;) {
    at = at->second.branch.is_over() ? branches_.erase(at) : std::next(at);
  }
}

}  // namespace troth::participant
