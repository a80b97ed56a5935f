#include "coordinator/transaction_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace troth::coordinator {

using namespace protocol;

std::vector<Gtid> TransactionTable::gtids() const {
  std::vector<Gtid> out;
  out.reserve(live_.size());
  for (const auto& [gtid, txn] : live_) out.push_back(gtid);
  return out;
}

Transaction* TransactionTable::find(const Gtid& gtid) {
  const auto found = live_.find(gtid);
  return found == live_.end() ? nullptr : &found->second;
}

const Transaction* TransactionTable::find(const Gtid& gtid) const {
  const auto found = live_.find(gtid);
  return found == live_.end() ? nullptr : &found->second;
}

const Transaction* TransactionTable::find(const std::string& id, std::string& problem) const {
  const Transaction* match = nullptr;
  for (const auto& [gtid, txn] : live_) {
    if (!names(id, gtid)) continue;
    if (match != nullptr) {
      problem = fmt::format("more than one transaction starts or ends with \"{}\"", id);
      return nullptr;
    }
    match = &txn;
  }
  if (match == nullptr) problem = fmt::format("no live transaction starts or ends with \"{}\"", id);
  return match;
}

Transaction& TransactionTable::adopt(GlobalCommit&& recovered) {
  const Gtid gtid = recovered.gtid();
  const auto wake = recovered.next_wake();
  auto& txn = live_.emplace(gtid, Transaction(std::move(recovered))).first->second;
  schedule(txn, gtid, wake);
  return txn;
}

void TransactionTable::erase(const Gtid& gtid) {
  const auto found = live_.find(gtid);
  TROTH_ASSERT(found != live_.end(), "gtid {} is not known", gtid);
  timers_.clear(found->second);
  live_.erase(found);
}

void TransactionTable::schedule(Transaction& txn, const Gtid& gtid,
                                std::optional<MonotonicTime> wake) {
  if (!wake) return;
  if (const auto set = timers_.of(txn); set && *set <= *wake) return;
  timers_.set(txn, gtid, wake);
}

std::optional<MonotonicTime> TransactionTable::next_wake() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.first();
}

Transaction* TransactionTable::take_due(MonotonicTime now) {
  while (!timers_.empty() && timers_.first() <= now) {
    Transaction& txn = timers_.pop();
    const auto wake = txn.next_wake();
    if (wake && *wake <= now) return &txn;
    schedule(txn, Gtid(txn.gtid()), wake);
  }
  return nullptr;
}

RetryPolicy TransactionTable::resend(const RetryPolicy& usual) const {
  constexpr Duration kPerTransaction = std::chrono::microseconds(200);
  auto policy = usual;
  policy.first += kPerTransaction * static_cast<std::int64_t>(live_.size());
  policy.first = std::min(policy.first, std::max(policy.max, usual.first));
  return policy;
}

}  // namespace troth::coordinator
