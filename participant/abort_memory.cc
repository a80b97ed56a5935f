#include "participant/abort_memory.h"

#include <algorithm>

namespace troth::participant {

void AbortMemory::note(const Gtid& gtid) {
  by_coordinator_[gtid.tag()].push_back(gtid);
  ++held_;
}

std::optional<Gtid> AbortMemory::take_surplus() {
  if (held_ <= most_) return std::nullopt;
  const auto most = std::max_element(
      by_coordinator_.begin(), by_coordinator_.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  const Gtid out = most->second.front();
  most->second.pop_front();
  --held_;
  if (most->second.empty()) by_coordinator_.erase(most);
  return out;
}

bool NeverArrived::take(const CoordinatorTag& tag, const std::function<std::size_t()>& count) {
  constexpr std::size_t kCountEvery = 1'024;  // requests in vain: it looks at all of them
  std::size_t all = 0;
  for (const auto& [other, made] : made_) all += made;
  auto& made = made_[tag];
  // Nobody else makes a coordinator wait that holds little itself.
  if (made >= kMostOfOne || (all >= kMost && made >= kMostOfOne / 16)) {
    if (in_vain_[tag]++ % kCountEvery != 0) return false;
    made = count();
    if (made >= kMostOfOne || (all >= kMost && made >= kMostOfOne / 16)) return false;
    in_vain_.erase(tag);
  }
  ++made;
  return true;
}

}  // namespace troth::participant
