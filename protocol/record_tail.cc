#include "protocol/record_tail.h"

namespace troth::protocol {

namespace {

constexpr std::uint8_t kTailFormat = 2;  // the same, and a traceparent, rows or receipts at the end
constexpr std::uint8_t kRetriedFormat =
    3;  // a traceparent, which may be empty, and earlier attempts

/// What COMMIT and PRECOMMITTED have behind the fields of kFormat. Calls nothing for other records.
template <class AnyRecord, class Visit>
void with_commit_tail(AnyRecord& record, const Visit& visit) {
  if (auto* commit = std::get_if<CommitRecord>(&record))
    visit(commit->traceparent, commit->earlier);
  if (auto* precommitted = std::get_if<PrecommittedRecord>(&record))
    visit(precommitted->commit.traceparent, precommitted->commit.earlier);
}

/// Every receipt of a PEER or SEEN record. Calls nothing for other records.
template <class AnyRecord, class Visit>
void with_receipts(AnyRecord& record, const Visit& visit) {
  if (auto* peer = std::get_if<PeerRecord>(&record)) visit(peer->position.receipt);
  if (auto* seen = std::get_if<SeenRecord>(&record))
    for (auto& reached : seen->reached) visit(reached.receipt);
}

}  // namespace

std::uint8_t newest_format(RecordType kind) {
  if (kind == RecordType::kCommit || kind == RecordType::kPrecommitted) return kRetriedFormat;
  const bool has_tail =
      kind == RecordType::kKey || kind == RecordType::kPeer || kind == RecordType::kSeen;
  return has_tail ? kTailFormat : kFormat;
}

std::uint8_t format_of(const Record& record) {
  std::uint8_t format = kFormat;
  with_commit_tail(record, [&](const std::string& traceparent, const std::vector<Gtid>& earlier) {
    format = !earlier.empty() ? kRetriedFormat : !traceparent.empty() ? kTailFormat : kFormat;
  });
  with_receipts(record, [&](const Receipt& receipt) {
    if (!receipt.is_nil()) format = kTailFormat;
  });
  const auto* key = std::get_if<KeyRecord>(&record);
  return key != nullptr && !key->rows.empty() ? kTailFormat : format;
}

void put_tail(ByteWriter& out, std::uint8_t format, const Record& record) {
  if (const auto* key = std::get_if<KeyRecord>(&record)) out.bytes(key->rows);
  with_receipts(record, [&](const Receipt& receipt) {
    out.raw({reinterpret_cast<const char*>(receipt.bytes.data()), receipt.bytes.size()});
  });
  with_commit_tail(record, [&](const std::string& traceparent, const std::vector<Gtid>& earlier) {
    out.bytes(traceparent);
    if (format != kRetriedFormat) return;
    out.varint(earlier.size());
    for (const auto& gtid : earlier) out.gtid(gtid);
  });
}

// A record with an empty tail would be written in a format below.
void get_tail(ByteReader& in, std::uint8_t format, Record& record) {
  if (auto* key = std::get_if<KeyRecord>(&record)) {
    key->rows = std::string(in.bytes());
    if (key->rows.empty()) in.fail_here();
  }
  with_receipts(record, [&](Receipt& receipt) { receipt.bytes = in.log_id().bytes; });
  with_commit_tail(record, [&](std::string& traceparent, std::vector<Gtid>& earlier) {
    traceparent = std::string(in.bytes());
    if (format == kTailFormat) return traceparent.empty() ? in.fail_here() : void();
    const auto count = in.varint();
    if (count == 0) in.fail_here();
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) earlier.push_back(in.gtid());
  });
}

}  // namespace troth::protocol
