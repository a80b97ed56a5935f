#include "participant/accepted_peers.h"

#include <utility>

namespace troth::participant {

using namespace protocol;

void AcceptedPeers::heard(const NodeName& peer, MonotonicTime now) {
  if (parts_.peers.table().is_accepted(peer)) heard_[peer] = now;
}

MonotonicTime AcceptedPeers::last_heard(const NodeName& peer) const {
  const auto found = heard_.find(peer);
  return found == heard_.end() ? MonotonicTime{} : found->second;
}

AcceptedPeers::Held AcceptedPeers::look() const {
  Held held;
  for (const auto& [gtid, entry] : parts_.table) {
    const auto& branch = entry.branch;
    if (branch.is_over()) {
      if (!may_forget_abort(branch)) held.outcomes.insert(gtid.tag());
      continue;
    }
    held.live.insert(gtid.tag());
    held.named.insert(branch.coordinator());
    for (const auto& member : branch.prepared_record().members) held.named.insert(member.name);
  }
  for (const auto& [gtid, record] : parts_.book.heuristics()) held.named.insert(record.coordinator);
  return held;
}

bool AcceptedPeers::may_go(const PeerRecord& peer, const Held& held, MonotonicTime now) const {
  const auto tag = CoordinatorTag::of(peer.position.log_id);
  if (!parts_.peers.table().is_accepted(peer.name) || held.live.count(tag) != 0 ||
      held.named.count(peer.name) != 0)
    return false;
  const auto silent = now - last_heard(peer.name);
  const bool connected = parts_.links.is_connected(peer.name);
  if (held.outcomes.count(tag) != 0) return !connected && silent >= kWithOutcomes;
  return !connected || silent >= kConnected;
}

void AcceptedPeers::make_room_for(const NodeName& guest, MonotonicTime now) {
  if (!parts_.peers.lacks_room_for(guest)) return;
  const auto held = look();
  std::optional<PeerRecord> oldest;
  for (auto& peer : parts_.peers.records())
    if (may_go(peer, held, now) && (!oldest || last_heard(peer.name) < last_heard(oldest->name)))
      oldest = std::move(peer);
  if (!oldest) return;
  if (held.outcomes.count(CoordinatorTag::of(oldest->position.log_id)) == 0)
    parts_.horizon.forget(CoordinatorTag::of(oldest->position.log_id));
  forget(*oldest);
}

void AcceptedPeers::forget(const PeerRecord& peer) {
  parts_.reports.count("peers_made_room");
  parts_.reports.log().warn("forgot a peer that the settings do not name, to make room for another",
                            {{"peer", peer.name}, {"limit", PeerHandshake::kMaxAccepted}});
  heard_.erase(peer.name);
  parts_.peers.forget(peer.name);
  parts_.links.end(peer.name);
}

}  // namespace troth::participant
