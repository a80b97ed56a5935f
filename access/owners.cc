#include "access/owners.h"

namespace troth::access {

namespace {
constexpr auto kGrace = std::chrono::minutes(1);  // beyond the deadline
}

bool Owners::remember(const Gtid& gtid, const protocol::Principal& owner, Duration deadline,
                      Clock::time_point now) {
  if (owner.role == protocol::PrincipalRole::kAnyone) return true;
  const MutexLock lock(mutex_);
  drop_old(now);
  if (owners_.size() >= most_) return false;
  const auto until = now + std::chrono::duration_cast<Clock::duration>(deadline + kGrace);
  if (owners_.emplace(gtid, Entry{owner, until}).second) ends_.emplace(until, gtid);
  return true;
}

std::optional<protocol::Principal> Owners::find(const Gtid& gtid) const {
  const MutexLock lock(mutex_);
  const auto found = owners_.find(gtid);
  if (found == owners_.end()) return std::nullopt;
  return found->second.owner;
}

void Owners::forget(const Gtid& gtid) {
  const MutexLock lock(mutex_);
  const auto found = owners_.find(gtid);
  if (found == owners_.end()) return;
  const auto [first, last] = ends_.equal_range(found->second.until);
  for (auto at = first; at != last; ++at) {
    if (at->second != gtid) continue;
    ends_.erase(at);
    break;
  }
  owners_.erase(found);
}

std::size_t Owners::size() const {
  const MutexLock lock(mutex_);
  return owners_.size();
}

void Owners::drop_old(Clock::time_point now) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    owners_.erase(ends_.begin()->second);
    ends_.erase(ends_.begin());
  }
}

}  // namespace troth::access
