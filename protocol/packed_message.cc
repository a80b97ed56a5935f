#include "protocol/packed_message.h"

#include <algorithm>

#include "base/assert.h"
#include "protocol/member_codec.h"

namespace troth::protocol {

namespace {

using Kind = PackedHead::Kind;

template <class Enum>
void put(ByteWriter& out, Enum value) {
  out.u8(static_cast<std::uint8_t>(value));
}
template <class Enum>
Enum get_enum(ByteReader& in, Enum low, Enum high) {
  const auto value = in.u8();
  if (value < static_cast<std::uint8_t>(low) || value > static_cast<std::uint8_t>(high))
    in.fail_here();
  return static_cast<Enum>(value);
}

void body(ByteWriter& out, const PrepareView& m) {
  put(out, m.protocol);
  out.signed_varint(m.priority.start_unix_ms);
  out.gtid(m.priority.gtid);
  out.signed_varint(std::chrono::duration_cast<std::chrono::microseconds>(m.time_left).count());
  out.varint(m.executed);
  out.bytes(m.traceparent);
  out.varint(m.members.size());
  for (const auto& member : m.members) put(out, member);
  out.varint(m.statements.size());
  for (const auto& statement : m.statements) encode(out, statement);
}
void body(ByteWriter& out, const Prepare& m) {
  body(out, PrepareView{m.gtid, m.protocol, m.priority, m.time_left, m.statements, m.members,
                        m.traceparent, m.executed});
}
void get(ByteReader& in, Prepare& m) {
  m.protocol = get_enum(in, CommitProtocol::kOnePhase, CommitProtocol::kThreePhase);
  m.priority.start_unix_ms = in.signed_varint();
  m.priority.gtid = in.gtid();
  constexpr std::int64_t kLongest = std::int64_t{366} * 24 * 3600 * 1'000'000;
  m.time_left =
      std::chrono::microseconds(std::clamp<std::int64_t>(in.signed_varint(), 0, kLongest));
  const auto executed = in.varint();
  if (executed > UINT32_MAX) in.fail_here();
  m.executed = static_cast<std::uint32_t>(executed);
  in.text(m.traceparent);
  get_members(in, m.members);
  constexpr std::size_t kUsual = 16;
  const auto statements = in.count(3);
  m.statements.reserve(std::min(statements, kUsual));
  for (std::size_t i = 0; i < statements && in.ok(); ++i) decode(in, m.statements.emplace_back());
}

void body(ByteWriter& out, const VoteMessage& m) {
  put(out, m.vote);
  encode(out, m.reason);
  out.varint(m.results.size());
  for (const auto& result : m.results) encode(out, result);
  out.log_id(m.voter.log_id);
  out.u32(m.voter.epoch.value);
  out.u64(m.voter.durable.value);
}
void get(ByteReader& in, VoteMessage& m) {
  m.vote = get_enum(in, Vote::kCommit, Vote::kReadOnly);
  decode(in, m.reason);
  constexpr std::size_t kUsual = 16;
  const auto results = in.count(3);
  m.results.reserve(std::min(results, kUsual));
  for (std::size_t i = 0; i < results && in.ok(); ++i) decode(in, m.results.emplace_back());
  m.voter.log_id = in.log_id();
  m.voter.epoch = {in.u32()};
  m.voter.durable = {in.u64()};
}

void body(ByteWriter& out, const Decide& m) {
  put(out, m.decision);
  put(out, m.ack_at);
  encode(out, m.reason);
}
void get(ByteReader& in, Decide& m) {
  m.decision = get_enum(in, Decision::kCommit, Decision::kAbort);
  m.ack_at = get_enum(in, AnswerAt::kDecided, AnswerAt::kApplied);
  decode(in, m.reason);
}

template <class M>
void put(ByteWriter& out, Kind kind, const M& m) {
  put(out, kind);
  out.gtid(m.gtid);
  if constexpr (!std::is_same_v<M, Ack>) body(out, m);
}
template <class M>
void get(ByteReader& in, const Gtid& gtid, Message& message) {
  auto& m = message.emplace<M>();
  m.gtid = gtid;
  if constexpr (!std::is_same_v<M, Ack>) get(in, m);
}

}  // namespace

bool is_packable(const std::vector<Statement>& statements) {
  return std::none_of(statements.begin(), statements.end(), [](const Statement& statement) {
    return statement.read == ReadMode::kSnapshot;
  });
}

bool is_packable(const Message& message) {
  if (const auto* prepare = std::get_if<Prepare>(&message)) return is_packable(prepare->statements);
  return std::holds_alternative<VoteMessage>(message) || std::holds_alternative<Decide>(message) ||
         std::holds_alternative<Ack>(message);
}

void pack(ByteWriter& out, const PrepareView& prepare) {
  put(out, Kind::kPrepare, prepare);
}

void pack(ByteWriter& out, const Message& message) {
  if (const auto* prepare = std::get_if<Prepare>(&message))
    return put(out, Kind::kPrepare, *prepare);
  if (const auto* vote = std::get_if<VoteMessage>(&message)) return put(out, Kind::kVote, *vote);
  if (const auto* decide = std::get_if<Decide>(&message)) return put(out, Kind::kDecide, *decide);
  const auto* ack = std::get_if<Ack>(&message);
  TROTH_ASSERT(ack != nullptr, "{} cannot be packed", name_of(message));
  put(out, Kind::kAck, *ack);
}

Status unpack(std::string_view packed, Message& message) {
  ByteReader in(packed);
  const auto kind = get_enum(in, Kind::kPrepare, Kind::kAck);
  const Gtid gtid = in.gtid();
  if (gtid.is_nil()) in.fail_here();
  switch (in.ok() ? kind : Kind::kAck) {
    case Kind::kPrepare:
      get<Prepare>(in, gtid, message);
      break;
    case Kind::kVote:
      get<VoteMessage>(in, gtid, message);
      break;
    case Kind::kDecide:
      get<Decide>(in, gtid, message);
      break;
    case Kind::kAck:
      get<Ack>(in, gtid, message);
      break;
  }
  return in.finish("packed message");
}

std::optional<Status> PackedMessages::next(Message& message) {
  if (in_.left() == 0) return std::nullopt;
  const auto one = in_.bytes();
  if (!in_.ok()) return fail(ErrorCode::kCorruption, "a packed message is cut off");
  return unpack(one, message);
}

Action PackedHead::action() const {
  switch (kind) {
    case Kind::kPrepare:
      return Action::kDirectBranch;
    case Kind::kDecide:
      return Action::kDecide;
    case Kind::kVote:
    case Kind::kAck:
      break;
  }
  return Action::kAnswerForBranch;
}

std::optional<PackedHead> PackedHeads::next() {
  if (in_.left() == 0) return std::nullopt;
  const auto before = in_.left();
  ByteReader one(in_.bytes());
  if (!in_.ok()) return std::nullopt;
  PackedHead head;
  head.kind = get_enum(one, Kind::kPrepare, Kind::kAck);
  head.gtid = one.gtid();
  if (!one.ok()) head = {};
  head.whole = packed_.substr(packed_.size() - before, before - in_.left());
  return head;
}

}  // namespace troth::protocol
