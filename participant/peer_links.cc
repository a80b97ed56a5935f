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
  if (link == links_.end() || !link->second.since) return "since this node started";
  return fmt::format("for {} s",
                     whole_ms(std::max(Duration{0}, now.wall - *link->second.since)) / 1000);
}

void PeerLinks::find_member(const BranchEntry& entry, const NodeName& name) {
  if (name == entry.branch.coordinator() || is_connected(name)) return;
  auto address = peers_.address_of(name);
  for (const auto& member : entry.branch.prepared_record().members)
    if (member.name == name && address.empty()) address = member.address;
  if (!address.empty() && peers_.may_link(name)) transport_.learn_address(name, address);
}

void PeerLinks::address(const BranchEntry& entry, Outgoing& out) {
  find_member(entry, out.to);
  // A log that was put back may have lost an acknowledgement: what was prepared before this start
  // asks for more than "it is ended".
  if (entry.recovered) return;
  const auto seen = [&] { return peers_.position_of(entry.branch.coordinator()).durable; };
  if (auto* ask = std::get_if<AskMember>(&out.message)) ask->coordinator_seen = seen();
  if (auto* elect = std::get_if<Elect>(&out.message)) elect->coordinator_seen = seen();
}

}  // namespace troth::participant
