#include "recovery/lives.h"

#include <iterator>

namespace troth::recovery {

void Lives::begin(Epoch epoch, Lsn at) {
  began_.emplace(epoch, at);
  trim();
}

void Lives::adopt(const protocol::LivesRecord& record) {
  for (const auto& [epoch, at] : record.began) {
    const auto [found, is_new] = began_.emplace(epoch, at);
    if (!is_new && at < found->second) found->second = at;
  }
  trim();
}

bool Lives::deny(Epoch epoch, Lsn durable) const {
  if (began_.empty() || epoch < began_.begin()->first || epoch < not_below_) return false;
  const auto found = began_.find(epoch);
  if (found == began_.end()) return true;
  const auto next = std::next(found);
  return next != began_.end() && durable >= next->second;
}

protocol::LivesRecord Lives::record() const {
  return {{began_.begin(), began_.end()}};
}

void Lives::trim() {
  while (began_.size() > kKept) began_.erase(began_.begin());
}

}  // namespace troth::recovery
