#include "coordinator/idempotency_keys.h"

#include <utility>

namespace troth::coordinator {

using namespace protocol;

void IdempotencyKeys::adopt(std::unordered_map<std::string, KeyRecord>&& found, Now now) {
  for (auto& [key, record] : found)
    if (!is_too_old(record, now)) finished_[key] = std::move(record);
}

const IdempotencyKeys::InFlight* IdempotencyKeys::in_flight(const std::string& key) const {
  const auto found = in_flight_.find(key);
  return found == in_flight_.end() ? nullptr : &found->second;
}

void IdempotencyKeys::finish(const std::string& key, const TransactionOutcome& outcome,
                             WallTime now) {
  finished_[key] = {key, in_flight_[key].body_digest, outcome.gtid, outcome.outcome, outcome.reason,
                    now};
}

const KeyRecord* IdempotencyKeys::find(const std::string& key) const {
  const auto found = finished_.find(key);
  return found == finished_.end() ? nullptr : &found->second;
}

const KeyRecord* IdempotencyKeys::find(const std::string& key, Now now) {
  const auto found = finished_.find(key);
  if (found == finished_.end()) return nullptr;
  if (!is_too_old(found->second, now)) return &found->second;
  finished_.erase(found);
  return nullptr;
}

}  // namespace troth::coordinator
