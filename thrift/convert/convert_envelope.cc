// What surrounds messages: the header of a batch, and the greeting of a link.
#include "thrift/convert/convert_lists.h"
#include "thrift/convert/convert_peer.h"

namespace troth::thrift {

v1::Member to_wire(const protocol::Member& member) {
  v1::Member out;
  out.__set_name(member.name.text());
  if (!member.log_id.is_nil()) out.__set_log_id(member.log_id.text());
  out.__set_epoch(member.epoch.value);
  if (!member.address.empty()) out.__set_address(member.address);
  return out;
}

Result<protocol::Member> from_wire(v1::Member&& wire, const Where& where) {
  protocol::Member out;
  TROTH_ASSIGN_OR_RETURN(out.name, name_from_wire(wire.__isset.name, wire.name, where, "name"));
  if (wire.__isset.log_id) {
    auto log_id = LogId::parse(wire.log_id);
    if (!log_id) return where.invalid("log_id", log_id.error().context);
    out.log_id = *log_id;
  }
  TROTH_ASSIGN_OR_RETURN(out.epoch, epoch_from_wire(wire.epoch, where, "epoch"));
  out.address = std::move(wire.address);
  return out;
}

v1::BatchHeader to_wire(const protocol::BatchHeader& header) {
  v1::BatchHeader out;
  out.__set_sender(header.sender.text());
  out.__set_position(to_wire(header.position));
  out.__set_receiver_epoch(header.receiver_epoch.value);
  if (header.ended_below) out.__set_ended_below(header.ended_below->text());
  out.__set_version(static_cast<std::int32_t>(header.version));
  if (header.unfinished_version != 0)
    out.__set_unfinished_version(static_cast<std::int32_t>(header.unfinished_version));
  if (header.unfinished != nullptr) {
    ByteWriter list;
    for (const auto& gtid : *header.unfinished) list.gtid(gtid);
    out.__set_unfinished(list.take());
  }
  if (header.ended_from != Epoch{}) out.__set_ended_from(header.ended_from.value);
  return out;
}

namespace {

Result<std::shared_ptr<const std::vector<Gtid>>> unfinished_from_wire(const std::string& bytes,
                                                                      const Where& where) {
  constexpr std::size_t kEach = 16, kMost = 4096;
  if (bytes.size() % kEach != 0 || bytes.size() > kMost * kEach)
    return where.invalid("unfinished", "has no whole gtids or too many");
  ByteReader in(bytes);
  std::vector<Gtid> out;
  out.reserve(bytes.size() / kEach);
  while (out.size() * kEach < bytes.size()) {
    out.push_back(in.gtid());
    if (out.size() > 1 && out[out.size() - 2] >= out.back())
      return where.invalid("unfinished", "is not in ascending order");
  }
  return std::make_shared<const std::vector<Gtid>>(std::move(out));
}

}  // namespace

Result<protocol::BatchHeader> from_wire(v1::BatchHeader&& w, const Where& where) {
  protocol::BatchHeader out;
  TROTH_ASSIGN_OR_RETURN(out.sender, name_from_wire(w.__isset.sender, w.sender, where, "sender"));
  if (!w.__isset.position) return where.missing("position");
  TROTH_ASSIGN_OR_RETURN(out.position, from_wire(w.position, Where(where, "position")));
  TROTH_ASSIGN_OR_RETURN(out.receiver_epoch,
                         epoch_from_wire(w.receiver_epoch, where, "receiver_epoch"));
  if (w.__isset.ended_below) {
    TROTH_ASSIGN_OR_RETURN(out.ended_below,
                           gtid_from_wire(true, w.ended_below, where, "ended_below"));
  }
  if (!w.__isset.version || w.version < 0) return where.missing("version");
  out.version = static_cast<std::uint32_t>(w.version);
  out.unfinished_version = static_cast<std::uint32_t>(w.unfinished_version);
  if (w.__isset.unfinished) {
    TROTH_ASSIGN_OR_RETURN(out.unfinished, unfinished_from_wire(w.unfinished, where));
  }
  TROTH_ASSIGN_OR_RETURN(out.ended_from, epoch_from_wire(w.ended_from, where, "ended_from"));
  return out;
}

namespace {

v1::LogProof to_wire(const protocol::LogProof& proof) {
  v1::LogProof out;
  out.__set_public_key(proof.public_key);
  out.__set_signature(proof.signature);
  return out;
}

protocol::LogProof from_wire(v1::LogProof&& w) {
  return {std::move(w.public_key), std::move(w.signature)};
}

}  // namespace

v1::ChallengeRequest to_wire(const protocol::Challenge& challenge) {
  v1::ChallengeRequest out;
  out.__set_nonce(challenge.nonce);
  return out;
}

v1::ChallengeResponse to_wire(const protocol::ChallengeReply& reply) {
  v1::ChallengeResponse out;
  out.__set_nonce(reply.nonce);
  if (!reply.proof.empty()) out.__set_proof(to_wire(reply.proof));
  return out;
}

protocol::ChallengeReply from_wire(v1::ChallengeResponse&& w) {
  return {std::move(w.nonce), from_wire(std::move(w.proof))};
}

v1::HelloRequest to_wire(const protocol::Hello& hello) {
  v1::HelloRequest out;
  out.__set_name(hello.name.text());
  out.__set_role(to_wire(hello.role));
  if (!hello.address.empty()) out.__set_address(hello.address);
  out.__set_position(to_wire(hello.position));
  out.__set_seen_of_receiver(to_wire(hello.seen_of_receiver));
  out.__set_version(static_cast<std::int32_t>(hello.versions.oldest));
  out.__set_newest_version(static_cast<std::int32_t>(hello.versions.newest));
  out.__set_receiver(hello.receiver.text());
  if (!hello.cluster.empty()) out.__set_cluster(hello.cluster);
  out.__isset.participants = !hello.participants.empty();
  for (const auto& member : hello.participants) out.participants.push_back(to_wire(member));
  if (!hello.proof.empty()) out.__set_proof(to_wire(hello.proof));
  return out;
}

Result<protocol::Hello> from_wire(v1::HelloRequest&& w, const Where& where) {
  protocol::Hello out;
  TROTH_ASSIGN_OR_RETURN(out.name, name_from_wire(w.__isset.name, w.name, where, "name"));
  TROTH_ASSIGN_OR_RETURN(out.role, from_wire(w.role, Where(where, "role")));
  out.address = std::move(w.address);
  if (!w.__isset.position) return where.missing("position");
  TROTH_ASSIGN_OR_RETURN(out.position, from_wire(w.position, Where(where, "position")));
  TROTH_ASSIGN_OR_RETURN(out.seen_of_receiver,
                         from_wire(w.seen_of_receiver, Where(where, "seen_of_receiver")));
  if (!w.__isset.version || w.version < 0) return where.missing("version");
  out.versions.oldest = out.versions.newest = static_cast<std::uint32_t>(w.version);
  if (w.__isset.newest_version && w.newest_version > w.version)
    out.versions.newest = static_cast<std::uint32_t>(w.newest_version);
  TROTH_ASSIGN_OR_RETURN(out.receiver,
                         name_from_wire(w.__isset.receiver, w.receiver, where, "receiver"));
  out.cluster = std::move(w.cluster);
  TROTH_ASSIGN_OR_RETURN(out.participants, list_from_wire<protocol::Member>(
                                               std::move(w.participants), where, "participants"));
  out.proof = from_wire(std::move(w.proof));
  return out;
}

v1::HelloResponse to_wire(const protocol::HelloReply& reply) {
  v1::HelloResponse out;
  out.__set_verdict(static_cast<v1::HelloVerdict::type>(reply.verdict));
  if (!reply.detail.empty()) out.__set_detail(reply.detail);
  out.__set_name(reply.name.text());
  out.__set_role(to_wire(reply.role));
  out.__set_position(to_wire(reply.position));
  out.__set_seen_of_sender(to_wire(reply.seen_of_sender));
  if (!reply.cluster.empty()) out.__set_cluster(reply.cluster);
  if (reply.version != 0) out.__set_version(static_cast<std::int32_t>(reply.version));
  return out;
}

Result<protocol::HelloReply> from_wire(v1::HelloResponse&& w, const Where& where) {
  protocol::HelloReply out;
  // A verdict of a later version is some refusal: not welcome.
  out.verdict = w.verdict >= v1::HelloVerdict::WELCOME && w.verdict <= v1::HelloVerdict::NOT_PROVEN
                    ? static_cast<protocol::HelloVerdict>(w.verdict)
                    : protocol::HelloVerdict::kNotReady;
  out.detail = std::move(w.detail);
  TROTH_ASSIGN_OR_RETURN(out.name, name_from_wire(w.__isset.name, w.name, where, "name"));
  TROTH_ASSIGN_OR_RETURN(out.role, from_wire(w.role, Where(where, "role")));
  TROTH_ASSIGN_OR_RETURN(out.position, from_wire(w.position, Where(where, "position")));
  TROTH_ASSIGN_OR_RETURN(out.seen_of_sender,
                         from_wire(w.seen_of_sender, Where(where, "seen_of_sender")));
  out.cluster = std::move(w.cluster);
  if (w.__isset.version && w.version > 0) out.version = static_cast<std::uint32_t>(w.version);
  return out;
}

}  // namespace troth::thrift
