#include "participant/horizon.h"

#include <algorithm>
#include <iterator>

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

// What a header says of ended gtids stays true, however late it arrives: so all of them are added
// up, in any order. One that names a list without holding it counts only with that list.
bool Horizon::advance(const BatchHeader& header) {
  if (!header.ended_below) return false;
  const Gtid& below = *header.ended_below;
  auto& known = claims_[below.tag()];
  const ListName name{header.position.epoch, header.unfinished_version};
  if (header.unfinished && name > known.list_name) {
    known.list = header.unfinished;
    known.list_name = name;
  }
  static const std::vector<Gtid> kNone;
  const auto* list = &kNone;
  if (header.unfinished) {
    list = header.unfinished.get();
  } else if (header.unfinished_version != 0) {
    if (name != known.list_name) return false;
    list = known.list.get();
  }
  if (below <= known.below && known.unfinished.empty()) return false;
  auto unfinished = neither_ended(known, below, *list);
  if (below <= known.below && unfinished == known.unfinished) return false;
  known.below = std::max(known.below, below);
  known.unfinished = std::move(unfinished);
  return true;
}

// Not ended by what is known nor by the header: listed by both, or listed by one and not below the
// watermark of the other.
std::vector<Gtid> Horizon::neither_ended(const Claim& known, const Gtid& below,
                                         const std::vector<Gtid>& list) {
  std::vector<Gtid> out;
  std::set_union(known.unfinished.begin(), known.unfinished.end(), list.begin(), list.end(),
                 std::back_inserter(out));
  const auto listed = [](const std::vector<Gtid>& in, const Gtid& gtid) {
    return std::binary_search(in.begin(), in.end(), gtid);
  };
  std::erase_if(out, [&](const Gtid& gtid) {
    return (gtid < known.below && !listed(known.unfinished, gtid)) ||
           (gtid < below && !listed(list, gtid));
  });
  return out;
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
