#pragma once
// Which peers this node reaches right now.

#include <map>
#include <string>
#include <vector>

#include "troth/nodes.h"

namespace troth::coordinator {

/// Owns the last known status of each link. Owned by the engine and touched by its thread alone.
class Links {
 public:
  void changed(const LinkStatus& status) { links_[status.peer] = status; }
  /// nullptr: there never was one.
  const LinkStatus* find(const NodeName& peer) const {
    const auto found = links_.find(peer);
    return found == links_.end() ? nullptr : &found->second;
  }
  bool is_connected(const NodeName& peer) const {
    const auto* link = find(peer);
    return link != nullptr && link->connected;
  }
  std::vector<NodeName> unreachable(const std::map<NodeName, std::string>& among) const {
    std::vector<NodeName> out;
    for (const auto& [name, address] : among)
      if (!is_connected(name)) out.push_back(name);
    return out;
  }

 private:
  std::map<NodeName, LinkStatus> links_;
};

}  // namespace troth::coordinator
