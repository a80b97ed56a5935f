// Recovery over a whole data directory whose files are the input's: segments built from it with
// good checksums and any content, segments of raw bytes, foreign files. Whatever it is, it opens or
// is refused; every record seen stands in some segment; a log without a flaw is read to its end;
// and what opened once opens the same again, also after more was written and old segments were
// freed.
#include <algorithm>
#include <vector>

#include "protocol/record.h"
#include "recovery/coordinator_replay.h"
#include "recovery/participant_replay.h"
#include "recovery/start_up.h"
#include "tests/fuzz/log_files.h"
#include "wal/newest_note.h"

using namespace troth;
using fuzz::require;

namespace {

const std::string kDir = "/log";
constexpr wal::Options kSmall{64 * 1024};
constexpr LogId kLogId{{1, 2, 3}};

using Seen = std::vector<std::string>;

struct Image {
  tests::MemoryDisk disk;
  std::string role;
  Seen written;  // every record of every built segment, in order
  bool flawless = true;
  bool raw = false;  // some segment is bytes of the input, and it may have forged anything
  std::uint64_t next_sequence = 1;
  Lsn end;
  std::uint32_t chain = 0;

  void put(const std::string& name, std::string_view bytes) {
    const auto path = kDir + "/" + name;
    if (disk.exists(path).value()) static_cast<void>(disk.remove(path));
    auto file = disk.open(path, OpenMode::kCreateNew);
    require(file.has_value() && (*file)->write_at(0, bytes).has_value(), "a file can be made");
  }
  /// The segments were put there behind the writer's back.
  void note_newest() {
    wal::Newest newest;
    for (std::uint64_t s = 1; s < 256 + next_sequence; ++s) {
      const auto path = kDir + "/" + wal::segment_name(s);
      if (!disk.exists(path).value()) continue;
      if (newest.first == 0) newest.first = s;
      newest.newest = s;
      newest.file = disk.identity(path).value();
    }
    if (newest.newest == 0) return;
    auto note = wal::NewestNote::open(disk, kDir, kLogId);
    require(note.has_value() && (*note)->write(newest).has_value(), "the newest segment is noted");
  }
  Result<recovery::OpenedNode> open(Seen& seen) {
    seen.clear();
    recovery::CoordinatorTables coordinator;
    recovery::ParticipantTables participant;
    return recovery::open_node(
        disk, kDir, role, kSmall, [&](const wal::RecordView& view) -> Status {
          seen.push_back(static_cast<char>(view.tag) + std::string(view.payload));
          return role == "coordinator" ? replay(coordinator, view) : replay(participant, view);
        });
  }
};

// Does this log consist of records its role can replay?
bool replays(const std::string& role, const Seen& records) {
  recovery::CoordinatorTables coordinator;
  recovery::ParticipantTables participant;
  return std::all_of(records.begin(), records.end(), [&](const std::string& record) {
    const wal::RecordView view{
        {1}, static_cast<std::uint8_t>(record[0]), std::string_view(record).substr(1)};
    return (role == "coordinator" ? recovery::replay(coordinator, view)
                                  : recovery::replay(participant, view))
        .has_value();
  });
}

enum Flaw : std::uint8_t {
  kBase = 1,
  kChain = 2,
  kDurable = 4,
  kCount = 8,
  kFlags = 16,
  kSeed = 32
};

std::string built_batch(Image& image, fuzz::Input& input, std::uint64_t sequence) {
  const std::uint8_t flaws = input.byte() & 63;
  wal::BatchHeader header;
  std::string records;
  Seen written;
  header.count = input.byte() % 8;
  for (std::uint32_t i = 0; i < header.count; ++i) {
    const auto tag = input.byte();
    const auto payload = input.take(input.word());
    wal::append_record(records, tag, payload);
    written.push_back(static_cast<char>(tag) + std::string(payload));
  }
  header.length = static_cast<std::uint32_t>(records.size());
  header.base = image.end;
  header.durable = image.end;
  header.chain = image.chain;
  if (flaws & kBase) header.base.value ^= input.word();
  if (flaws & kChain) header.chain ^= input.word();
  if (flaws & kDurable) header.durable.value ^= std::uint64_t{input.word()} << (input.byte() % 49);
  if (flaws & kCount) header.count ^= input.byte();
  if (flaws & kFlags) header.flags = input.byte();
  if (flaws != 0) image.flawless = false;
  const auto seed = wal::batch_seed(kLogId, sequence + (flaws & kSeed ? 1 : 0));
  auto out = encode_batch(header, seed, records);
  image.end = {header.base.value + header.length};
  image.chain = header.crc;
  image.written.insert(image.written.end(), written.begin(), written.end());
  return out;
}

void built_segment(Image& image, fuzz::Input& input) {
  const std::uint8_t flaws = input.byte() & 15;
  wal::SegmentHeader header{kLogId, image.next_sequence, image.end, image.chain, 0};
  if (flaws & 1) header.sequence = input.word();
  if (flaws & 2) header.base.value ^= input.word();
  if (flaws & 4) header.chain ^= input.word();
  if (flaws & 8) header.log_id.bytes[15] = input.byte();
  if (flaws != 0) image.flawless = false;
  std::string bytes = encode_segment_header(header);
  image.end = header.base;
  image.chain = header.crc;
  const int batches = input.byte() % 8;
  for (int i = 0; i < batches; ++i) bytes += built_batch(image, input, header.sequence);
  image.put(wal::segment_name(header.sequence), bytes);
  image.next_sequence = header.sequence + 1;
}

void build(Image& image, fuzz::Input& input) {
  const int files = input.byte() % 8;
  for (int i = 0; i < files; ++i) {
    switch (const auto kind = input.byte() % 8; kind) {
      case 5: {
        const std::uint64_t sequence = input.byte();
        const auto bytes = input.take(input.word());
        image.flawless = false;
        image.raw = true;
        image.put(wal::segment_name(sequence), bytes);
        break;
      }
      case 6:
        image.put("spare.tmp", input.take(input.word()));
        break;
      case 7:
        image.put("identity.new", input.take(input.word()));
        break;
      default:
        built_segment(image, input);
    }
  }
}

bool all_written(const Seen& seen, const Seen& written) {
  return std::all_of(seen.begin(), seen.end(), [&](const std::string& record) {
    return std::find(written.begin(), written.end(), record) != written.end();
  });
}

void life_goes_on(Image& image, recovery::OpenedNode node, Seen seen, std::uint64_t release) {
  const protocol::Record record = protocol::EpochRecord{{7}};
  const auto tag = static_cast<std::uint8_t>(type_of(record));
  node.writer->append(tag, encode(record));
  require(node.writer->sync().has_value(), "a recovered log takes more");
  seen.push_back(static_cast<char>(tag) + encode(record));
  const std::size_t segments = node.writer->segments();
  require(node.writer->release_below({release}).has_value(), "old segments can be freed");
  const bool freed = node.writer->segments() != segments;
  node = {};
  fuzz::cut_reserved_zeros(image.disk, kDir);
  Seen again;
  const auto reopened = image.open(again);
  require(reopened.has_value(), "what opened opens again");
  require(again.size() <= seen.size() && std::equal(again.rbegin(), again.rend(), seen.rbegin()),
          "the next start sees what the last one saw, and what was added");
  require(freed || again.size() == seen.size(), "only what was freed is gone");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > fuzz::kMostBytes) return 0;
  fuzz::Input input(fuzz::text_of(data, size));
  Image image;
  image.role = input.byte() % 2 == 0 ? "coordinator" : "participant";
  const std::uint64_t release = input.word();
  require(image.disk.make_directory(kDir).has_value() &&
              wal::init(image.disk, kDir, image.role, "n1", kLogId).has_value(),
          "a log can be made");
  build(image, input);
  image.note_newest();
  Seen seen;
  auto node = image.open(seen);
  require(image.raw || all_written(seen, image.written), "recovery never invents a record");
  if (image.flawless && replays(image.role, image.written))
    require(node.has_value() && seen == image.written, "recovery keeps every record");
  if (node) life_goes_on(image, std::move(*node), std::move(seen), release);
  return 0;
}
