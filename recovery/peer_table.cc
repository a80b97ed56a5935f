#include "recovery/peer_table.h"

#include <algorithm>

namespace troth::recovery {

using namespace protocol;

void see(std::map<NodeName, PeerRecord>& peers, const PeerRecord& record) {
  auto& known = peers[record.name];
  const bool older = known.position.log_id == record.position.log_id &&
                     known.position.durable > record.position.durable;
  const auto before = known.position;
  known = record;
  if (!older) return;
  // A receipt is for one epoch and one LSN.
  known.position.receipt = before.epoch == record.position.epoch ? before.receipt : Receipt{};
  known.position.durable = before.durable;
}

void see(std::map<NodeName, PeerRecord>& peers, const SeenRecord& record) {
  for (const auto& [peer, lsn, receipt] : record.reached) {
    const auto known = peers.find(peer);
    if (known == peers.end() || known->second.position.durable >= lsn) continue;
    known->second.position.durable = lsn;
    known->second.position.receipt = receipt;
  }
}

void PeerTable::configure(const NodeName& peer, const std::string& address, Role role) {
  configured_[peer] = role;
  auto& record = peers_[peer];
  record.name = peer;
  record.role = role;
  if (!address.empty()) record.address = address;
}

void PeerTable::adopt(const PeerRecord& record) {
  const auto fixed = configured(record.name) ? address_of(record.name) : std::string();
  see(peers_, record);
  if (!fixed.empty()) peers_[record.name].address = fixed;  // configuration wins
}

void PeerTable::forget(const NodeName& peer) {
  peers_.erase(peer);
  configured_.erase(peer);
  std::erase(risen_, peer);
}

PeerTable::News PeerTable::learn(const NodeName& peer, Role role, const PeerRecord& said) {
  auto& known = peers_[peer];
  known.name = peer;
  known.role = role;
  const bool fixed = configured(peer) && !known.address.empty();
  const bool moved = !said.address.empty() && !fixed && known.address != said.address;
  if (moved) known.address = said.address;
  auto news = learn_position(known, said.position);
  news.durable = news.durable || moved;
  return news;
}

PeerTable::News PeerTable::learn_position(PeerRecord& known, const NodePosition& position) {
  News news;
  const bool same_log = known.position.log_id == position.log_id;
  // What a guest said before its present life, and was kept.
  if (same_log && position.epoch < known.position.epoch) return news;
  news.durable = !same_log || known.position.epoch != position.epoch;
  news.restarted = !known.position.log_id.is_nil() && position.epoch > known.position.epoch;
  const bool rises = same_log && position.durable > known.position.durable;
  const auto before = known.position;
  known.position = position;
  if (same_log && !rises && before.durable != position.durable) {
    known.position.durable = before.durable;
    // A receipt is for one epoch and one LSN.
    known.position.receipt = before.epoch == position.epoch ? before.receipt : Receipt{};
  }
  // News becomes a PEER record. A SEEN record in front of it would give the old epoch an LSN that
  // only the new one reached.
  if (news.durable)
    std::erase(risen_, known.name);
  else if (rises && std::find(risen_.begin(), risen_.end(), known.name) == risen_.end())
    risen_.push_back(known.name);
  return news;
}

bool PeerTable::add_named(const NodeName& peer, const std::string& address) {
  if (peers_.size() >= kMaxNamed + configured_.size()) return false;
  const auto [at, is_new] = peers_.try_emplace(peer);
  if (!is_new) return false;
  at->second.name = peer;
  at->second.address = address;
  return true;
}

std::vector<SeenRecord::Reached> PeerTable::take_risen() {
  std::vector<SeenRecord::Reached> out;
  for (const auto& peer : risen_)
    if (const auto* known = find(peer))
      out.push_back({peer, known->position.durable, known->position.receipt});
  risen_.clear();
  return out;
}

const PeerRecord* PeerTable::find(const NodeName& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

PeerRecord* PeerTable::find(const NodeName& peer) {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

NodePosition PeerTable::position_of(const NodeName& peer) const {
  const auto* known = find(peer);
  return known == nullptr ? NodePosition{} : known->position;
}

std::string PeerTable::address_of(const NodeName& peer) const {
  const auto* known = find(peer);
  return known == nullptr ? std::string() : known->address;
}

Role PeerTable::role_of(const NodeName& peer) const {
  const auto* known = find(peer);
  return known == nullptr ? Role::kParticipant : known->role;
}

std::size_t PeerTable::met_unconfigured() const {
  return static_cast<std::size_t>(
      std::count_if(peers_.begin(), peers_.end(), [&](const auto& item) {
        return !configured(item.first) && !item.second.position.log_id.is_nil();
      }));
}

bool PeerTable::any_configured(Role role) const {
  return std::any_of(configured_.begin(), configured_.end(),
                     [&](const auto& item) { return item.second == role; });
}

std::vector<PeerRecord> PeerTable::records() const {
  std::vector<PeerRecord> out;
  for (const auto& [name, record] : peers_)
    if (!record.position.log_id.is_nil() || !configured(name)) out.push_back(record);
  return out;
}

}  // namespace troth::recovery
