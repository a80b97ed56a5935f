#include "participant/peer_links.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::participant {

using namespace protocol;

bool PeerLinks::is_connected(const NodeName& peer) const {
  const auto link = links_.find(peer);
  return link != links_.end() && link->second.connected;
}

std::string PeerLinks::since_when(const NodeName& peer, Now now) const {
  const auto link = links_.find(peer);
  if (link == links_.end() || link->second.since_unix_ms == 0) return "since this node started";
  const auto seconds =
      std::max<std::int64_t>(0, now.wall.unix_ms - link->second.since_unix_ms) / 1000;
  return fmt::format("for {} s", seconds);
}

void PeerLinks::find_member(const BranchEntry& entry, const NodeName& name) {
  if (name == entry.branch.coordinator() || is_connected(name)) return;
  auto address = peers_.address_of(name);
  for (const auto& member : entry.branch.prepared_record().members)
    if (member.name == name && address.empty()) address = member.address;
  if (!address.empty() && peers_.may_link(name)) transport_.learn_address(name, address);
}

}  // namespace troth::participant
