#pragma once
// Links to nodes that a branch or a greeting has named, and that the settings do not name. Each
// takes a thread and two descriptors while it exists.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>

#include "base/ids.h"
#include "troth/time.h"

namespace troth::participant {

/// Invariant: at most kMost links have a place. A link keeps its place if it was made or used
/// within kAtLeast and is connected or new. Owned by PeerLinks and touched by the engine's thread
/// alone.
class NamedLinks {
 public:
  static constexpr std::size_t kMost = 128;
  static constexpr Duration kAtLeast{std::chrono::seconds(10)};

  /// The answer to a request for a link.
  struct Place {
    bool granted = false;
    std::optional<NodeName> leaves;  ///< its link ends, to make room
  };
  /// `peer` needs a link and has none. `works`: whether the link to a node is connected.
  Place take(const NodeName& peer, MonotonicTime now,
             const std::function<bool(const NodeName&)>& works);
  bool has(const NodeName& peer) const { return places_.count(peer) != 0; }
  /// While it is connected, the link keeps its place. At most half of the places can be kept so.
  void keep(const NodeName& peer);
  /// A branch needs its link now.
  void used(const NodeName& peer, MonotonicTime now);
  void leave(const NodeName& peer) { places_.erase(peer); }

 private:
  struct Times {
    MonotonicTime made, used;
    bool kept = false;
  };
  std::map<NodeName, Times> places_;
};

}  // namespace troth::participant
