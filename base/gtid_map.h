#pragma once
// A map by gtid, in gtid order. Most elements are found many times in their short lives. So a hash
// table finds them, and the map keeps them in order. It is one array (linear probing, at most half
// full), so inserting and erasing allocates nothing there.

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/ids.h"

namespace troth {

/// Offers what std::map offers, as far as the engines use it, with its iterators.
template <class T>
class GtidMap {
  using Map = std::map<Gtid, T>;

 public:
  using iterator = typename Map::iterator;
  using const_iterator = typename Map::const_iterator;

  GtidMap() = default;
  GtidMap(const GtidMap&) = delete;  // places_ points into map_
  GtidMap& operator=(const GtidMap&) = delete;

  bool empty() const { return map_.empty(); }
  std::size_t size() const { return map_.size(); }
  iterator begin() { return map_.begin(); }
  iterator end() { return map_.end(); }
  const_iterator begin() const { return map_.begin(); }
  const_iterator end() const { return map_.end(); }

  iterator find(const Gtid& gtid) { return places_[place_of(gtid)].at; }
  const_iterator find(const Gtid& gtid) const { return places_[place_of(gtid)].at; }
  std::size_t count(const Gtid& gtid) const { return find(gtid) == end() ? 0 : 1; }
  /// It must be there.
  T& at(const Gtid& gtid) {
    const auto found = find(gtid);
    TROTH_ASSERT(found != end(), "gtid {} is not known", gtid);
    return found->second;
  }
  const T& at(const Gtid& gtid) const {
    const auto found = find(gtid);
    TROTH_ASSERT(found != end(), "gtid {} is not known", gtid);
    return found->second;
  }
  iterator lower_bound(const Gtid& gtid) { return map_.lower_bound(gtid); }
  const_iterator lower_bound(const Gtid& gtid) const { return map_.lower_bound(gtid); }
  const_iterator upper_bound(const Gtid& gtid) const { return map_.upper_bound(gtid); }

  /// Made in its place of `arguments`. Leaves an existing element unchanged.
  template <class... Arguments>
  std::pair<iterator, bool> emplace(const Gtid& gtid, Arguments&&... arguments) {
    if (const auto known = find(gtid); known != end()) return {known, false};
    // Nearly all come in ascending order.
    const auto made = map_.try_emplace(map_.end(), gtid, std::forward<Arguments>(arguments)...);
    if (2 * map_.size() > places_.size()) {
      spread();
    } else {
      places_[place_of(gtid)] = {gtid, made};
    }
    return {made, true};
  }
  /// The element behind it.
  iterator erase(iterator at) {
    vacate(place_of(at->first));
    return map_.erase(at);
  }

 private:
  struct Place {
    Gtid gtid;
    iterator at;  // map_.end(): the slot is empty
  };
  std::size_t home_of(const Gtid& gtid) const {
    return std::hash<Gtid>{}(gtid) & (places_.size() - 1);
  }
  std::size_t behind(std::size_t place) const { return (place + 1) & (places_.size() - 1); }
  bool is_free(std::size_t place) const { return places_[place].at == map_.end(); }
  /// Where it is, or the free place where it would be.
  std::size_t place_of(const Gtid& gtid) const {
    auto place = home_of(gtid);
    while (!is_free(place) && places_[place].gtid != gtid) place = behind(place);
    return place;
  }
  /// Entries that could not be found any more because of the gap move into it.
  void vacate(std::size_t gap) {
    const auto mask = places_.size() - 1;
    for (auto next = behind(gap); !is_free(next); next = behind(next)) {
      const auto from_home = (next - home_of(places_[next].gtid)) & mask;
      if (from_home < ((next - gap) & mask)) continue;
      places_[gap] = places_[next];
      gap = next;
    }
    places_[gap].at = map_.end();
  }
  void spread() {
    places_.assign(2 * places_.size(), {Gtid(), map_.end()});
    for (auto at = map_.begin(); at != map_.end(); ++at)
      places_[place_of(at->first)] = {at->first, at};
  }

  Map map_;
  std::vector<Place> places_{16, Place{Gtid(), map_.end()}};  // a power of two of them
};

}  // namespace troth
