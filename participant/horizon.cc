#include "participant/horizon.h"

#include <utility>

#include "protocol/record.h"

namespace troth::participant {

using namespace protocol;

void Horizon::adopt(std::map<CoordinatorTag, Gtid> ended_below) {
  logged_ = ended_below;
  ended_below_ = std::move(ended_below);
}

bool Horizon::ended(const Gtid& gtid) const {
  const auto below = ended_below_.find(gtid.tag());
  return below != ended_below_.end() && gtid < below->second;
}

bool Horizon::advance(const Gtid& ended_below) {
  auto& known = ended_below_[ended_below.tag()];
  if (ended_below <= known) return false;
  known = ended_below;
  return true;
}

void Horizon::note(const Gtid& ended_below) {
  constexpr std::uint64_t kEvery = 1024;
  const Gtid epoch_start(ended_below.tag(), ended_below.epoch(), 0, Decider::kCoordinator);
  auto& logged = logged_.emplace(ended_below.tag(), epoch_start).first->second;
  if (ended_below.epoch() == logged.epoch() && ended_below.sequence() < logged.sequence() + kEvery)
    return;
  logged = ended_below;
  const Record record{HorizonRecord{ended_below}};
  log_.append(type_of(record), encode(record), Force::kNo);
}

}  // namespace troth::participant
