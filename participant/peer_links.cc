#include "participant/peer_links.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace troth::participant {

using namespace protocol;

bool PeerLinks::is_connected(const NodeName& peer) const {
  const auto link = links_.find(peer);
  return link != links_.end() && link->second.connected;
}

void PeerLinks::reach(const NodeName& coordinator, MonotonicTime now) {
  const auto* known = peers_.find(coordinator);
  if (known != nullptr && !known->address.empty()) open(coordinator, known->address, now);
}

CoordinatorSilence::Link PeerLinks::to_peer(const NodeName& name) const {
  const auto now = transport_.link(name);
  return {links_.count(name) != 0 || now.has_value(), is_connected(name),
          now ? now->batches_sent : 0};
}

std::string PeerLinks::since_when(const NodeName& peer, Now now) const {
  const auto link = links_.find(peer);
  if (link == links_.end() || !link->second.since) return "since this node started";
  return fmt::format("for {} s",
                     whole_ms(std::max(Duration{0}, now.wall - *link->second.since)) / 1000);
}

void PeerLinks::find_member(const BranchEntry& entry, const NodeName& name, MonotonicTime now) {
  named_.used(name, now);
  if (name == entry.branch.coordinator() || is_connected(name)) return;
  auto address = peers_.address_of(name);
  for (const auto& member : entry.branch.prepared_record().members)
    if (member.name == name && address.empty()) address = member.address;
  if (!address.empty() && peers_.may_link(name)) open(name, address, now);
}

void PeerLinks::open(const NodeName& peer, const std::string& address, MonotonicTime now) {
  if (!to_peer(peer).exists && !named_.has(peer)) {
    const auto place =
        named_.take(peer, now, [&](const NodeName& name) { return is_connected(name); });
    if (place.leaves) {
      links_.erase(*place.leaves);
      transport_.end_link(*place.leaves);
    }
    if (!place.granted) {
      reports_.count("links_refused");
      if (std::exchange(warned_, true)) return;
      return reports_.log().warn(
          "no link is made to more nodes that this one has never met: name them with the setting "
          "peer",
          {{"peer", peer}, {"address", address}, {"limit", NamedLinks::kMost}});
    }
  }
  transport_.learn_address(peer, address);
}

void PeerLinks::address(const BranchEntry& entry, Outgoing& out, MonotonicTime now) {
  find_member(entry, out.to, now);
  // A log that was put back may have lost an acknowledgement. So for a branch that was prepared
  // before this start, "it is ended" is not enough.
  if (entry.recovered) return;
  const auto seen = [&] { return peers_.position_of(entry.branch.coordinator()).durable; };
  if (auto* ask = std::get_if<AskMember>(&out.message)) ask->coordinator_seen = seen();
  if (auto* elect = std::get_if<Elect>(&out.message)) elect->coordinator_seen = seen();
}

std::string what_is_owed(const NodeName& peer, const BranchTable& table,
                         const recovery::OperatorBook& by_hand) {
  std::size_t open = 0, uncompared = 0;
  for (const auto& [gtid, entry] : table) {
    if (entry.branch.is_over()) continue;
    const auto& members = entry.branch.prepared_record().members;
    const auto is_peer = [&](const Member& member) { return member.name == peer; };
    if (entry.branch.coordinator() == peer || std::any_of(members.begin(), members.end(), is_peer))
      ++open;
  }
  if (open > 0)
    return fmt::format(
        "{} here may still be decided by {}: troth txn list --in-doubt, then troth txn resolve",
        open == 1 ? "1 branch" : fmt::format("{} branches", open), peer);
  for (const auto& [gtid, record] : by_hand.heuristics())
    if (record.coordinator == peer && record.truth == Outcome::kPending) ++uncompared;
  if (uncompared > 0)
    return fmt::format(
        "{} by hand {} not compared with what {} decided: troth txn list --in-doubt, then troth "
        "txn forget",
        uncompared == 1 ? "1 decision" : fmt::format("{} decisions", uncompared),
        uncompared == 1 ? "is" : "are", peer);
  return "";
}

}  // namespace troth::participant
