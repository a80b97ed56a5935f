#include "participant/horizon.h"

#include <algorithm>

#include "protocol/record.h"

namespace troth::participant {

using namespace protocol;

void Horizon::adopt(std::map<CoordinatorTag, Gtid> ended_below) {
  for (const auto& [tag, below] : ended_below) claims_[tag].below = below;
  logged_ = std::move(ended_below);
}

bool Horizon::ended(const Gtid& gtid) const {
  const auto found = claims_.find(gtid.tag());
  if (found == claims_.end() || gtid >= found->second.below) return false;
  const auto& unfinished = found->second.unfinished;
  return !std::binary_search(unfinished.begin(), unfinished.end(), gtid);
}

// A header that arrives late says less than this node knows already. One that names a list without
// holding it counts only if this node has that list.
bool Horizon::advance(const BatchHeader& header) {
  if (!header.ended_below) return false;
  const Gtid& below = *header.ended_below;
  auto& known = claims_[below.tag()];
  const bool same_epoch = below.epoch() == known.below.epoch();
  const bool newer = below > known.below || (below == known.below && same_epoch &&
                                             header.unfinished_version > known.version);
  if (!newer) return false;
  if (header.unfinished) {
    known.unfinished = *header.unfinished;
  } else if (header.unfinished_version == 0) {
    known.unfinished.clear();
  } else if (!same_epoch || header.unfinished_version != known.version) {
    return false;
  }
  known.below = below;
  known.version = header.unfinished_version;
  return true;
}

void Horizon::note(const CoordinatorTag& tag) {
  constexpr std::uint64_t kEvery = 1024;
  const auto& claim = claims_[tag];
  // The record has no room for the unfinished ones.
  const Gtid below =
      claim.unfinished.empty() ? claim.below : std::min(claim.below, claim.unfinished.front());
  const Gtid epoch_start(tag, below.epoch(), 0, Decider::kCoordinator);
  auto& logged = logged_.emplace(tag, epoch_start).first->second;
  if (below <= logged) return;
  if (below.epoch() == logged.epoch() && below.sequence() < logged.sequence() + kEvery) return;
  logged = below;
  const Record record{HorizonRecord{below}};
  log_.append(type_of(record), encode(record), Force::kNo);
}

}  // namespace troth::participant
