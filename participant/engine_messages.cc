// What the network brings to the agent's engine.
#include <fmt/format.h>

#include <algorithm>

#include "os/failpoint.h"
#include "participant/engine.h"
#include "protocol/packed_message.h"

namespace troth::participant {

using namespace protocol;

void Engine::judge(const recovery::PeerTable::Judgement& judgement, const NodeName& peer, Now now) {
  if (judgement.to_append) append(*judgement.to_append);
  if (judgement.stop) {
    logger_.error("this node has lost its memory",
                  {{"peer", peer}, {"cause", judgement.stop->context}});
    stopped_ = true;  // it neither votes nor decides any more
    if (on_fatal) on_fatal(*judgement.stop);
  }
  if (judgement.restarted) drop_open_branches(peer, now);
}

HelloReply Engine::on_hello(const Hello& hello, Now now) {
  HelloReply reply;
  const auto judgement = peers_.on_hello(hello, log_.durable(), reply);
  judge(judgement, hello.name, now);
  if (reply.verdict != HelloVerdict::kWelcome) {
    count("hello_refused");
    if (!judgement.repeated)
      logger_.warn("refused a greeting", {{"peer", hello.name}, {"reason", judgement.refusal}});
    return reply;
  }
  if (!hello.address.empty()) transport_.learn_address(hello.name, hello.address);
  if (stopped_) {
    reply.verdict = HelloVerdict::kNotReady;
    return reply;
  }
  retry_in_doubt(hello.name, now);
  return reply;
}

// It is there again: whoever is in doubt asks at once instead of after its back-off.
void Engine::retry_in_doubt(const NodeName& peer, Now now) {
  for (auto& [gtid, entry] : branches_) {
    const auto& branch = entry.branch;
    if (branch.in_doubt() && branch.coordinator() == peer) {
      step(entry, Branch::RetryNow{}, now);
    } else if (branch.asked()) {
      step(entry, Branch::MemberReachable{}, now);
    }
    if (entry.quorum && (entry.quorum->role() == QuorumBallot::Role::kElecting ||
                         entry.quorum->role() == QuorumBallot::Role::kAttempting))
      step_quorum(entry, QuorumBallot::Suspect{}, now);  // repeats its question
  }
  if (!operators_.heuristics().empty()) truth_at_ = now.monotonic;
}

Hello Engine::make_hello(const NodeName& peer) const {
  return peers_.make_hello(peer, own_address_, log_.durable());
}

bool Engine::on_hello_reply(const NodeName& peer, const HelloReply& reply, Now now) {
  const auto judgement = peers_.on_reply(peer, reply, log_.durable());
  judge(judgement, peer, now);
  if (!judgement.refusal.empty() && !judgement.repeated)
    logger_.warn("link refused", {{"peer", peer}, {"reason", judgement.refusal}});
  if (stopped_ || !judgement.refusal.empty()) return false;
  retry_in_doubt(peer, now);
  return true;
}

void Engine::on_link(const LinkStatus& status) {
  links_[status.peer] = status;
}

void Engine::on_batch(Batch batch, Now now) {
  if (stopped_) return;
  const auto judgement = peers_.on_batch(batch.header);
  judge(judgement, batch.header.sender, now);
  if (!judgement.refusal.empty()) {
    count("stale_refused");
    return logger_.debug("refused a batch",
                         {{"peer", batch.header.sender}, {"reason", judgement.refusal}});
  }
  const BatchHeader header = std::move(batch.header);
  take_messages(
      std::move(batch), [&](Message&& message) { handle(header.sender, std::move(message), now); },
      [&](const Error& why) {
        count("messages_damaged");
        logger_.warn("dropped a message of a peer",
                     {{"peer", header.sender}, {"why", why.context}});
      });
  if (header.ended_below) forget_below(*header.ended_below);
}

void Engine::handle(const NodeName& from, Message&& message, Now now) {
  if (auto* prepare = std::get_if<Prepare>(&message))
    return on_prepare(from, std::move(*prepare), now);
  if (auto* decide = std::get_if<Decide>(&message)) return on_decide(from, std::move(*decide), now);
  if (auto* execute = std::get_if<Execute>(&message))
    return on_execute(from, std::move(*execute), now);
  if (auto* one_phase = std::get_if<CommitOnePhase>(&message))
    return on_one_phase(from, std::move(*one_phase), now);
  if (const auto* inquire = std::get_if<InquireOnePhase>(&message))
    return on_inquire_one_phase(from, *inquire, now);
  if (const auto* reply = std::get_if<InquiryReply>(&message))
    return on_inquiry_reply(from, *reply, now);
  if (on_member_message(from, message, now)) return;
  const auto found = branches_.find(gtid_of(message));
  if (std::holds_alternative<Release>(message)) {
    if (found != branches_.end()) step(found->second, Branch::ReleaseArrived{}, now);
  } else {
    count("misdirected");  // a coordinator's message to a coordinator
  }
}

void Engine::on_inquiry_reply(const NodeName& from, const InquiryReply& reply, Now now) {
  if (reply.answer == InquiryReply::Answer::kContinuityNotProven) hazard(reply.gtid);
  const auto found = branches_.find(reply.gtid);
  if (found == branches_.end()) return;
  Entry& entry = found->second;
  const bool before = entry.branch.continuity_not_proven();
  step(entry, Branch::InquiryAnswered{reply.answer}, now);
  if (entry.quorum && reply.answer == InquiryReply::Answer::kUndecided)
    step_quorum(entry, QuorumBallot::Heard{}, now);
  if (!before && entry.branch.continuity_not_proven() && !entry.quorum)
    alarm(fmt::format("{} is prepared here and its coordinator {} cannot prove what it decided: "
                      "an operator must decide",
                      reply.gtid, from),
          reply.gtid, Alarms::Until::kEnded);
  if (before && !entry.branch.continuity_not_proven()) end_alarm(reply.gtid);
}

std::optional<AbortReason> Engine::admission(const NodeName& from, Epoch of_coordinator,
                                             const Gtid& gtid) const {
  if (gtid.epoch() < of_coordinator && from != options_.name &&
      CoordinatorTag::of(peers_.position_of(from).log_id) == gtid.tag())
    return AbortReason{AbortCode::kStaleEpoch, fmt::format("{} has restarted since", from),
                       options_.name, -1};
  if (stopped_)
    return AbortReason{AbortCode::kInternal,
                       fmt::format("{} has failed and must be restarted: {}", options_.name,
                                   failure_ ? failure_->context : "its log lost its memory"),
                       options_.name, -1};
  if (draining_)
    return AbortReason{AbortCode::kDraining, fmt::format("{} is shutting down", options_.name),
                       options_.name, -1};
  if (!log_.has_room())
    return AbortReason{AbortCode::kLogFull, "no disk space is left for the log", options_.name, -1};
  if (live_ >= options_.max_branches)
    return AbortReason{AbortCode::kBusy, fmt::format("{} branches are in progress", live_),
                       options_.name, -1};
  return std::nullopt;
}

// A NO is remembered: the same request, repeated, must not suddenly be executed.
Engine::Entry& Engine::admit(const NodeName& from, Epoch of_coordinator, const Gtid& gtid,
                             Branch::Kind kind, const Priority& priority, Now now) {
  const auto refused = admission(from, of_coordinator, gtid);
  auto& entry = refused ? start_entry(gtid, Branch::tombstone(settings(), gtid, *refused), now)
                        : start_entry(gtid, kind, now);
  entry.priority = priority;
  return entry;
}

bool Engine::ended(const Gtid& gtid) const {
  const auto below = ended_below_.find(gtid.tag());
  return below != ended_below_.end() && gtid < below->second;
}

void Engine::on_prepare(const NodeName& from, Prepare&& message, Now now) {
  TROTH_FAILPOINT("participant.prepare.received");
  // A late duplicate: nobody waits for the vote, and a tombstone would contradict the decision that
  // was carried out and forgotten.
  if (ended(message.gtid)) return count("late_duplicates");
  const auto found = branches_.find(message.gtid);
  const Gtid gtid = message.gtid;
  const Priority priority = message.priority;
  std::vector<Statement> statements = std::move(message.statements);
  const auto* known = peers_.find(from);
  Branch::Event event;
  auto& prepared = event.emplace<Branch::Prepared>();
  prepared.message = std::move(message);
  prepared.coordinator = recovery::PeerTable::member(from, known);
  if (known != nullptr) prepared.coordinator_durable = known->position.durable;
  if (found != branches_.end()) return step(found->second, std::move(event), now, &statements);
  auto& entry =
      admit(from, prepared.coordinator.epoch, gtid, Branch::Kind::kTwoPhase, priority, now);
  count("prepares");
  step(entry, std::move(event), now, &statements);
}

bool Engine::answered_by_key(const NodeName& from, const CommitOnePhase& message, Now now) {
  if (message.idempotency_key.empty()) return false;
  const auto known = keys_.find(message.idempotency_key);
  if (known == keys_.end()) return false;
  Key& key = known->second;
  if (key.outcome != Outcome::kPending &&
      now.wall.unix_ms - key.decided.unix_ms >
          std::chrono::duration_cast<std::chrono::milliseconds>(key.retention).count()) {
    keys_.erase(known);
    return false;
  }
  if (key.digest != message.body_digest) {
    OnePhaseResult result;
    result.gtid = message.gtid;
    result.first_gtid = key.gtid;
    result.key_conflict = true;
    result.reason = {AbortCode::kNone, "the idempotency key was used for another request",
                     options_.name, -1};
    hold({}, {message.gtid, {{from, Message(result)}}, {}, {}});
    return true;
  }
  redirected_[message.gtid] = message.idempotency_key;
  if (key.outcome != Outcome::kPending) {
    answer_from_key(from, message.gtid, key);
    return true;
  }
  const std::pair waiter(from, message.gtid);
  if (std::find(key.waiters.begin(), key.waiters.end(), waiter) == key.waiters.end())
    key.waiters.push_back(waiter);
  return true;
}

void Engine::answer_from_key(const NodeName& to, const Gtid& gtid, const Key& key) {
  OnePhaseResult result;
  result.gtid = gtid;
  result.first_gtid = key.gtid;
  result.outcome = key.outcome;
  result.reason = key.reason;
  hold(key.durable_at, {gtid, {{to, Message(std::move(result))}}, {}, {}});
}

// A key keeps its first outcome, whatever it is: an abort is forced for that (as at a coordinator)
// before anybody is told.
void Engine::settle_key(Entry& entry) {
  const auto found = keys_.find(entry.key);
  if (found == keys_.end() || found->second.gtid != entry.branch.gtid()) return;
  Key& key = found->second;
  if (key.outcome != Outcome::kPending) return;
  const auto state = entry.branch.state();
  if (state == Branch::State::kAborted) {
    key.outcome = Outcome::kAborted;
    key.reason = entry.branch.reason();
    const Record record{RememberedRecord{key.gtid, key.outcome, key.reason, entry.key, key.digest,
                                         key.decided, key.retention}};
    append(record);
    entry.promise_lsn = log_.appended();
  } else if (state == Branch::State::kCommitting || state == Branch::State::kCommitted) {
    key.outcome = Outcome::kCommitted;
  } else {
    return;
  }
  key.durable_at = entry.promise_lsn;
  for (const auto& [from, gtid] : std::exchange(key.waiters, {})) answer_from_key(from, gtid, key);
}

void Engine::on_one_phase(const NodeName& from, CommitOnePhase&& message, Now now) {
  const Gtid gtid = message.gtid;
  const auto found = branches_.find(gtid);
  std::vector<Statement> statements = std::move(message.statements);
  if (found != branches_.end())
    return step(found->second, Branch::OnePhase{from, std::move(message), now.wall}, now,
                &statements);
  if (ended(gtid)) return count("late_duplicates");  // "aborted" could be a lie
  if (answered_by_key(from, message, now)) return;
  auto& entry = admit(from, peers_.position_of(from).epoch, gtid, Branch::Kind::kOnePhase,
                      message.priority, now);
  const bool refused = entry.branch.is_over();
  if (!message.idempotency_key.empty() && !refused) {  // a refusal leaves the key free
    entry.key = message.idempotency_key;
    Key key;
    key.gtid = message.gtid;
    key.digest = message.body_digest;
    key.decided = now.wall;
    key.retention = message.key_retention;
    keys_[entry.key] = std::move(key);
  }
  count("one_phase");
  step(entry, Branch::OnePhase{from, std::move(message), now.wall}, now, &statements);
}

void Engine::on_decide(const NodeName& from, Decide&& message, Now now) {
  const auto found = branches_.find(message.gtid);
  if (message.decision == Decision::kCommit) {
    TROTH_FAILPOINT("participant.commit.received");
  } else {
    TROTH_FAILPOINT("participant.abort.received");
  }
  if (found != branches_.end() && !genuine(found->second, from)) return;
  if (compare_with_truth(from, message, now)) return;
  if (message.ack_at == AnswerAt::kApplied) file_awaited_ = true;
  if (found != branches_.end()) {
    Branch::Event event;
    auto& decided = event.emplace<Branch::Decided>();
    decided.from = from;
    decided.message = std::move(message);
    return step(found->second, std::move(event), now);
  }
  if (ended(message.gtid)) {
    // A late duplicate of something ended everywhere: every ack of it was durable before.
    if (message.decision == Decision::kCommit) send(from, Ack{message.gtid});
    return;
  }
  if (message.decision == Decision::kAbort) {
    start_entry(message.gtid, Branch::tombstone(settings(), message.gtid, message.reason), now);
    return;
  }
  amnesia(from, message.gtid, "COMMIT");
}

void Engine::on_inquire_one_phase(const NodeName& from, const InquireOnePhase& message, Now now) {
  const auto found = branches_.find(message.gtid);
  if (found != branches_.end()) return step(found->second, Branch::OnePhaseInquired{from}, now);
  if (const auto other = redirected_.find(message.gtid); other != redirected_.end()) {
    const auto key = keys_.find(other->second);
    if (key != keys_.end()) {  // still pending: it is answered when the first request is
      if (key->second.outcome != Outcome::kPending)
        answer_from_key(from, message.gtid, key->second);
      return;
    }
  }
  if (ended(message.gtid)) return;  // it was answered; nobody waits for this
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
    at = at->second.branch.is_over() ? erase(at) : std::next(at);
  }
  // Lets the next start forget them as well. Nobody waits for it, and losing it costs memory only.
  constexpr std::uint64_t kHorizonEvery = 1024;
  const Gtid epoch_start(ended_below.tag(), ended_below.epoch(), 0, Decider::kCoordinator);
  auto& logged = horizon_logged_.emplace(ended_below.tag(), epoch_start).first->second;
  if (ended_below.epoch() != logged.epoch() ||
      ended_below.sequence() >= logged.sequence() + kHorizonEvery) {
    logged = ended_below;
    const Record record{HorizonRecord{ended_below}};
    log_.append(type_of(record), encode(record), Force::kNo);
  }
  std::erase_if(redirected_, [&](const auto& item) {
    return item.first.tag() == ended_below.tag() && item.first < ended_below;
  });
}

}  // namespace troth::participant
