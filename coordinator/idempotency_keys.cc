#include "coordinator/idempotency_keys.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "protocol/result_rows.h"

namespace troth::coordinator {

using namespace protocol;

void IdempotencyKeys::adopt(
    std::unordered_map<std::string, recovery::CoordinatorTables::Key>&& found, Lsn appended,
    Now now) {
  const Lsn stored = store_ == nullptr ? Lsn{} : store_->durable();
  for (auto& [key, known] : found)
    if ((known.is_open || known.lsn > stored) && !is_too_old(known.record, now))
      keep(std::move(known.record), appended);
}

void IdempotencyKeys::keep(KeyRecord&& record, Lsn appended) {
  if (store_ != nullptr) {
    store_->add(record);
    // The mark that covers it comes later, so it is beyond everything marked so far.
    unstored_.push_back(
        {{appended.value + 1}, record.idempotency_key, record.gtid, record.rows.size()});
    unstored_rows_ += record.rows.size();
  }
  finished_[record.idempotency_key] = std::move(record);
}

const IdempotencyKeys::InFlight* IdempotencyKeys::in_flight(const std::string& key) const {
  const auto found = in_flight_.find(key);
  return found == in_flight_.end() ? nullptr : &found->second;
}

void IdempotencyKeys::finish(const std::string& key, const TransactionOutcome& outcome,
                             Lsn appended, WallTime now) {
  KeyRecord record{key, in_flight_[key].body_digest, outcome.gtid, outcome.outcome, outcome.reason,
                   now};
  if (outcome.outcome == Outcome::kCommitted) record.rows = encode_rows(outcome.results);
  keep(std::move(record), appended);
}

const KeyRecord* IdempotencyKeys::find(const std::string& key, Now now) {
  if (const auto found = finished_.find(key); found != finished_.end()) {
    if (!is_too_old(found->second, now)) return &found->second;
    finished_.erase(found);
    return nullptr;
  }
  if (store_ == nullptr) return nullptr;
  auto stored = store_->find(key);
  if (!stored) {
    failure_ = stored.error();
    return nullptr;
  }
  read_ = std::move(*stored);
  return read_ && !is_too_old(*read_, now) ? &*read_ : nullptr;
}

std::optional<Error> IdempotencyKeys::failure() const {
  if (failure_ || store_ == nullptr) return failure_;
  return store_->failure();
}

bool IdempotencyKeys::full() const {
  constexpr std::size_t kMostUnstored = 200'000, kMostRows = std::size_t{16} << 20;
  return size() >= options_.max_retained_keys || unstored_.size() >= kMostUnstored ||
         unstored_rows_ >= kMostRows;
}

std::size_t IdempotencyKeys::size() const {
  return store_ == nullptr ? finished_.size() : store_->size();
}

void IdempotencyKeys::mark(Lsn told, bool soon) {
  if (store_ == nullptr) return;
  if (told != marked_ || soon) store_->mark(marked_ = told, soon);
  forget_stored();
}

Lsn IdempotencyKeys::stored(Lsn durable) const {
  return store_ == nullptr ? durable : std::min(durable, store_->durable());
}

void IdempotencyKeys::forget_stored() {
  if (unstored_.empty()) return;
  const Lsn durable = store_->durable();
  for (; !unstored_.empty() && unstored_.front().until <= durable; unstored_.pop_front()) {
    unstored_rows_ -= unstored_.front().rows;
    const auto found = finished_.find(unstored_.front().key);
    if (found != finished_.end() && found->second.gtid == unstored_.front().gtid)
      finished_.erase(found);
  }
}

void IdempotencyKeys::forget_old(Now now) {
  const auto kept = std::chrono::duration_cast<std::chrono::milliseconds>(options_.key_retention);
  store_->forget_before({now.wall.unix_ms - kept.count()});
}

}  // namespace troth::coordinator
