#include "history/ended_transaction.h"

#include <fmt/format.h>

#include "base/codec.h"

namespace troth::history {

namespace {
constexpr std::uint8_t kFormat = 1;
}

std::string encode(const EndedTransaction& ended) {
  ByteWriter out;
  out.u8(kFormat);
  out.u8(static_cast<std::uint8_t>(ended.outcome));
  out.u8(static_cast<std::uint8_t>(ended.protocol));
  protocol::encode(out, ended.reason);
  out.varint(ended.participants.size());
  for (const auto& name : ended.participants) out.name(name);
  out.bytes(ended.idempotency_key);
  out.bytes(ended.body_digest);
  out.signed_varint(ended.began.unix_ms);
  out.signed_varint(ended.ended.unix_ms);
  out.varint(ended.attempts);
  out.bytes(ended.comment);
  out.gtid(ended.next);
  return out.take();
}

Result<EndedTransaction> decode_ended(const Gtid& gtid, std::string_view record) {
  EndedTransaction out;
  out.gtid = gtid;
  ByteReader in(record);
  if (in.u8() != kFormat)
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} was kept by a newer version of this program", gtid));
  const auto outcome = in.u8(), protocol = in.u8();
  protocol::decode(in, out.reason);
  const auto participants = in.count(1);
  for (std::size_t i = 0; i < participants && in.ok(); ++i) out.participants.push_back(in.name());
  out.idempotency_key = std::string(in.bytes());
  out.body_digest = std::string(in.bytes());
  out.began = {in.signed_varint()};
  out.ended = {in.signed_varint()};
  out.attempts = static_cast<std::uint32_t>(in.varint());
  out.comment = std::string(in.bytes());
  out.next = in.gtid();
  const bool sound =
      in.ok() && in.left() == 0 && (outcome == 1 || outcome == 2) && protocol >= 1 && protocol <= 3;
  if (!sound)
    return fail(ErrorCode::kCorruption, fmt::format("what is kept of {} is damaged", gtid));
  out.outcome = static_cast<Outcome>(outcome);
  out.protocol = static_cast<CommitProtocol>(protocol);
  return out;
}

}  // namespace troth::history
