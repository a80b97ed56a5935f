#include "coordinator/known_outcomes.h"

#include <algorithm>
#include <utility>

namespace troth::coordinator {

using namespace protocol;

namespace {

std::string kept(const std::string& comment) {
  constexpr std::size_t kKept = 80;
  return comment.substr(0, kKept);
}

}  // namespace

void KnownOutcomes::keep_comment(const Gtid& gtid, const std::string& comment) {
  recent_.set_comment(gtid, kept(comment));
}

void KnownOutcomes::remember(const TransactionOutcome& outcome, const Transaction* txn,
                             MonotonicTime now) {
  RememberedOutcomes::Entry known;
  known.outcome = outcome.outcome;
  known.replayed = outcome.replayed;
  known.attempts = outcome.attempts;
  known.ended = now;
  if (outcome.outcome != Outcome::kCommitted) known.reason = outcome.reason;
  if (txn != nullptr) {
    known.three_phase = txn->protocol() == CommitProtocol::kThreePhase;
    if (const auto& comment = txn->comment(); !comment.empty()) known.comment = kept(comment);
  }
  recent_.add(outcome.gtid, std::move(known));
  while (recent_.size() > options_.max_recent) {
    const Gtid oldest = recent_.gtid_at(0);
    // One above it: a forgotten outcome must never count as "no record, hence aborted".
    horizon_ = std::max(
        horizon_, Gtid(oldest.tag(), oldest.epoch(), oldest.sequence() + 1, Decider::kCoordinator));
    recent_.forget_oldest();
    attempts_.forget(oldest);
  }
}

std::optional<TransactionOutcome> KnownOutcomes::outcome_of(const Gtid& gtid) const {
  const auto known = recent_.find(gtid);
  if (!known) return std::nullopt;
  return coordinator::outcome_of(gtid, *known);
}

void KnownOutcomes::follow(const Gtid& before, const Gtid& next) {
  attempts_.follow(before, next);
  if (auto waiting = awaiting_.extract(before); !waiting.empty()) {
    waiting.key() = next;
    awaiting_.insert(std::move(waiting));
  }
}

void KnownOutcomes::tell(const TransactionOutcome& outcome, const Gtid& gtid) {
  const auto waiting = awaiting_.find(gtid);
  if (waiting == awaiting_.end()) return;
  const auto callbacks = std::move(waiting->second);
  awaiting_.erase(waiting);
  for (const auto& callback : callbacks) callback(outcome);
}

void KnownOutcomes::tell_unknown(const AbortReason& why) {
  for (auto& [gtid, callbacks] : std::exchange(awaiting_, {})) {
    TransactionOutcome unknown;
    unknown.gtid = gtid;
    unknown.outcome = Outcome::kInDoubt;
    unknown.reason = why;
    for (auto& callback : callbacks) callback(unknown);
  }
}

TransactionOutcome outcome_of(const Gtid& gtid, const RememberedOutcomes::View& known) {
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.outcome = known.outcome;
  outcome.replayed = known.replayed;
  outcome.attempts = known.attempts;
  if (known.reason != nullptr) outcome.reason = *known.reason;
  return outcome;
}

}  // namespace troth::coordinator
