#include "participant/named_links.h"

#include <algorithm>

namespace troth::participant {

NamedLinks::Place NamedLinks::take(const NodeName& peer, MonotonicTime now,
                                   const std::function<bool(const NodeName&)>& works) {
  Place place;
  if (places_.size() >= kMost) {
    const Times* oldest = nullptr;
    for (const auto& [name, times] : places_) {
      if (oldest != nullptr && oldest->made <= times.made) continue;
      const bool good = works(name);
      if (now - (good ? times.used : times.made) < kAtLeast || (good && times.kept)) continue;
      oldest = &times;
      place.leaves = name;
    }
    if (!place.leaves) return place;
    places_.erase(*place.leaves);
  }
  places_[peer] = {now, now, false};
  place.granted = true;
  return place;
}

void NamedLinks::keep(const NodeName& peer) {
  const auto found = places_.find(peer);
  const auto kept = std::count_if(places_.begin(), places_.end(),
                                  [](const auto& place) { return place.second.kept; });
  if (found != places_.end() && static_cast<std::size_t>(kept) < kMost / 2)
    found->second.kept = true;
}

void NamedLinks::used(const NodeName& peer, MonotonicTime now) {
  const auto found = places_.find(peer);
  if (found != places_.end()) found->second.used = now;
}

}  // namespace troth::participant
