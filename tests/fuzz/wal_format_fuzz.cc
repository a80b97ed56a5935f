// The bytes of segments, batches and records: whatever arrives decodes or is refused, and what was
// encoded decodes to itself.
#include "tests/fuzz/fuzz.h"
#include "wal/format.h"

using namespace troth;
using namespace troth::wal;
using fuzz::require;

namespace {

void any_bytes(std::string_view bytes) {
  if (auto header = decode_segment_header(bytes)) {
    const auto again = encode_segment_header(*header);
    require(decode_segment_header(again).has_value(), "a segment header survives its own encoding");
  }
  BatchHeader header;
  std::string_view records;
  const std::uint32_t seed = batch_seed(LogId{}, 0);
  if (!decode_batch(bytes, seed, header, records)) return;
  auto copy = header;
  const auto again = encode_batch(copy, seed, records);
  require(bytes.substr(0, kBatchHeaderBytes + records.size()) ==
              std::string_view(again).substr(0, kBatchHeaderBytes + records.size()),
          "encode(decode(batch)) = batch");
}

// A batch whose checksum is good and whose records are whatever the input says.
void any_records(fuzz::Input input) {
  BatchHeader header;
  header.count = input.byte();
  header.chain = input.word();
  header.base = {input.word()};
  header.durable = {input.word()};
  const auto records = input.rest();
  header.length = static_cast<std::uint32_t>(records.size());
  const std::uint32_t seed = batch_seed(LogId{}, header.chain);
  const auto encoded = encode_batch(header, seed, records);
  BatchHeader decoded;
  std::string_view found;
  require(decode_batch(encoded, seed, decoded, found), "an encoded batch decodes");
  require(found == records && decoded.count == header.count && decoded.base == header.base &&
              decoded.durable == header.durable && decoded.crc == header.crc,
          "decode(encode(batch)) = batch");
  std::string rebuilt;
  Lsn last = header.base;
  const auto visited = visit_records(decoded, found, [&](const RecordView& record) -> Status {
    require(record.lsn == lsn_after(last, record.payload.size()), "LSNs count every byte");
    last = record.lsn;
    append_record(rebuilt, record.tag, record.payload);
    return {};
  });
  if (visited) require(rebuilt == records, "the records of a good batch are all of it");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  any_bytes(bytes);
  any_records(fuzz::Input(bytes));
  static_cast<void>(segment_sequence(bytes));
  return 0;
}
