// The log on a disk that loses power at every single step, runs full, rots and lies
// (failures.md 31-38, 15-17 for the log's part, 40).
#include <doctest/doctest.h>

#include "tests/support/memory_disk.h"
#include "wal/writer.h"

using namespace troth;
using namespace troth::wal;
using troth::tests::MemoryDisk;
using troth::tests::Random;

namespace {

constexpr Options kSmall{64 * 1024};
const std::string kDir = "/log";

struct Machine {
  MemoryDisk disk;
  std::vector<std::string> seen;
  std::unique_ptr<Writer> writer;

  Machine() {
    REQUIRE(disk.make_directory(kDir).has_value());
    REQUIRE(init(disk, kDir, "participant", "p1", LogId{{1, 2, 3}}).has_value());
  }
  Status open() {
    seen.clear();
    writer.reset();
    auto opened = Writer::open(disk, kDir, kSmall, [this](const RecordView& record) -> Status {
      seen.emplace_back(record.payload);
      return {};
    });
    if (!opened) return fail(opened.error());
    writer = std::move(*opened);
    return {};
  }
};

std::string payload_of(int number, Random& random) {
  auto text = std::to_string(number) + ":";
  text.append(random.percent(3) ? random.below(90'000) : random.below(2'000), 'x');
  return text;
}

int number_of(const std::string& payload) {
  return std::stoi(payload);
}

// What a log may contain: every number up to `promised`, in order, from `released` on at the
// latest, and perhaps some that were written and not acknowledged.
struct Truth {
  int appended = 0, promised = 0, released = 0;

  void check(const std::vector<std::string>& seen) const {
    if (seen.empty()) {
      CHECK(promised == released);
      return;
    }
    const int first = number_of(seen.front());
    CHECK(first <= released + 1);
    for (std::size_t i = 0; i < seen.size(); ++i)
      REQUIRE(number_of(seen[i]) == first + static_cast<int>(i));
    CHECK(number_of(seen.back()) >= promised);
    CHECK(number_of(seen.back()) <= appended);
  }
  // What an open has read it has also forced.
  void recovered(const std::vector<std::string>& seen) {
    appended = promised = seen.empty() ? promised : number_of(seen.back());
  }
};

// Appends, forces, rotates and frees segments until a step fails or `count` records are written.
void work(Machine& machine, Truth& truth, Random& random, int count) {
  Lsn middle;
  int middle_number = 0;
  for (int i = 0; i < count; ++i) {
    const auto batch = 1 + random.below(3);
    for (std::uint64_t n = 0; n < batch; ++n)
      machine.writer->append(1, payload_of(++truth.appended, random));
    const auto durable = machine.writer->sync();
    if (!durable) return;
    truth.promised = truth.appended;
    if (random.percent(10)) {
      middle = *durable;
      middle_number = truth.promised;
    }
    if (middle_number > 0 && random.percent(10)) {
      truth.released = middle_number;
      if (!machine.writer->release_below(middle)) return;
    }
  }
}

}  // namespace

TEST_CASE("power fails at every step, also while recovering: what was promised is there") {
  constexpr MemoryDisk::PowerLoss kLosses[] = {MemoryDisk::PowerLoss::kLoseAll,
                                               MemoryDisk::PowerLoss::kKeepAll,
                                               MemoryDisk::PowerLoss::kTear};
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Machine machine;
    Truth truth;
    REQUIRE(machine.open().has_value());
    for (int round = 0; round < 6; ++round) {
      const auto last = machine.disk.steps() + 1 + random.below(round % 2 == 0 ? 120 : 8);
      machine.disk.set_fault([last](MemoryDisk::Step, std::uint64_t number) {
        return number < last ? std::nullopt
                             : std::optional(Error{ErrorCode::kIo, "the power is gone"});
      });
      if (machine.writer == nullptr && machine.open().has_value()) {
        truth.check(machine.seen);
        truth.recovered(machine.seen);
      }
      if (machine.writer != nullptr) work(machine, truth, random, 100);
      machine.writer.reset();
      machine.disk.set_fault({});
      machine.disk.power_loss(kLosses[random.below(3)], random);
      if (round % 2 == 1) continue;  // the next round dies while it opens, or soon after
      const auto opened = machine.open();
      REQUIRE_MESSAGE(opened.has_value(), opened.error().context);
      truth.check(machine.seen);
      truth.recovered(machine.seen);
    }
  }
}

TEST_CASE("a full disk: no new segment, but what fits is written; freeing space ends it") {
  Machine machine;
  Random random(1);
  REQUIRE(machine.open().has_value());
  CHECK(machine.writer->space() == Space::kAmple);
  machine.disk.set_space(machine.disk.used());
  // The current segment, its spare and the reserve are allocated already.
  int written = 0;
  const auto add = [&](std::size_t bytes) {
    machine.writer->append(1, std::to_string(++written) + ":" + std::string(bytes, 'x'));
    return machine.writer->sync();
  };
  for (int i = 0; i < 100 && machine.writer->segments() == 1; ++i) REQUIRE(add(1000).has_value());
  CHECK(machine.writer->segments() == 2);
  CHECK(machine.writer->space() == Space::kLow);
  CHECK(add(1000).has_value());
  SUBCASE("the reserve is used") {
    for (int i = 0; i < 100 && machine.writer->segments() == 2; ++i) REQUIRE(add(1000).has_value());
    CHECK(machine.writer->segments() == 3);
    CHECK(machine.writer->space() == Space::kLow);
    CHECK_FALSE(*machine.disk.exists(kDir + "/reserve.tmp"));
  }
  SUBCASE("a restart keeps the reserve for what is decided") {
    machine.writer.reset();
    machine.disk.process_dies();
    REQUIRE(machine.open().has_value());
    CHECK(machine.writer->space() == Space::kLow);
    CHECK(*machine.disk.exists(kDir + "/reserve.tmp"));
    for (int i = 0; i < 200 && machine.writer->segments() == 2; ++i) REQUIRE(add(1000).has_value());
    CHECK(machine.writer->segments() == 3);
    CHECK_FALSE(*machine.disk.exists(kDir + "/reserve.tmp"));
  }
  const auto kept = written;
  SUBCASE("until space is freed") {
    REQUIRE(machine.writer->release_below(machine.writer->durable()).has_value());
    CHECK(machine.writer->space() == Space::kAmple);
    CHECK(add(1000).has_value());
  }
  SUBCASE("until others free some") {
    REQUIRE(machine.writer->recheck_space().has_value());
    CHECK(machine.writer->space() == Space::kLow);
    machine.disk.set_space(std::nullopt);
    REQUIRE(machine.writer->recheck_space().has_value());
    CHECK(machine.writer->space() == Space::kAmple);
  }
  SUBCASE("beyond the end it stops and says so; a restart has everything that was promised") {
    Result<Lsn> last = add(1000);
    int promised = kept;
    while (last) {
      promised = written;
      last = add(1000);
    }
    CHECK(last.error().code == ErrorCode::kNoSpace);
    CHECK(add(1).error().code == ErrorCode::kNoSpace);  // poisoned: never retried
    machine.writer.reset();
    machine.disk.process_dies();
    REQUIRE(machine.open().has_value());
    CHECK(number_of(machine.seen.back()) == promised);
    CHECK(machine.writer->space() == Space::kLow);
    for (int start = 0; start < 5; ++start) {  // each can write that it began
      machine.writer->append(1, "1000:began");
      REQUIRE(machine.writer->sync().has_value());
      machine.writer.reset();
      machine.disk.process_dies();
      REQUIRE(machine.open().has_value());
      CHECK(machine.seen.back() == "1000:began");
    }
  }
}

TEST_CASE("blocks are written once before their turn comes, and read as nothing") {
  Machine machine;
  constexpr Options kLarge{1024 * 1024};
  constexpr std::uint64_t kAhead = kLarge.segment_bytes / 256;
  const auto open = [&] {
    machine.seen.clear();
    auto opened = Writer::open(machine.disk, kDir, kLarge, [&](const RecordView& record) -> Status {
      machine.seen.emplace_back(record.payload);
      return {};
    });
    REQUIRE(opened.has_value());
    machine.writer = std::move(*opened);
  };
  open();
  const std::string payload(200, 'x');
  const auto batch = batch_bytes(kRecordHeaderBytes + payload.size());
  Random random(1);
  int ahead = 0;
  std::uint64_t since = 0;
  constexpr int kBatches = 100;
  for (int i = 0; i < kBatches; ++i) {
    const auto before = machine.disk.written();
    machine.writer->append(1, payload);
    REQUIRE(machine.writer->sync().has_value());
    const auto wrote = machine.disk.written() - before;
    if (wrote == batch) {
      since += batch;
      CHECK(since <= kAhead);  // inside what was written before
    } else {
      CHECK(wrote > batch);
      CHECK(wrote <= batch + kAhead);
      ++ahead;
      since = 0;
    }
  }
  CHECK(ahead == static_cast<int>(kBatches / (1 + kAhead / batch)) + 1);
  machine.writer.reset();
  machine.disk.power_loss(MemoryDisk::PowerLoss::kLoseAll, random);
  open();
  CHECK(machine.seen.size() == kBatches);
  CHECK(machine.writer->opened().torn_bytes == 0);
}

TEST_CASE("a failed fsync is not retried: a later success would be a lie") {
  Machine machine;
  Random random(1);
  REQUIRE(machine.open().has_value());
  machine.writer->append(1, "1:kept");
  REQUIRE(machine.writer->sync().has_value());
  bool failed = false;
  machine.disk.set_fault([&](MemoryDisk::Step step, std::uint64_t) {
    if (step != MemoryDisk::Step::kSync || std::exchange(failed, true))
      return std::optional<Error>();
    return std::optional(Error{ErrorCode::kIo, "fdatasync: Input/output error"});
  });
  machine.writer->append(1, "2:lost");
  CHECK_FALSE(machine.writer->sync().has_value());
  machine.writer->append(1, "3:never");
  CHECK_FALSE(machine.writer->sync().has_value());
  machine.writer.reset();
  machine.disk.power_loss(MemoryDisk::PowerLoss::kKeepAll, random);
  REQUIRE(machine.open().has_value());
  CHECK(machine.seen.size() <= 2);
  CHECK(machine.seen.front() == "1:kept");
}

TEST_CASE("what a failed force left in the page cache, or did not do to a name, is not believed") {
  for (const auto failing : {MemoryDisk::Step::kSync, MemoryDisk::Step::kSyncDirectory}) {
    Machine machine;
    Random random(1);
    REQUIRE(machine.open().has_value());
    int number = 0;
    const auto append = [&] {
      machine.writer->append(1, std::to_string(++number) + ":" + std::string(20'000, 'x'));
      return machine.writer->sync().has_value();
    };
    bool failed = false;
    machine.disk.set_fault([&](MemoryDisk::Step step, std::uint64_t) {
      // The fsync of the third batch, or that of the directory when the fourth needs a new segment.
      if (step != failing || number < 3 || std::exchange(failed, true))
        return std::optional<Error>();
      return std::optional(Error{ErrorCode::kIo, "fsync: Input/output error"});
    });
    while (append()) REQUIRE(number < 10);
    machine.writer.reset();
    machine.disk.process_dies();  // the machine lives on: the next process reads the page cache
    REQUIRE(machine.open().has_value());
    const auto kept = machine.seen.size();  // and may act on this from here on
    CHECK(kept >= static_cast<std::size_t>(number - 1));
    REQUIRE(append());
    machine.writer.reset();
    machine.disk.power_loss(MemoryDisk::PowerLoss::kLoseAll, random);
    REQUIRE(machine.open().has_value());
    REQUIRE(machine.seen.size() == kept + 1);
    CHECK(number_of(machine.seen.back()) == number);
  }
}

TEST_CASE("a bit that flips below the last batch is refused, never skipped") {
  Machine machine;
  Random random(7);
  Truth truth;
  REQUIRE(machine.open().has_value());
  work(machine, truth, random, 60);
  REQUIRE(machine.writer->segments() > 1);
  REQUIRE(machine.open().has_value());
  const auto expected = machine.seen;
  const auto segments = machine.writer->opened().segments;
  machine.writer.reset();
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    const auto& segment = segments[random.below(segments.size() - 1)];
    const auto path = kDir + "/" + segment_name(segment.sequence);
    const auto bytes = machine.disk.contents().at(path).size();
    const auto offset = random.below(bytes);
    const auto mask = static_cast<std::uint8_t>(1U << random.below(8));
    REQUIRE(machine.disk.flip(path, offset, mask).has_value());
    CAPTURE(path);
    CAPTURE(offset);
    std::vector<std::string> found;
    const auto scanned = scan(machine.disk, kDir, [&](const RecordView& record) -> Status {
      found.emplace_back(record.payload);
      return {};
    });
    if (scanned) {
      CHECK(found == expected);  // only in the unused end of a segment
    } else {
      CHECK(scanned.error().code == ErrorCode::kCorruption);
      ++refused;
    }
    REQUIRE(machine.disk.flip(path, offset, mask).has_value());
  }
  CHECK(refused > 1000);
}

TEST_CASE("a disk that lies about fsync and then loses power is noticed where others know more") {
  Machine machine;
  Random random(3);
  REQUIRE(machine.open().has_value());
  for (int i = 1; i <= 5; ++i) {
    machine.writer->append(1, std::to_string(i) + ":x");
    REQUIRE(machine.writer->sync().has_value());
  }
  const auto promised = machine.writer->durable();
  machine.writer.reset();
  // The last two batches never reached the platter: the log alone cannot know. Its end is below
  // what peers saw, which the continuity handshake refuses (tests/recovery).
  const auto path = kDir + "/" + segment_name(1);
  const auto from = kSegmentHeaderBytes + 3 * batch_bytes(8);
  {
    auto file = machine.disk.open(path, OpenMode::kReadWrite);
    REQUIRE((*file)->write_at(from, std::string(2 * batch_bytes(8), '\0')).has_value());
  }
  REQUIRE(machine.open().has_value());
  CHECK(machine.seen.size() == 3);
  CHECK(machine.writer->durable() < promised);
}

TEST_CASE("a log that lacks a segment, or whose newest is a copy, is not taken for a whole one") {
  Machine machine;
  REQUIRE(machine.open().has_value());
  while (machine.writer->segments() < 4) {
    machine.writer->append(1, std::string(20'000, 'x'));
    REQUIRE(machine.writer->sync().has_value());
  }
  SUBCASE("from the start on") {}
  SUBCASE("the first ones released") {
    REQUIRE(machine.writer->release_below(machine.writer->durable()).has_value());
    while (machine.writer->segments() < 3) {
      machine.writer->append(1, std::string(20'000, 'x'));
      REQUIRE(machine.writer->sync().has_value());
    }
  }
  machine.writer.reset();
  machine.disk.process_dies();
  const auto whole = machine.disk.contents();
  const auto inodes = machine.disk.inodes();
  std::vector<std::string> segments;
  for (const auto& [path, bytes] : whole)
    if (segment_sequence(path.substr(path.find_last_of('/') + 1))) segments.push_back(path);
  const auto refused_without = [&](const std::string& path) {
    auto contents = whole;
    contents.erase(path);
    machine.disk.restore(contents, inodes);
    const auto opened = machine.open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == ErrorCode::kCorruption);
    CHECK(opened.error().context.find("missing") != std::string::npos);
    CHECK(machine.disk.contents() == contents);
  };
  refused_without(segments.back());
  refused_without(segments.front());
  refused_without(kDir + "/newest");
  machine.disk.restore(whole);  // copied, byte for byte
  const auto copied = machine.open();
  REQUIRE_FALSE(copied.has_value());
  CHECK(copied.error().code == ErrorCode::kFenced);
  REQUIRE(adopt(machine.disk, kDir).has_value());
  REQUIRE(machine.open().has_value());
  machine.writer.reset();
  machine.disk.process_dies();
  REQUIRE(machine.open().has_value());
  // An operator may adopt what is left, too.
  machine.writer.reset();
  auto contents = whole;
  contents.erase(segments.back());
  machine.disk.restore(contents);
  REQUIRE(adopt(machine.disk, kDir).has_value());
  CHECK(machine.open().has_value());
}

TEST_CASE("a log of an earlier version gets its note at its first start") {
  Machine machine;
  auto contents = machine.disk.contents();
  contents.erase(kDir + "/newest");
  auto& identity = contents.at(kDir + "/identity");
  identity.resize(identity.size() - 11);  // cluster, flag, key, and their checksums
  machine.disk.restore(contents, machine.disk.inodes());
  REQUIRE_FALSE(read_identity(machine.disk, kDir)->notes_newest);
  REQUIRE(machine.open().has_value());
  CHECK(read_identity(machine.disk, kDir)->notes_newest);
  machine.writer.reset();
  machine.disk.process_dies();
  CHECK(machine.open().has_value());
}
