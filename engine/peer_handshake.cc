#include "engine/peer_handshake.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log_key.h"

namespace troth {

using namespace protocol;

PeerHandshake::PeerHandshake(PeerSelf self)
    : self_(std::move(self)), own_(self_.log_id, self_.epoch, self_.signer) {
  if (self_.cluster.empty()) self_.cluster = kDefaultCluster;
}

void PeerHandshake::configure(const NodeName& peer, const std::string& address, Role role) {
  table_.configure(peer, address, role);
}

void PeerHandshake::adopt(recovery::Lives lives, const AdoptedRecord& adopted, Lsn now) {
  lives_ = std::move(lives);
  lives_.adopt(adopted);
  lives_.begin(self_.epoch, now);
}

void PeerHandshake::adopt(const std::map<NodeName, ClaimRecord>& claims) {
  for (const auto& [witness, claim] : claims)
    if (claim.standing == ClaimRecord::Standing::kDismissed) dismissed_[witness] = claim.seen;
}

// A node refuses strangers if its settings name its peers: a coordinator always, a participant once
// a coordinator is configured. At a coordinator, a peer that its log has met is no stranger.
bool PeerHandshake::closed() const {
  return self_.role == Role::kCoordinator || table_.any_configured(Role::kCoordinator);
}

bool PeerHandshake::named_by_any(const NodeName& peer) const {
  return std::any_of(named_.begin(), named_.end(),
                     [&](const auto& item) { return item.second.count(peer) != 0; });
}

bool PeerHandshake::may_greet(const NodeName& peer) const {
  if (table_.configured(peer)) return true;
  // A participant that the settings do not name any more may owe an acknowledgement, or be in doubt.
  if (self_.role == Role::kCoordinator)
    return table_.met(peer) && table_.role_of(peer) == Role::kParticipant;
  if (!closed()) return true;
  return (table_.knows(peer) && table_.role_of(peer) == Role::kParticipant) || named_by_any(peer);
}

Hello PeerHandshake::make_hello(const NodeName& peer, const std::string& own_address,
                                Lsn own_durable) const {
  Hello hello;
  hello.name = self_.name;
  hello.role = self_.role;
  hello.cluster = self_.cluster;
  hello.address = own_address;
  hello.position = own_.at(own_durable);
  hello.seen_of_receiver = table_.position_of(peer);
  hello.receiver = peer;
  if (self_.role == Role::kCoordinator)
    for (const auto& [name, role] : table_.all_configured())  // also those that it has not met yet
      if (name != peer) hello.participants.push_back(member(name, table_.find(name)));
  return hello;
}

namespace {

std::string in_cluster(const std::string& cluster) {
  return cluster.empty() ? std::string(kDefaultCluster) : cluster;
}

}  // namespace

/// Why the rest of the greeting is not looked at; "" = go on.
std::string PeerHandshake::misgreeted(const Hello& hello, HelloReply& reply) const {
  if (const auto theirs = in_cluster(hello.cluster); theirs != self_.cluster) {
    reply.verdict = HelloVerdict::kWrongCluster;
    return fmt::format("{} belongs to cluster {}, {} to cluster {}", self_.name, self_.cluster,
                       hello.name, theirs);
  }
  if (hello.receiver != self_.name) {
    reply.verdict = HelloVerdict::kWrongReceiver;
    return fmt::format("this is {}, not {}", self_.name, hello.receiver);
  }
  const auto version = agreed_version(kPeerVersions, hello.versions);
  if (!version) {
    reply.verdict = HelloVerdict::kVersionMismatch;
    return fmt::format(
        "{} speaks the peer protocols {} to {}, {} speaks {} to {}: their releases are too far "
        "apart",
        hello.name, hello.versions.oldest, hello.versions.newest, self_.name, kPeerVersions.oldest,
        kPeerVersions.newest);
  }
  reply.version = *version;
  if (!may_greet(hello.name)) {
    reply.verdict = HelloVerdict::kUnknownSender;
    return fmt::format("no {} named {} is configured at {}",
                       hello.role == Role::kCoordinator ? "coordinator" : "participant", hello.name,
                       self_.name);
  }
  return "";
}

/// Compares what a known peer says of itself with what this log has seen of it; "" = it agrees.
std::string PeerHandshake::compare(const NodeName& peer, const NodePosition& said,
                                   HelloVerdict& verdict) const {
  const NodePosition seen = table_.position_of(peer);
  if (seen.log_id.is_nil()) return "";
  if (seen.log_id != said.log_id) {
    verdict = HelloVerdict::kSenderLogReplaced;
    return fmt::format("{} is known here by the log {}, it now says {}", peer, seen.log_id,
                       said.log_id);
  }
  if (said.epoch < seen.epoch) {
    verdict = HelloVerdict::kStaleEpoch;
    return fmt::format("epoch {} of {} is known here, it says {}", seen.epoch, peer, said.epoch);
  }
  if (said.durable < seen.durable) {
    verdict = HelloVerdict::kSenderLostMemory;
    return fmt::format("the log of {} was seen at LSN {}, it now ends at {}", peer, seen.durable,
                       said.durable);
  }
  return "";
}

/// Whether the log that the peer has seen can have been this one.
bool PeerHandshake::agrees(const NodeName& peer, const NodePosition& seen_of_us,
                           Lsn own_durable) const {
  const bool longer = seen_of_us.durable > own_durable || seen_of_us.epoch > self_.epoch;
  if (!longer && !lives_.deny(seen_of_us.epoch, seen_of_us.durable)) return true;
  const auto dismissed = dismissed_.find(peer);
  return !longer && dismissed != dismissed_.end() && seen_of_us.epoch <= dismissed->second.epoch &&
         seen_of_us.durable <= dismissed->second.durable;
}

/// Why the link is refused because of what the peer says of this log; "" = it agrees. It is
/// evidence only with the receipt of this log, from a configured peer: one whose log this log has
/// met, or one that answered at its configured address.
std::string PeerHandshake::dispute(Judgement& judgement, const NodeName& peer,
                                   const NodePosition& said, const NodePosition& seen_of_us,
                                   Lsn own_durable, Greeting greeting) {
  disputed_.erase(CoordinatorTag::of(said.log_id));
  if (seen_of_us.log_id.is_nil()) return "";
  if (seen_of_us.log_id != self_.log_id)
    return fmt::format(
        "{} knows {} by the log {}, but this log is {}: one of the two belongs to other nodes, or "
        "its data directory was replaced",
        peer, self_.name, seen_of_us.log_id, self_.log_id);
  if (agrees(peer, seen_of_us, own_durable)) return "";
  const bool longer = seen_of_us.durable > own_durable || seen_of_us.epoch > self_.epoch;
  const auto what = fmt::format(
      "{} has seen the log of {} reach LSN {} in epoch {}, but {} at LSN {} in epoch {}", peer,
      self_.name, seen_of_us.durable, seen_of_us.epoch,
      longer ? "it ends" : "it was not there then, it is", own_durable, self_.epoch);
  const auto known = table_.position_of(peer);
  const bool met = !known.log_id.is_nil() && known.log_id == said.log_id;
  const bool shown = own_.has_said(seen_of_us);
  if (table_.configured(peer) && shown && (met || greeting == Greeting::kOurs)) {
    judgement.lost_memory = ClaimRecord{
        peer, said.log_id, seen_of_us, own_durable, {}, ClaimRecord::Standing::kRaised, {}};
  } else if (met) {
    disputed_.insert(CoordinatorTag::of(said.log_id));
    judgement.alarm =
        fmt::format("{}; it {}, so only its own transactions wait until it agrees", what,
                    shown ? "is not configured here" : "shows no receipt of this log");
  }
  return what;
}

PeerHandshake::Judgement PeerHandshake::on_hello(const Hello& hello, Lsn own_durable,
                                                 HelloReply& reply) {
  Judgement judgement;
  reply.name = self_.name;
  reply.role = self_.role;
  reply.cluster = self_.cluster;
  judgement.refusal = misgreeted(hello, reply);
  if (reply.verdict != HelloVerdict::kWrongCluster) {
    reply.position = own_.at(own_durable);
    reply.seen_of_sender = table_.position_of(hello.name);
  }
  if (judgement.refusal.empty()) {
    judgement.refusal = late_.judge(hello, table_.position_of(hello.name));
    if (!judgement.refusal.empty()) reply.verdict = HelloVerdict::kNotReady;
  }
  if (judgement.refusal.empty())
    judgement.refusal = compare(hello.name, hello.position, reply.verdict);
  if (judgement.refusal.empty()) {
    judgement.refusal = dispute(judgement, hello.name, hello.position, hello.seen_of_receiver,
                                own_durable, Greeting::kTheirs);
    if (!judgement.refusal.empty()) reply.verdict = HelloVerdict::kReceiverDisputed;
  }
  if (judgement.refusal.empty()) {
    reply.verdict = HelloVerdict::kWelcome;
    judgement.agrees = true;
    welcome(judgement, hello);
  }
  reply.detail = judgement.refusal;
  note_refusal(judgement, hello.name, Greeting::kTheirs);
  return judgement;
}

void PeerHandshake::welcome(Judgement& judgement, const Hello& hello) {
  if (!table_.configured(hello.name) && !table_.met(hello.name)) return host(hello);
  const auto role = table_.configured(hello.name) ? table_.role_of(hello.name) : hello.role;
  judgement.proved = made_from_key(hello.position.log_id) &&
                     table_.position_of(hello.name).log_id == hello.position.log_id;
  const auto news =
      table_.learn(hello.name, role, {hello.name, role, hello.position, hello.address});
  judgement.restarted = news.restarted;
  if (news.durable) judgement.to_append.push_back(*table_.find(hello.name));
  judgement.reach_at = hello.address;
  hear_members(judgement, hello.participants);
}

/// A guest: the last greeting under its name counts. The oldest guest makes room.
void PeerHandshake::host(const Hello& hello) {
  constexpr std::size_t kNamedByGuest = 64;
  const auto found = guests_.find(hello.name);
  if (found != guests_.end()) {
    named_.erase(CoordinatorTag::of(found->second.record.position.log_id));
  } else {
    guests_in_order_.push_back(hello.name);
  }
  auto& guest = guests_[hello.name];
  guest.record = {hello.name, hello.role, hello.position, hello.address};
  guest.participants = hello.participants;
  if (guest.participants.size() > kNamedByGuest) guest.participants.resize(kNamedByGuest);
  auto& named = named_[CoordinatorTag::of(hello.position.log_id)];
  named.clear();
  for (const auto& participant : guest.participants) named.insert(participant.name);
  while (guests_.size() > kMaxGuests) {
    const auto oldest = guests_.find(guests_in_order_.front());
    guests_in_order_.pop_front();
    if (oldest == guests_.end()) continue;
    named_.erase(CoordinatorTag::of(oldest->second.record.position.log_id));
    guests_.erase(oldest);
  }
}

void PeerHandshake::hear_members(Judgement& judgement, const std::vector<Member>& members) {
  for (const auto& member : members)
    if (member.name != self_.name && table_.add_named(member.name, member.address))
      judgement.to_append.push_back(*table_.find(member.name));
}

void PeerHandshake::hear_members(const std::vector<Member>& members) {
  for (const auto& member : members)
    if (member.name != self_.name) table_.add_named(member.name, member.address);
}

bool PeerHandshake::lacks_room_for(const NodeName& guest) const {
  return guests_.count(guest) != 0 && !table_.knows(guest) &&
         table_.met_unconfigured() >= kMaxAccepted;
}

PeerHandshake::Judgement PeerHandshake::accept(const NodeName& from) {
  Judgement judgement;
  const auto guest = guests_.find(from);
  if (guest == guests_.end()) return judgement;
  if (lacks_room_for(from)) {
    judgement.refusal = fmt::format(
        "{} peers that configuration does not name were accepted already; name {} in the settings",
        kMaxAccepted, from);
    return judgement;
  }
  const PeerRecord said = guest->second.record;
  const auto participants = std::move(guest->second.participants);
  guests_.erase(guest);
  std::erase(guests_in_order_, from);
  table_.learn(from, said.role, said);
  judgement.to_append.push_back(*table_.find(from));
  named_.erase(CoordinatorTag::of(said.position.log_id));
  hear_members(judgement, participants);
  judgement.reach_at = said.address;
  return judgement;
}

bool PeerHandshake::may_link(const NodeName& peer) const {
  return table_.knows(peer) || named_by_any(peer);
}

PeerHandshake::Judgement PeerHandshake::on_reply(const NodeName& peer, const HelloReply& reply,
                                                 Lsn own_durable) {
  Judgement judgement;
  HelloVerdict ignored{};
  if (const auto theirs = in_cluster(reply.cluster); theirs != self_.cluster) {
    judgement.refusal = fmt::format("{} belongs to cluster {}, {} to cluster {}", reply.name,
                                    theirs, self_.name, self_.cluster);
  } else if (reply.name != peer) {
    judgement.refusal = fmt::format("the address of {} leads to {}", peer, reply.name);
  } else {
    judgement.refusal = compare(peer, reply.position, ignored);
    note_memory(judgement, peer, judgement.refusal);
    if (judgement.refusal.empty())
      judgement.refusal = dispute(judgement, peer, reply.position, reply.seen_of_sender,
                                  own_durable, Greeting::kOurs);
  }
  objections_[peer] = judgement.refusal;
  if (judgement.refusal.empty() && reply.verdict != HelloVerdict::kWelcome)
    judgement.refusal =
        fmt::format("{} refused: {} ({})", peer, to_string(reply.verdict), reply.detail);
  if (judgement.refusal.empty()) {
    judgement.agrees = true;
    const auto role = table_.configured(peer) ? table_.role_of(peer) : reply.role;
    const auto news = table_.learn(peer, role, {peer, role, reply.position, {}});
    judgement.restarted = news.restarted;
    if (news.durable) judgement.to_append.push_back(*table_.find(peer));
  }
  note_refusal(judgement, peer, Greeting::kOurs);
  return judgement;
}

PeerHandshake::Judgement PeerHandshake::on_batch(const BatchHeader& header) {
  Judgement judgement;
  const auto seen = position_of(header.sender);
  if (seen.log_id.is_nil()) {
    judgement.refusal = fmt::format("{} has not introduced itself", header.sender);
  } else if (!may_greet(header.sender)) {
    judgement.refusal = fmt::format("{} is not configured here", header.sender);
  } else if (!kPeerVersions.contain(header.version)) {
    judgement.refusal = fmt::format("{} sends peer protocol {}, which is not spoken here",
                                    header.sender, header.version);
  } else if (header.position.log_id != seen.log_id) {
    judgement.refusal = fmt::format("{} speaks for another log", header.sender);
  } else if (header.position.epoch < seen.epoch) {
    judgement.refusal = fmt::format("stale epoch {} of {}", header.position.epoch, header.sender);
  } else if (header.receiver_epoch != self_.epoch) {
    judgement.refusal = fmt::format("meant for epoch {} of {}", header.receiver_epoch, self_.name);
  } else if (table_.met(header.sender)) {
    auto* const known = table_.find(header.sender);
    const auto news = table_.learn_position(*known, header.position);
    judgement.restarted = news.restarted;
    if (news.durable) judgement.to_append.push_back(*known);
  } else {
    guests_.at(header.sender).record.position = header.position;
  }
  return judgement;
}

PeerStanding PeerHandshake::standing(const NodeName& from, const Gtid& gtid) const {
  if (disputed(gtid.tag())) return PeerStanding::kStranger;
  if (owns(from, gtid)) return PeerStanding::kCoordinator;
  const auto* known = table_.find(from);
  if (known != nullptr && (table_.configured(from) || known->role == Role::kParticipant))
    return PeerStanding::kPeer;
  const auto named = named_.find(gtid.tag());
  const bool is_named = named != named_.end() && named->second.count(from) != 0;
  return is_named ? PeerStanding::kPeer : PeerStanding::kStranger;
}

bool PeerHandshake::owns(const NodeName& from, const Gtid& gtid) const {
  const auto position = position_of(from);
  return !position.log_id.is_nil() && CoordinatorTag::of(position.log_id) == gtid.tag();
}

const PeerRecord* PeerHandshake::find(const NodeName& peer) const {
  const auto guest = guests_.find(peer);
  return guest == guests_.end() ? table_.find(peer) : &guest->second.record;
}

NodePosition PeerHandshake::position_of(const NodeName& peer) const {
  const auto* known = find(peer);
  return known == nullptr ? NodePosition{} : known->position;
}

Member PeerHandshake::member(const NodeName& peer, const PeerRecord* known) {
  if (known == nullptr) return {peer, {}, {}, {}};
  return {peer, known->position.log_id, known->position.epoch, known->address};
}

std::string PeerHandshake::refusal_of(const NodeName& peer) const {
  const auto found = refusals_.find({peer, Greeting::kTheirs});
  return found == refusals_.end() ? "" : found->second;
}

std::string PeerHandshake::objection_to(const NodeName& peer) const {
  const auto found = objections_.find(peer);
  return found == objections_.end() ? "" : found->second;
}

void PeerHandshake::forget(const NodeName& peer) {
  const auto tag = CoordinatorTag::of(position_of(peer).log_id);
  disputed_.erase(tag);
  named_.erase(tag);
  guests_.erase(peer);
  std::erase(guests_in_order_, peer);
  doubted_.erase(peer);
  late_.forget(peer);
  objections_.erase(peer);
  refusals_.erase({peer, Greeting::kTheirs});
  refusals_.erase({peer, Greeting::kOurs});
  table_.forget(peer);
}

void PeerHandshake::note_memory(Judgement& judgement, const NodeName& peer,
                                const std::string& contradiction) {
  if (contradiction.empty()) {
    doubted_.erase(peer);
  } else if (!doubted_.insert(peer).second) {
    judgement.peer_lost_memory = contradiction;
  }
}

void PeerHandshake::note_refusal(Judgement& judgement, const NodeName& peer, Greeting greeting) {
  constexpr std::size_t kKept = 1000;  // strangers may call themselves anything
  if (judgement.refusal.empty()) {
    refusals_.erase({peer, greeting});
    return;
  }
  if (refusals_.size() >= kKept) refusals_.clear();
  auto& last = refusals_[{peer, greeting}];
  judgement.repeated = last == judgement.refusal;
  last = judgement.refusal;
}

}  // namespace troth
