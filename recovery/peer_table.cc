#include "recovery/peer_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::recovery {

using namespace protocol;

PeerTable::PeerTable(NodeName self, Role role, LogId log_id, Epoch epoch, bool known_only)
    : self_(std::move(self)), role_(role), own_{log_id, epoch, {}}, known_only_(known_only) {}

void PeerTable::allow(const NodeName& peer, const std::string& address) {
  allowed_.insert(peer);
  auto& record = peers_[peer];
  record.name = peer;
  record.address = address;
}

void PeerTable::adopt(const PeerRecord& record) {
  auto& known = peers_[record.name];
  const std::string configured = allowed_.count(record.name) != 0 ? known.address : std::string();
  known = record;
  if (!configured.empty()) known.address = configured;  // configuration wins over what was learned
}

Hello PeerTable::make_hello(const NodeName& peer, const std::string& own_address,
                            Lsn own_durable) const {
  Hello hello;
  hello.name = self_;
  hello.role = role_;
  hello.address = own_address;
  hello.position = {own_.log_id, own_.epoch, own_durable};
  hello.seen_of_receiver = position_of(peer);
  hello.receiver = peer;
  return hello;
}

std::optional<Error> PeerTable::check_own_memory(const NodeName& peer,
                                                 const NodePosition& seen_of_us,
                                                 Lsn own_durable) const {
  if (seen_of_us.log_id.is_nil()) return std::nullopt;
  if (seen_of_us.log_id != own_.log_id)
    return Error{ErrorCode::kLostMemory,
                 fmt::format("{} knows {} by the log {}, but this log is {}: the data directory "
                             "was emptied or replaced. Put the "
                             "original back; nothing was decided or voted",
                             peer, self_, seen_of_us.log_id, own_.log_id)};
  if (seen_of_us.durable > own_durable || seen_of_us.epoch > own_.epoch)
    return Error{
        ErrorCode::kLostMemory,
        fmt::format("{} has seen the log of {} reach LSN {} in epoch {}, but it ends at LSN {} in "
                    "epoch {}: an older copy was "
                    "restored. Put the newest log back; nothing was decided or voted",
                    peer, self_, seen_of_us.durable, seen_of_us.epoch, own_durable, own_.epoch)};
  return std::nullopt;
}

PeerTable::Judgement PeerTable::on_hello(const Hello& hello, Lsn own_durable, HelloReply& reply) {
  Judgement judgement;
  reply.name = self_;
  reply.role = role_;
  reply.position = {own_.log_id, own_.epoch, own_durable};
  const NodePosition seen = position_of(hello.name);
  reply.seen_of_sender = seen;
  const auto refuse = [&](HelloVerdict verdict, std::string detail) {
    reply.verdict = verdict;
    reply.detail = detail;
    judgement.refusal = std::move(detail);
  };
  if (hello.receiver != self_) {
    refuse(HelloVerdict::kWrongReceiver, fmt::format("this is {}, not {}", self_, hello.receiver));
  } else if (hello.version != kPeerProtocolVersion) {
    refuse(HelloVerdict::kVersionMismatch, fmt::format("peer protocol {} is not spoken here ({})",
                                                       hello.version, kPeerProtocolVersion));
  } else if (known_only_ && allowed_.count(hello.name) == 0) {
    refuse(HelloVerdict::kUnknownSender,
           fmt::format("no participant named {} is configured at {}", hello.name, self_));
  } else if (!seen.log_id.is_nil() && seen.log_id != hello.position.log_id) {
    refuse(HelloVerdict::kSenderLogReplaced,
           fmt::format("{} is known here by the log {}, it now says {}", hello.name, seen.log_id,
                       hello.position.log_id));
  } else if (hello.position.epoch < seen.epoch) {
    refuse(HelloVerdict::kStaleEpoch, fmt::format("epoch {} of {} is known here, it says {}",
                                                  seen.epoch, hello.name, hello.position.epoch));
  } else if (hello.position.durable < seen.durable) {
    refuse(HelloVerdict::kSenderLostMemory,
           fmt::format("the log of {} was seen at LSN {}, it now ends at {}", hello.name,
                       seen.durable, hello.position.durable));
  } else {
    reply.verdict = HelloVerdict::kWelcome;
  }
  // The caller may know better than this node where this node's log once ended; a misdirected call
  // proves nothing.
  if (hello.receiver == self_)
    judgement.stop = check_own_memory(hello.name, hello.seen_of_receiver, own_durable);
  if (reply.verdict == HelloVerdict::kWelcome)
    learn(judgement, hello.name, hello.role, hello.position, hello.address);
  note_refusal(judgement, hello.name, Greeting::kTheirs);
  return judgement;
}

void PeerTable::note_refusal(Judgement& judgement, const NodeName& peer, Greeting greeting) {
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

PeerTable::Judgement PeerTable::on_reply(const NodeName& peer, const HelloReply& reply,
                                         Lsn own_durable) {
  Judgement judgement;
  if (reply.name == peer)
    judgement.stop = check_own_memory(peer, reply.seen_of_sender, own_durable);
  const NodePosition seen = position_of(peer);
  if (reply.verdict != HelloVerdict::kWelcome) {
    judgement.refusal =
        fmt::format("{} refused: {} ({})", peer, to_string(reply.verdict), reply.detail);
  } else if (reply.name != peer) {
    judgement.refusal = fmt::format("the address of {} leads to {}", peer, reply.name);
  } else if (!seen.log_id.is_nil() && seen.log_id != reply.position.log_id) {
    judgement.refusal =
        fmt::format("{} answers with another log ({} instead of {}): it was re-made", peer,
                    reply.position.log_id, seen.log_id);
  } else if (reply.position.epoch < seen.epoch || reply.position.durable < seen.durable) {
    judgement.refusal =
        fmt::format("{} has lost its memory: its log ends at LSN {}, it was seen at {}", peer,
                    reply.position.durable, seen.durable);
  } else {
    learn(judgement, peer, reply.role, reply.position, {});
  }
  note_refusal(judgement, peer, Greeting::kOurs);
  return judgement;
}

PeerTable::Judgement PeerTable::on_batch(const BatchHeader& header) {
  Judgement judgement;
  const auto known = peers_.find(header.sender);
  const NodePosition seen = known == peers_.end() ? NodePosition{} : known->second.position;
  if (known_only_ && allowed_.count(header.sender) == 0) {
    judgement.refusal = fmt::format("{} is not configured here", header.sender);
  } else if (seen.log_id.is_nil()) {
    judgement.refusal = fmt::format("{} has not introduced itself", header.sender);
  } else if (header.version != kPeerProtocolVersion) {
    judgement.refusal = "peer protocol version mismatch";
  } else if (header.position.log_id != seen.log_id) {
    judgement.refusal = fmt::format("{} speaks for another log", header.sender);
  } else if (header.position.epoch < seen.epoch) {
    judgement.refusal = fmt::format("stale epoch {} of {}", header.position.epoch, header.sender);
  } else if (header.receiver_epoch != own_.epoch) {
    judgement.refusal = fmt::format("meant for epoch {} of {}", header.receiver_epoch, self_);
  } else {
    learn_position(judgement, known->second, header.position);
  }
  return judgement;
}

void PeerTable::learn(Judgement& judgement, const NodeName& peer, Role role,
                      const NodePosition& position, const std::string& address) {
  auto& known = peers_[peer];
  known.name = peer;
  known.role = role;
  const bool moved = !address.empty() && allowed_.count(peer) == 0 && known.address != address;
  if (moved) known.address = address;
  learn_position(judgement, known, position);
  if (moved) judgement.to_append = known;
}

void PeerTable::learn_position(Judgement& judgement, PeerRecord& known,
                               const NodePosition& position) {
  const bool same_log = known.position.log_id == position.log_id;
  const bool news = !same_log || known.position.epoch != position.epoch;
  judgement.restarted = !known.position.log_id.is_nil() && position.epoch > known.position.epoch;
  const Lsn highest =
      same_log ? std::max(known.position.durable, position.durable) : position.durable;
  known.position = position;
  known.position.durable = highest;
  if (news) judgement.to_append = known;
}

std::string PeerTable::refusal_of(const NodeName& peer) const {
  const auto found = refusals_.find({peer, Greeting::kTheirs});
  return found == refusals_.end() ? "" : found->second;
}

const PeerRecord* PeerTable::find(const NodeName& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

NodePosition PeerTable::position_of(const NodeName& peer) const {
  const auto* known = find(peer);
  return known == nullptr ? NodePosition{} : known->position;
}

Member PeerTable::member(const NodeName& peer, const PeerRecord* known) {
  if (known == nullptr) return {peer, {}, {}, {}};
  return {peer, known->position.log_id, known->position.epoch, known->address};
}

std::string PeerTable::address_of(const NodeName& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? std::string() : found->second.address;
}

Role PeerTable::role_of(const NodeName& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? Role::kParticipant : found->second.role;
}

bool PeerTable::allowed(const NodeName& peer) const {
  return allowed_.count(peer) != 0;
}

std::vector<PeerRecord> PeerTable::records() const {
  std::vector<PeerRecord> out;
  for (const auto& [name, record] : peers_)
    if (!record.position.log_id.is_nil()) out.push_back(record);
  return out;
}

}  // namespace troth::recovery
