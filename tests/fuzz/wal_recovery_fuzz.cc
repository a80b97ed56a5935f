// Recovery over a whole log directory in memory. A log is written; then bytes behind its end, or
// anywhere in it, are replaced. Garbage behind the end loses nothing and invents nothing; damage
// anywhere is refused or cuts a tail, and never invents anything.
#include <vector>

#include "protocol/record.h"
#include "recovery/coordinator_replay.h"
#include "recovery/start_up.h"
#include "tests/fuzz/log_files.h"

using namespace troth;
using fuzz::require;

namespace {

const std::string kDir = "/log";
constexpr wal::Options kSmall{64 * 1024};
constexpr LogId kLogId{{1, 2, 3}};

using Seen = std::vector<std::string>;

Result<recovery::OpenedNode> open(tests::MemoryDisk& disk, Seen& seen,
                                  recovery::CoordinatorTables& tables) {
  seen.clear();
  tables = {};
  return recovery::open_node(
      disk, kDir, "coordinator", kSmall, [&](const wal::RecordView& record) -> Status {
        seen.push_back(static_cast<char>(record.tag) + std::string(record.payload));
        return recovery::replay(tables, record);
      });
}

protocol::Record decision(std::uint8_t choice, std::uint64_t number) {
  const Gtid gtid({7}, {1}, number, Decider::kCoordinator);
  const NodeName p1 = NodeName::from_trusted("p1");
  switch (choice % 4) {
    case 0:
    case 1: {
      protocol::CommitRecord commit;
      commit.gtid = gtid;
      commit.members.push_back({p1, LogId{}, {1}, "127.0.0.1:1"});
      commit.idempotency_key = choice % 4 == 0 ? "" : "key" + std::to_string(number);
      commit.comment.assign(choice, 'c');
      return commit;
    }
    case 2: {
      protocol::AbortRecord abort;
      abort.gtid = gtid;
      abort.idempotency_key = "key" + std::to_string(number);
      abort.body_digest = "digest";
      return abort;
    }
    default:
      return protocol::EndRecord{{{7}, {1}, number == 0 ? 0 : number - 1, Decider::kCoordinator}};
  }
}

std::string last_segment(const tests::MemoryDisk& disk) {
  std::string last;
  for (const auto& [path, bytes] : disk.contents())
    if (path.ends_with(".log")) last = path;
  return last;
}

void overwrite(tests::MemoryDisk& disk, const std::string& path, std::uint64_t offset,
               std::string_view bytes) {
  auto file = disk.open(path, OpenMode::kReadWrite);
  require(file.has_value(), "the segment is there");
  if (!bytes.empty()) static_cast<void>((*file)->write_at(offset, bytes));
}

// A good checksum in garbage is forgery, not damage: 2^-32 by chance, but the fuzzer reads it off
// the comparison. It is outside what a log can promise.
bool forged(std::string_view before, std::string_view after) {
  const auto seed = wal::batch_seed(kLogId, 1);
  for (std::size_t at = 0; at + wal::kBatchHeaderBytes <= after.size();
       at += wal::kBatchAlignment) {
    wal::BatchHeader header;
    std::string_view records;
    if (!wal::decode_batch(after.substr(at), seed, header, records)) continue;
    const auto bytes = wal::kBatchHeaderBytes + records.size();
    if (at >= before.size() || before.substr(at, bytes) != after.substr(at, bytes)) return true;
  }
  return false;
}

bool is_prefix(const Seen& part, const Seen& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

// Writes decisions as the input says; returns the end of the last segment.
std::uint64_t write_log(tests::MemoryDisk& disk, fuzz::Input& input, Seen& written) {
  Seen seen;
  recovery::CoordinatorTables tables;
  auto node = open(disk, seen, tables);
  require(node.has_value(), "an empty log opens");
  const int batches = input.byte() % 8;
  std::uint64_t number = 0;
  for (int b = 0; b < batches; ++b) {
    const int records = 1 + input.byte() % 4;
    for (int r = 0; r < records; ++r) {
      const auto record = decision(input.byte(), number++);
      const auto tag = static_cast<std::uint8_t>(type_of(record));
      node->writer->append(tag, encode(record));
      written.push_back(static_cast<char>(tag) + encode(record));
    }
    require(node->writer->sync().has_value(), "a memory disk takes everything");
  }
  if (input.byte() % 4 == 0)
    require(node->writer->close_clean().has_value(), "a memory disk takes everything");
  const auto scanned = wal::scan(disk, kDir, [](const wal::RecordView&) -> Status { return {}; });
  require(scanned.has_value(), "what was written can be read");
  return scanned->end_offset;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > fuzz::kMostBytes) return 0;
  fuzz::Input input(fuzz::text_of(data, size));
  const auto choice = input.byte();
  const auto mode = choice % 4;
  const bool reserved = choice & 0x80;  // keep the zeros behind the end
  tests::MemoryDisk disk;
  require(disk.make_directory(kDir).has_value() &&
              wal::init(disk, kDir, "coordinator", "c1", kLogId).has_value(),
          "a log can be made");
  Seen written, seen;
  recovery::CoordinatorTables tables;
  const auto end = write_log(disk, input, written);
  if (!reserved) fuzz::cut_reserved_zeros(disk, kDir);
  const auto path = last_segment(disk);
  const std::uint64_t offset = mode == 0   ? end
                               : mode == 1 ? input.word()
                               : mode == 2 ? end + input.word() % 4096
                                           : 0;
  const auto garbage = input.rest();
  if (mode == 3) {
    overwrite(disk, kDir + "/identity", garbage.size() % 64, garbage);
  } else {
    const auto before = disk.contents().at(path);
    overwrite(disk, path, offset, garbage);
    if (forged(before, disk.contents().at(path))) return 0;
  }
  auto node = open(disk, seen, tables);
  require(is_prefix(seen, written), "recovery never invents a record");
  if (mode == 0 || mode == 2) {
    require(node.has_value(), "garbage behind the end is a torn tail");
    require(seen == written, "recovery keeps every decision");
  }
  if (!node) return 0;
  // Life goes on, and the next start agrees.
  const auto record = decision(0, 1000);
  node->writer->append(static_cast<std::uint8_t>(type_of(record)), encode(record));
  require(node->writer->sync().has_value(), "a recovered log takes more");
  auto expected = seen;
  expected.push_back(static_cast<char>(type_of(record)) + encode(record));
  *node = {};
  if (!reserved) fuzz::cut_reserved_zeros(disk, kDir);
  node = open(disk, seen, tables);
  require(node.has_value() && seen == expected, "the next start sees the same and what was added");
  return 0;
}
