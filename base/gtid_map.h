#pragma once
// What a node knows by gtid, in gtid order. Most are found many times in their short lives: a hash
// table finds what the map keeps in order.

#include <map>
#include <unordered_map>
#include <utility>

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

  iterator find(const Gtid& gtid) {
    const auto place = places_.find(gtid);
    return place == places_.end() ? map_.end() : place->second;
  }
  const_iterator find(const Gtid& gtid) const {
    const auto place = places_.find(gtid);
    return place == places_.end() ? map_.end() : const_iterator(place->second);
  }
  std::size_t count(const Gtid& gtid) const { return places_.count(gtid); }
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

  /// Made in its place of `arguments`. Leaves an element that is there already as it is.
  template <class... Arguments>
  std::pair<iterator, bool> emplace(const Gtid& gtid, Arguments&&... arguments) {
    const auto [place, added] = places_.try_emplace(gtid);
    // Nearly all come in ascending order.
    if (added)
      place->second = map_.try_emplace(map_.end(), gtid, std::forward<Arguments>(arguments)...);
    return {place->second, added};
  }
  /// The element behind it.
  iterator erase(iterator at) {
    places_.erase(at->first);
    return map_.erase(at);
  }

 private:
  Map map_;
  std::unordered_map<Gtid, iterator> places_;
};

}  // namespace troth
