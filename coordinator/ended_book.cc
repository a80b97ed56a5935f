#include "coordinator/ended_book.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace troth::coordinator {

using namespace protocol;
using history::EndedTransaction;

namespace {

// On the wall clock of now.
WallTime wall_time_of(MonotonicTime then, Now now) {
  const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - then);
  return {now.wall.unix_ms - std::max<std::int64_t>(0, ago.count())};
}

EndedTransaction ended_with(const TransactionOutcome& outcome, Now now) {
  EndedTransaction out;
  out.gtid = outcome.gtid;
  out.outcome = outcome.outcome;
  if (outcome.outcome == Outcome::kAborted) out.reason = outcome.reason;
  out.attempts = outcome.attempts;
  out.began = out.ended = now.wall;
  if (outcome.gtid.decider() == Decider::kParticipant) out.protocol = CommitProtocol::kOnePhase;
  return out;
}

}  // namespace

void EndedBook::adopt(const recovery::CoordinatorTables& tables, Now now) {
  if (store_ == nullptr) return;
  if (!tables.unstored_lost.is_nil()) store_->forget({tables.unstored_lost, now.wall});
  for (const auto& [gtid, known] : tables.unstored) adopt(gtid, known, now);
  // Its answer, which would have been noted, may not have come however long COMMIT is durable.
  for (const auto& [gtid, commit] : tables.unended) {
    recovery::UnstoredOutcome known;
    for (const auto& member : commit.members) known.participants.push_back(member.name);
    known.idempotency_key = commit.idempotency_key;
    known.body_digest = commit.body_digest;
    known.decided = commit.decided;
    known.comment = commit.comment;
    adopt(gtid, known, now);
  }
  adopt_attempts(tables, now);
}

// Of those whose last attempt may not be stored either.
void EndedBook::adopt_attempts(const recovery::CoordinatorTables& tables, Now now) {
  for (const auto& [earlier, last] : tables.last_attempts) {
    if (tables.unstored.count(last) == 0 && tables.unended.count(last) == 0) continue;
    if (const auto stored = store_->find(earlier); stored && *stored) continue;
    note_attempt(lost_a_conflict(earlier), last, now);
  }
}

// What is stored says more than the log does.
void EndedBook::adopt(const Gtid& gtid, const recovery::UnstoredOutcome& known, Now now) {
  if (const auto stored = store_->find(gtid); stored && *stored) return;
  EndedTransaction ended;
  ended.gtid = gtid;
  ended.outcome = known.outcome;
  ended.reason = known.reason;
  ended.participants = known.participants;
  ended.idempotency_key = known.idempotency_key;
  ended.body_digest = known.body_digest;
  ended.comment = known.comment;
  ended.began = ended.ended = known.decided.unix_ms == 0 ? now.wall : known.decided;
  if (gtid.decider() == Decider::kParticipant) ended.protocol = CommitProtocol::kOnePhase;
  store_->add(std::move(ended));
}

void EndedBook::note(const Transaction& txn, const TransactionOutcome& outcome, Now now) {
  if (store_ == nullptr) return;
  auto ended = ended_with(outcome, now);
  ended.gtid = txn.gtid();
  ended.protocol = txn.protocol();
  ended.began = wall_time_of(txn.since, now);
  ended.attempts = txn.attempt;
  ended.comment = txn.comment();
  if (const auto* commit = txn.global()) {
    const auto& setup = commit->setup();
    ended.participants.reserve(setup.members.size());
    for (const auto& member : setup.members) ended.participants.push_back(member.name);
    ended.idempotency_key = setup.idempotency_key;
    ended.body_digest = setup.body_digest;
  } else {
    const auto& setup = txn.one_phase().setup();
    ended.participants.push_back(setup.participant);
    ended.idempotency_key = setup.request.idempotency_key;
    ended.body_digest = setup.request.body_digest;
  }
  store_->add(std::move(ended));
}

void EndedBook::note(const TransactionOutcome& outcome, std::vector<NodeName> participants,
                     const std::string& comment, MonotonicTime since, Now now) {
  if (store_ == nullptr) return;
  auto ended = ended_with(outcome, now);
  ended.participants = std::move(participants);
  ended.comment = comment;
  ended.began = wall_time_of(since, now);
  store_->add(std::move(ended));
}

void EndedBook::note_attempt(const TransactionOutcome& before, const Gtid& next, Now now) {
  if (store_ == nullptr) return;
  auto ended = ended_with(before, now);
  ended.next = next;
  store_->add(std::move(ended));
}

void EndedBook::note_found(const TransactionOutcome& outcome, Now now) {
  if (store_ != nullptr) store_->add(ended_with(outcome, now));
}

Result<std::optional<EndedTransaction>> EndedBook::find(const Gtid& gtid) {
  if (store_ == nullptr) return std::optional<EndedTransaction>();
  return store_->find(gtid);
}

void EndedBook::mark(Lsn told, bool soon) {
  if (store_ != nullptr && (told != marked_ || soon)) store_->mark(marked_ = told, soon);
}

// A store that failed, or that finds no space either, holds back nothing: the history is lost, not
// the service.
Lsn EndedBook::stored(Lsn durable, bool has_room) const {
  if (store_ == nullptr || !has_room || store_->failure()) return durable;
  return std::min(durable, store_->durable());
}

history::OutcomeStoreUse EndedBook::use() const {
  return store_ == nullptr ? history::OutcomeStoreUse{} : store_->use();
}

std::string EndedBook::take_news() {
  if (store_ == nullptr) return "";
  if (const auto failure = store_->failure(); failure && !std::exchange(told_failure_, true))
    return "the history of ended transactions has failed, only the newest are still known: " +
           failure->context;
  if (store_->use().dropped > 0 && !std::exchange(told_dropped_, true))
    return "the history of ended transactions does not keep up with them: some are forgotten";
  return "";
}

TransactionOutcome outcome_of(const EndedTransaction& ended) {
  TransactionOutcome out;
  out.gtid = ended.gtid;
  out.outcome = ended.outcome;
  out.reason = ended.reason;
  out.attempts = ended.attempts;
  return out;
}

TransactionOutcome lost_a_conflict(const Gtid& attempt) {
  TransactionOutcome outcome;
  outcome.gtid = attempt;
  outcome.outcome = Outcome::kAborted;
  outcome.reason = {AbortCode::kDeadlock, "it lost a conflict and was tried again", {}, -1};
  return outcome;
}

}  // namespace troth::coordinator
