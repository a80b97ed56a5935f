#include "protocol/record.h"

#include <fmt/format.h>

#include "protocol/member_codec.h"
#include "protocol/record_tail.h"

namespace troth::protocol {

namespace {

void put(ByteWriter& out, const std::vector<Member>& members) {
  out.varint(members.size());
  for (const auto& m : members) put(out, m);
}
std::vector<Member> get_members(ByteReader& in) {
  std::vector<Member> members;
  get_members(in, members);
  return members;
}
void put(ByteWriter& out, const Priority& p) {
  out.signed_varint(p.start_unix_ms);
  out.gtid(p.gtid);
}
Priority get_priority(ByteReader& in) {
  Priority p;
  p.start_unix_ms = in.signed_varint();
  p.gtid = in.gtid();
  return p;
}
void put(ByteWriter& out, const Ballot& b) {
  out.u32(b.round);
  out.name(b.node);
}
Ballot get_ballot(ByteReader& in) {
  Ballot b;
  b.round = in.u32();
  b.node = in.name();
  return b;
}
template <class Enum>
Enum get_enum(ByteReader& in, std::uint8_t low, std::uint8_t high) {
  const std::uint8_t value = in.u8();
  if (value < low || value > high) in.fail_here();
  return static_cast<Enum>(value);
}

void body(ByteWriter& out, const EpochRecord& r) {
  out.u32(r.epoch.value);
}
void body(ByteWriter& out, const PeerRecord& r) {
  out.name(r.name);
  out.u8(static_cast<std::uint8_t>(r.role));
  out.log_id(r.position.log_id);
  out.u32(r.position.epoch.value);
  out.u64(r.position.durable.value);
  out.bytes(r.address);
}
void body(ByteWriter& out, const AdoptedRecord& r) {
  out.u32(r.below.value);
  out.signed_varint(r.when.unix_ms);
  out.u32(r.lineage);
}
/// All but the gtid, and the traceparent, which is last in the payload of a record that has one.
void put_terms(ByteWriter& out, const CommitRecord& r) {
  put(out, r.members);
  out.u8(static_cast<std::uint8_t>(r.ack_at));
  out.bytes(r.idempotency_key);
  out.bytes(r.body_digest);
  out.signed_varint(r.decided.unix_ms);
  out.bytes(r.comment);
}
void body(ByteWriter& out, const CommitRecord& r) {
  out.gtid(r.gtid);
  put_terms(out, r);
}
void body(ByteWriter& out, const AbortRecord& r) {
  out.gtid(r.gtid);
  encode(out, r.reason);
  out.bytes(r.idempotency_key);
  out.bytes(r.body_digest);
  out.signed_varint(r.decided.unix_ms);
}
void body(ByteWriter& out, const EndRecord& r) {
  out.gtid(r.gtid);
}
void body(ByteWriter& out, const KeyRecord& r) {
  out.bytes(r.idempotency_key);
  out.bytes(r.body_digest);
  out.gtid(r.gtid);
  out.u8(static_cast<std::uint8_t>(r.outcome));
  encode(out, r.reason);
  out.signed_varint(r.decided.unix_ms);
}
void body(ByteWriter& out, const RowsRecord& r) {
  out.gtid(r.gtid);
  out.bytes(r.rows);
}
void body(ByteWriter& out, const HorizonRecord& r) {
  out.gtid(r.forgotten_below);
}
void body(ByteWriter& out, const EndedBelowRecord& r) {
  out.u32(r.made_in.value);
  out.u32(r.from.value);
  out.gtid(r.below);
  out.u32(r.forgotten_before.value);
  out.varint(r.unfinished.size());
  for (const auto& gtid : r.unfinished) out.gtid(gtid);
}
void body(ByteWriter& out, const PreparedRecord& r) {
  out.gtid(r.gtid);
  out.u8(static_cast<std::uint8_t>(r.protocol));
  put(out, r.coordinator);
  out.u64(r.coordinator_durable.value);
  put(out, r.members);
  put(out, r.priority);
  out.bytes(r.redo);
  out.bytes(r.traceparent);
}
void body(ByteWriter& out, const CommittedRecord& r) {
  out.gtid(r.gtid);
}
void body(ByteWriter& out, const AbortedRecord& r) {
  out.gtid(r.gtid);
  encode(out, r.reason);
}
void body(ByteWriter& out, const RefusedRecord& r) {
  out.gtid(r.gtid);
}
void body(ByteWriter& out, const OnePhaseRecord& r) {
  out.gtid(r.gtid);
  out.bytes(r.redo);
  out.bytes(r.idempotency_key);
  out.bytes(r.body_digest);
  out.signed_varint(r.decided.unix_ms);
  out.signed_varint(r.key_retention.count());
}
void body(ByteWriter& out, const RememberedRecord& r) {
  out.gtid(r.gtid);
  out.u8(static_cast<std::uint8_t>(r.outcome));
  encode(out, r.reason);
  out.bytes(r.idempotency_key);
  out.bytes(r.body_digest);
  out.signed_varint(r.decided.unix_ms);
  out.signed_varint(r.key_retention.count());
}
void body(ByteWriter& out, const PrecommittedRecord& r) {
  out.gtid(r.commit.gtid);
  put(out, r.ballot);
  put_terms(out, r.commit);
}
void body(ByteWriter& out, const PreabortedRecord& r) {
  out.gtid(r.gtid);
  put(out, r.ballot);
}
void body(ByteWriter& out, const ElectedRecord& r) {
  out.gtid(r.gtid);
  put(out, r.ballot);
}
void body(ByteWriter& out, const DecidedRecord& r) {
  out.gtid(r.gtid);
  out.u8(static_cast<std::uint8_t>(r.decision));
  encode(out, r.reason);
}

void put(ByteWriter& out, const Operator& by) {
  out.bytes(by.name);
  out.bytes(by.reason);
}
Operator get_operator(ByteReader& in) {
  Operator by;
  by.name = std::string(in.bytes());
  by.reason = std::string(in.bytes());
  return by;
}
void body(ByteWriter& out, const HeuristicRecord& r) {
  out.gtid(r.gtid);
  out.u8(static_cast<std::uint8_t>(r.decision));
  out.u8(static_cast<std::uint8_t>(r.truth));
  out.name(r.coordinator);
  out.signed_varint(r.when.unix_ms);
  put(out, r.by);
}
void body(ByteWriter& out, const ForgetRecord& r) {
  out.gtid(r.gtid);
}
void body(ByteWriter& out, const SeenRecord& r) {
  out.varint(r.reached.size());
  for (const auto& [peer, lsn, receipt] : r.reached) {
    out.name(peer);
    out.varint(lsn.value);
  }
}
void body(ByteWriter& out, const LivesRecord& r) {
  out.varint(r.began.size());
  for (const auto& [epoch, at] : r.began) {
    out.u32(epoch.value);
    out.varint(at.value);
  }
}
void body(ByteWriter& out, const ClaimRecord& r) {
  out.name(r.witness);
  out.log_id(r.witness_log);
  out.log_id(r.seen.log_id);
  out.u32(r.seen.epoch.value);
  out.u64(r.seen.durable.value);
  out.u64(r.own_end.value);
  out.signed_varint(r.when.unix_ms);
  out.u8(static_cast<std::uint8_t>(r.standing));
  put(out, r.by);
}
void body(ByteWriter& out, const AuditRecord& r) {
  out.signed_varint(r.entry.when.unix_ms);
  out.bytes(r.entry.action);
  out.bytes(r.entry.result);
  out.bytes(r.entry.subject);
  put(out, r.entry.by);
}

PeerRecord get_peer(ByteReader& in) {
  PeerRecord r;
  r.name = in.name();
  r.role = get_enum<Role>(in, 1, 2);
  r.position.log_id = in.log_id();
  r.position.epoch = {in.u32()};
  r.position.durable = {in.u64()};
  r.address = std::string(in.bytes());
  return r;
}
void get_terms(ByteReader& in, CommitRecord& r) {
  r.members = get_members(in);
  r.ack_at = get_enum<AnswerAt>(in, 0, 1);
  r.idempotency_key = std::string(in.bytes());
  r.body_digest = std::string(in.bytes());
  r.decided = {in.signed_varint()};
  r.comment = std::string(in.bytes());
}
CommitRecord get_commit(ByteReader& in) {
  CommitRecord r;
  r.gtid = in.gtid();
  get_terms(in, r);
  return r;
}
AbortRecord get_abort(ByteReader& in) {
  AbortRecord r;
  r.gtid = in.gtid();
  decode(in, r.reason);
  r.idempotency_key = std::string(in.bytes());
  r.body_digest = std::string(in.bytes());
  r.decided = {in.signed_varint()};
  return r;
}
RowsRecord get_rows(ByteReader& in) {
  const Gtid gtid = in.gtid();
  return {gtid, std::string(in.bytes())};
}
KeyRecord get_key(ByteReader& in) {
  KeyRecord r;
  r.idempotency_key = std::string(in.bytes());
  r.body_digest = std::string(in.bytes());
  r.gtid = in.gtid();
  r.outcome = get_enum<Outcome>(in, 1, 2);
  decode(in, r.reason);
  r.decided = {in.signed_varint()};
  return r;
}
EndedBelowRecord get_ended_below(ByteReader& in) {
  EndedBelowRecord r;
  r.made_in = {in.u32()};
  r.from = {in.u32()};
  r.below = in.gtid();
  r.forgotten_before = {in.u32()};
  const auto count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) r.unfinished.push_back(in.gtid());
  return r;
}
PreparedRecord get_prepared(ByteReader& in) {
  PreparedRecord r;
  r.gtid = in.gtid();
  r.protocol = get_enum<CommitProtocol>(in, 1, 3);
  get_member(in, r.coordinator);
  r.coordinator_durable = {in.u64()};
  r.members = get_members(in);
  r.priority = get_priority(in);
  r.redo = std::string(in.bytes());
  r.traceparent = std::string(in.bytes());
  return r;
}
AbortedRecord get_aborted(ByteReader& in) {
  AbortedRecord r;
  r.gtid = in.gtid();
  decode(in, r.reason);
  return r;
}
OnePhaseRecord get_one_phase(ByteReader& in) {
  OnePhaseRecord r;
  r.gtid = in.gtid();
  r.redo = std::string(in.bytes());
  r.idempotency_key = std::string(in.bytes());
  r.body_digest = std::string(in.bytes());
  r.decided = {in.signed_varint()};
  r.key_retention = Duration{in.signed_varint()};
  return r;
}
RememberedRecord get_remembered(ByteReader& in) {
  RememberedRecord r;
  r.gtid = in.gtid();
  r.outcome = get_enum<Outcome>(in, 1, 2);
  decode(in, r.reason);
  r.idempotency_key = std::string(in.bytes());
  r.body_digest = std::string(in.bytes());
  r.decided = {in.signed_varint()};
  r.key_retention = Duration{in.signed_varint()};
  return r;
}
PrecommittedRecord get_precommitted(ByteReader& in) {
  PrecommittedRecord r;
  r.commit.gtid = in.gtid();
  r.ballot = get_ballot(in);
  get_terms(in, r.commit);
  return r;
}
DecidedRecord get_decided(ByteReader& in) {
  DecidedRecord r;
  r.gtid = in.gtid();
  r.decision = get_enum<Decision>(in, 1, 2);
  decode(in, r.reason);
  return r;
}

HeuristicRecord get_heuristic(ByteReader& in) {
  HeuristicRecord r;
  r.gtid = in.gtid();
  r.decision = get_enum<Decision>(in, 1, 2);
  r.truth = get_enum<Outcome>(in, 0, 3);
  r.coordinator = in.name();
  r.when = {in.signed_varint()};
  r.by = get_operator(in);
  return r;
}
SeenRecord get_seen(ByteReader& in) {
  SeenRecord r;
  constexpr std::size_t kLeast = 3;  // bytes of one entry
  for (auto n = in.count(kLeast); n > 0; --n) {
    auto peer = in.name();
    r.reached.push_back({std::move(peer), Lsn{in.varint()}});
  }
  return r;
}
LivesRecord get_lives(ByteReader& in) {
  LivesRecord r;
  const auto count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const Epoch epoch{in.u32()};
    r.began.emplace_back(epoch, Lsn{in.varint()});
  }
  return r;
}
ClaimRecord get_claim(ByteReader& in) {
  ClaimRecord r;
  r.witness = in.name();
  r.witness_log = in.log_id();
  r.seen.log_id = in.log_id();
  r.seen.epoch = {in.u32()};
  r.seen.durable = {in.u64()};
  r.own_end = {in.u64()};
  r.when = {in.signed_varint()};
  r.standing = get_enum<ClaimRecord::Standing>(in, 1, 3);
  r.by = get_operator(in);
  return r;
}
AuditRecord get_audit(ByteReader& in) {
  AuditRecord r;
  r.entry.when = {in.signed_varint()};
  r.entry.action = std::string(in.bytes());
  r.entry.result = std::string(in.bytes());
  r.entry.subject = std::string(in.bytes());
  r.entry.by = get_operator(in);
  return r;
}

Result<Record> decode_body(RecordType type, ByteReader& in) {
  switch (type) {
    case RecordType::kEpoch:
      return Record(EpochRecord{{in.u32()}});
    case RecordType::kPeer:
      return Record(get_peer(in));
    case RecordType::kClaim:
      return Record(get_claim(in));
    case RecordType::kSeen:
      return Record(get_seen(in));
    case RecordType::kLives:
      return Record(get_lives(in));
    case RecordType::kAdopted: {
      AdoptedRecord r;
      r.below = {in.u32()};
      r.when = {in.signed_varint()};
      r.lineage = in.u32();
      return Record(r);
    }
    case RecordType::kCommit:
      return Record(get_commit(in));
    case RecordType::kAbort:
      return Record(get_abort(in));
    case RecordType::kEnd:
      return Record(EndRecord{in.gtid()});
    case RecordType::kKey:
      return Record(get_key(in));
    case RecordType::kRows:
      return Record(get_rows(in));
    case RecordType::kHorizon:
      return Record(HorizonRecord{in.gtid()});
    case RecordType::kEndedBelow:
      return Record(get_ended_below(in));
    case RecordType::kPrepared:
      return Record(get_prepared(in));
    case RecordType::kCommitted:
      return Record(CommittedRecord{in.gtid()});
    case RecordType::kAborted:
      return Record(get_aborted(in));
    case RecordType::kRefused:
      return Record(RefusedRecord{in.gtid()});
    case RecordType::kOnePhase:
      return Record(get_one_phase(in));
    case RecordType::kRemembered:
      return Record(get_remembered(in));
    case RecordType::kPrecommitted:
      return Record(get_precommitted(in));
    case RecordType::kPreaborted: {
      const Gtid gtid = in.gtid();
      return Record(PreabortedRecord{gtid, get_ballot(in)});
    }
    case RecordType::kElected: {
      const Gtid gtid = in.gtid();
      return Record(ElectedRecord{gtid, get_ballot(in)});
    }
    case RecordType::kDecided:
      return Record(get_decided(in));
    case RecordType::kHeuristic:
      return Record(get_heuristic(in));
    case RecordType::kForget:
      return Record(ForgetRecord{in.gtid()});
    case RecordType::kAudit:
      return Record(get_audit(in));
  }
  return fail(
      ErrorCode::kUnsupported,
      fmt::format("record type {} is not known to this version: the log was written by a newer one",
                  static_cast<int>(type)));
}

}  // namespace

void encode(const Record& record, ByteWriter& out) {
  const auto format = format_of(record);
  out.clear();
  out.u8(format);
  std::visit([&](const auto& r) { body(out, r); }, record);
  if (format != kFormat) put_tail(out, format, record);
}

void encode(const PreparedRecord& record, ByteWriter& out) {
  out.clear();
  out.u8(kFormat);
  body(out, record);
}

std::string encode(const Record& record) {
  ByteWriter out;
  encode(record, out);
  return out.take();
}

Result<Record> decode(std::uint8_t type, std::string_view payload) {
  ByteReader in(payload);
  const std::uint8_t format = in.u8();
  const auto kind = static_cast<RecordType>(type);
  const std::uint8_t newest = newest_format(kind);
  if (in.ok() && (format < kFormat || format > newest))
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} record has format {}, this version reads up to {}", to_string(kind),
                            format, newest));
  TROTH_ASSIGN_OR_RETURN(auto record, decode_body(kind, in));
  if (format > kFormat) get_tail(in, format, record);
  if (in.ok() && in.left() == 0) return record;
  TROTH_TRY(in.finish(fmt::format("{} record", to_string(kind))));
  return record;
}

}  // namespace troth::protocol
