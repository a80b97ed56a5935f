#include "participant/one_phase_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "engine/record_append.h"

namespace troth::participant {

using namespace protocol;

void OnePhaseKeys::adopt(const Gtid& gtid, const RememberedRecord& remembered) {
  auto& key = keys_[remembered.idempotency_key];
  key.gtid = gtid;
  key.digest = remembered.body_digest;
  key.decided = remembered.decided;
  key.retention = remembered.key_retention;
  key.outcome = remembered.outcome;
  key.reason = remembered.reason;
}

std::optional<Recalled> OnePhaseKeys::find(const std::string& key, Lsn& durable_at) const {
  const auto known = keys_.find(key);
  if (known == keys_.end()) return std::nullopt;
  const bool pending = known->second.outcome == Outcome::kPending;
  durable_at = known->second.durable_at;
  return Recalled{{},
                  key,
                  pending ? Recalled::Knows::kUndecided : Recalled::Knows::kOutcome,
                  known->second.gtid,
                  known->second.digest,
                  known->second.outcome,
                  known->second.reason};
}

bool OnePhaseKeys::answers(const NodeName& from, const CommitOnePhase& message, Now now) {
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
    parts_.promises.hold({}, message.gtid, from, Message(result));
    return true;
  }
  redirected_[message.gtid] = message.idempotency_key;
  const bool early = message.answer_at == AnswerAt::kApplied && !file_holds(key);
  if (key.outcome == Outcome::kAborted || (key.outcome == Outcome::kCommitted && !early)) {
    answer(from, message.gtid, key);
    return true;
  }
  const bool waits = std::any_of(key.waiters.begin(), key.waiters.end(),
                                 [&](const auto& waiter) { return waiter.is(from, message.gtid); });
  if (!waits) key.waiters.push_back({from, message.gtid, message.answer_at});
  if (early) parts_.flush.await_file();
  return true;
}

bool OnePhaseKeys::answers_inquiry(const NodeName& from, const Gtid& gtid) {
  const auto other = redirected_.find(gtid);
  if (other == redirected_.end()) return false;
  const auto key = keys_.find(other->second);
  if (key == keys_.end()) return false;
  // Still pending: it is answered when the first request is.
  if (key->second.outcome != Outcome::kPending) answer(from, gtid, key->second);
  return true;
}

std::optional<AbortReason> OnePhaseKeys::refusal(Now now) {
  constexpr Duration kSweepEvery = std::chrono::seconds(60);
  const auto most = options_.max_retained_keys;
  if (keys_.size() >= most && next_sweep_ <= now.monotonic) {
    next_sweep_ = now.monotonic + kSweepEvery;
    forget_old(now);
  }
  if (keys_.size() < most) return std::nullopt;
  reports_.alarm("requests with new idempotency keys are refused: max-retained-keys is reached",
                 {});
  return AbortReason{AbortCode::kBusy,
                     fmt::format("{} keeps {} idempotency keys, no more fit: see max-retained-keys",
                                 options_.name, keys_.size()),
                     options_.name, -1};
}

void OnePhaseKeys::begin(BranchEntry& entry, const CommitOnePhase& message, Now now) {
  entry.key = message.idempotency_key;
  Key key;
  key.gtid = message.gtid;
  key.digest = message.body_digest;
  key.decided = now.wall;
  key.retention = message.key_retention;
  keys_[entry.key] = std::move(key);
}

void OnePhaseKeys::answer(const NodeName& to, const Gtid& gtid, const Key& key) {
  OnePhaseResult result;
  result.gtid = gtid;
  result.first_gtid = key.gtid;
  result.outcome = key.outcome;
  result.reason = key.reason;
  result.applied = file_holds(key);
  parts_.promises.hold(key.durable_at, gtid, to, Message(std::move(result)));
}

// A branch stays in the table until the file holds its work.
bool OnePhaseKeys::file_holds(const Key& key) const {
  if (key.outcome != Outcome::kCommitted) return false;
  const auto* entry = parts_.table.find(key.gtid);
  return entry == nullptr || entry->branch.is_over();
}

// The outcome is known. Those that asked for the file wait until it holds the work.
void OnePhaseKeys::answer_waiters(Key& key) {
  const bool held = key.outcome != Outcome::kCommitted || file_holds(key);
  std::erase_if(key.waiters, [&](const auto& waiter) {
    if (waiter.answer_at == AnswerAt::kApplied && !held) return false;
    answer(waiter.from, waiter.gtid, key);
    return true;
  });
}

// A key keeps its first outcome. So an abort is forced (as at a coordinator) before the client
// hears of it.
void OnePhaseKeys::settle(BranchEntry& entry) {
  const auto found = keys_.find(entry.key);
  if (found == keys_.end() || found->second.gtid != entry.branch.gtid()) return;
  Key& key = found->second;
  if (key.outcome != Outcome::kPending) {
    if (!key.waiters.empty()) answer_waiters(key);
    return;
  }
  const auto state = entry.branch.state();
  if (state == Branch::State::kAborted) {
    key.outcome = Outcome::kAborted;
    key.reason = entry.branch.reason();
    if (is_retryable(key.reason.code)) {  // a passing failure: the same request may succeed
      answer_waiters(key);
      keys_.erase(found);
      return;
    }
    append(RememberedRecord{key.gtid, key.outcome, key.reason, entry.key, key.digest, key.decided,
                            key.retention});
    entry.promise_lsn = log_.appended();
  } else if (state == Branch::State::kCommitting || state == Branch::State::kCommitted) {
    key.outcome = Outcome::kCommitted;
  } else {
    return;
  }
  key.durable_at = entry.promise_lsn;
  answer_waiters(key);
}

void OnePhaseKeys::forget_old(Now now) {
  std::erase_if(keys_, [&](const auto& item) {
    const auto& key = item.second;
    const auto age = std::chrono::milliseconds(now.wall.unix_ms - key.decided.unix_ms);
    return key.outcome != Outcome::kPending && age > key.retention;
  });
}

void OnePhaseKeys::copy_forward() {
  for (const auto& [text, key] : keys_) {
    if (key.outcome == Outcome::kPending) continue;
    append(RememberedRecord{key.gtid, key.outcome, key.reason, text, key.digest, key.decided,
                            key.retention});
  }
}

Lsn OnePhaseKeys::append(const Record& record) {
  return append_record(log_, reports_, record);
}

}  // namespace troth::participant
