// The log on real files: what is kept, what is cut, what is refused.
#include <doctest/doctest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>

#include "os/failpoint.h"
#include "tests/support/temp_dir.h"
#include "wal/log.h"

using namespace troth;
using namespace troth::wal;
namespace fs = std::filesystem;

namespace {

constexpr Options kSmall{64 * 1024};

struct World {
  tests::TempDir dir;
  std::unique_ptr<FileSystem> files = make_posix_file_system();
  std::string path = dir.path() + "/log";
  std::vector<std::string> seen;

  World() { REQUIRE(init(*files, path, "participant", "p1", LogId{{1, 2, 3}}).has_value()); }
  Result<std::unique_ptr<Writer>> open(Options options = kSmall) {
    seen.clear();
    return Writer::open(*files, path, options, [this](const RecordView& r) -> Status {
      seen.emplace_back(r.payload);
      return {};
    });
  }
  std::string segment(std::size_t n = 1) const { return path + "/" + segment_name(n); }
  std::string bytes(const std::string& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& file, const std::string& content) const {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
  }
};

void add(Writer& writer, const std::string& payload) {
  writer.append(7, payload);
  REQUIRE(writer.sync().has_value());
}

}  // namespace

TEST_CASE("what was synced comes back in order, with its LSNs") {
  World w;
  auto writer = std::move(*w.open());
  CHECK(writer->append(1, "abc") == Lsn{8});
  CHECK(writer->append(2, std::string(10, 'x')) == Lsn{23});
  CHECK(writer->durable() == Lsn{0});
  CHECK(*writer->sync() == Lsn{23});
  add(*writer, "z");
  writer.reset();
  CHECK(w.open().has_value());
  CHECK(w.seen == std::vector<std::string>{"abc", std::string(10, 'x'), "z"});
}

TEST_CASE("cut anywhere in the last, unacknowledged batch: exactly the records before it remain") {
  World w;
  {
    auto writer = std::move(*w.open());
    add(*writer, "one");
    add(*writer, "two");
  }
  const auto whole = w.bytes(w.segment());
  const auto end = whole.find_last_not_of('\0') + 1;
  const std::uint64_t last = kSegmentHeaderBytes + batch_bytes(8);  // where the second batch starts
  for (std::uint64_t cut = last; cut < end; ++cut) {
    auto torn = whole;
    torn.replace(cut, torn.size() - cut, torn.size() - cut, '\0');
    w.put(w.segment(), torn);
    CAPTURE(cut);
    auto writer = w.open();
    REQUIRE(writer.has_value());
    CHECK(w.seen == std::vector<std::string>{"one"});
    add(**writer, "three");
    writer->reset();
    CHECK(w.open().has_value());
    CHECK(w.seen == std::vector<std::string>{"one", "three"});
  }
}

TEST_CASE("damage below what is known durable is corruption: refused, named, nothing changed") {
  struct Row {
    const char* what;
    std::uint64_t offset;
    ErrorCode code;
  };
  const Row rows[] = {
      {"segment magic", 0, ErrorCode::kCorruption},
      {"segment log id", 14, ErrorCode::kCorruption},
      {"batch magic", kSegmentHeaderBytes, ErrorCode::kCorruption},
      {"batch length", kSegmentHeaderBytes + 4, ErrorCode::kCorruption},
      {"batch durable lsn", kSegmentHeaderBytes + 28, ErrorCode::kCorruption},
      {"record payload", kSegmentHeaderBytes + kBatchHeaderBytes + 6, ErrorCode::kCorruption},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    World w;
    {
      auto writer = std::move(*w.open());
      add(*writer, "one");
      add(*writer, "two");
      add(*writer, "three");
    }
    auto damaged = w.bytes(w.segment());
    damaged[row.offset] = static_cast<char>(damaged[row.offset] ^ 0x40);
    w.put(w.segment(), damaged);
    const auto opened = w.open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code == row.code);
    CHECK(opened.error().context.find(segment_name(1)) != std::string::npos);
    CHECK(w.bytes(w.segment()) == damaged);
  }
}

TEST_CASE("a seal makes rot in the last batch visible") {
  World w;
  {
    auto writer = std::move(*w.open());
    add(*writer, "one");
    REQUIRE(writer->close_clean().has_value());
    CHECK(scan(*w.files, w.path, [](const RecordView&) -> Status { return {}; })->clean_shutdown);
  }
  auto damaged = w.bytes(w.segment());
  damaged[kSegmentHeaderBytes + kBatchHeaderBytes + 6] ^= 1;
  w.put(w.segment(), damaged);
  CHECK(w.open().error().code == ErrorCode::kCorruption);
}

TEST_CASE("garbage behind the end is cut, a stale batch of another segment is not taken") {
  World w;
  {
    auto writer = std::move(*w.open());
    add(*writer, "one");
  }
  auto stale = w.bytes(w.segment());
  BatchHeader header;
  header.length = 8;
  header.count = 1;
  header.base = {8};
  std::string record;
  append_record(record, 1, "old");
  const auto batch = encode_batch(header, batch_seed(LogId{{9}}, 1), record);
  stale.replace(kSegmentHeaderBytes + batch_bytes(8), batch.size(), batch);
  w.put(w.segment(), stale);
  const auto opened = w.open();
  REQUIRE(opened.has_value());
  CHECK((*opened)->opened().torn_bytes > 0);
  CHECK(w.seen == std::vector<std::string>{"one"});
}

TEST_CASE("segments rotate, chain, and go only when everything in them may go") {
  World w;
  Lsn middle;
  {
    auto writer = std::move(*w.open());
    for (int i = 0; i < 300; ++i) {
      add(*writer, std::string(1000, static_cast<char>('a' + i % 26)));
      if (i == 150) middle = writer->durable();
    }
    CHECK(writer->segments() > 4);
    const auto before = writer->segments();
    REQUIRE(writer->release_below(middle).has_value());
    CHECK(writer->segments() < before);
  }
  CHECK(w.open().has_value());
  CHECK(w.seen.size() < 300);
  CHECK(w.seen.size() >= 149);
  const auto survivor = (*w.open())->opened().segments.at(1).sequence;
  fs::rename(w.segment(survivor), w.path + "/gone");
  CHECK(w.open().error().code == ErrorCode::kCorruption);
  fs::rename(w.path + "/gone", w.segment(survivor));
  CHECK(w.open().has_value());
}

TEST_CASE("a log is read through a window: batches across its edge, a tear far behind the end") {
  constexpr Options kLarge{std::uint64_t{8} << 20};
  World w;
  std::vector<std::string> written;
  {
    auto writer = std::move(*w.open(kLarge));
    for (std::size_t i = 0; i < 40; ++i) {
      written.emplace_back(90'001 + i, static_cast<char>('a' + i % 26));
      if (i == 20) written.back() = std::string(2'500'003, 'L');  // longer than the window
      add(*writer, written.back());
    }
  }
  REQUIRE(w.open(kLarge).has_value());
  CHECK(w.seen == written);
  auto torn = w.bytes(w.segment());
  REQUIRE(torn.size() == std::size_t{8} << 20);
  torn[torn.size() - 100'000] = 'x';  // more than a window behind the end
  w.put(w.segment(), torn);
  const auto opened = w.open(kLarge);
  REQUIRE(opened.has_value());
  CHECK((*opened)->opened().torn_bytes == torn.size() - 99'999 - (*opened)->opened().end_offset);
  CHECK(w.seen == written);
}

TEST_CASE("a record larger than a segment gets a segment of its own size") {
  World w;
  {
    auto writer = std::move(*w.open());
    add(*writer, "small");
    add(*writer, std::string(300'000, 'L'));
    add(*writer, "small again");
  }
  CHECK(w.open().has_value());
  REQUIRE(w.seen.size() == 3);
  CHECK(w.seen[1].size() == 300'000);
}

TEST_CASE(
    "a copied directory is fenced until adopted; an initialised one is not made again; the owner "
    "is alone") {
  World w;
  const auto copy = w.dir.path() + "/copy";
  fs::copy(w.path, copy, fs::copy_options::recursive);
  const auto visit = [](const RecordView&) -> Status { return {}; };
  CHECK(Writer::open(*w.files, copy, kSmall, visit).error().code == ErrorCode::kFenced);
  REQUIRE(adopt(*w.files, copy).has_value());
  CHECK(Writer::open(*w.files, copy, kSmall, visit).has_value());
  CHECK(read_identity(*w.files, copy)->lineage == 1);
  CHECK(init(*w.files, w.path, "participant", "p1", LogId{}).error().code ==
        ErrorCode::kAlreadyExists);
  CHECK(read_identity(*w.files, w.dir.path()).error().code == ErrorCode::kNotFound);
  const auto held = lock_directory(*w.files, w.path);
  REQUIRE(held.has_value());
  CHECK(lock_directory(*w.files, w.path).error().code == ErrorCode::kFenced);
  CHECK(init(*w.files, w.dir.path(), "participant", "p1", LogId{}).error().code ==
        ErrorCode::kInvalidArgument);
}

TEST_CASE("init never takes a log away: not a whole one, not one whose identity was deleted") {
  World w;
  const auto records = [&] {
    std::size_t n = 0;
    const auto scanned = scan(*w.files, w.path, [&](const RecordView&) -> Status {
      ++n;
      return {};
    });
    return scanned ? n : 0;
  };
  const auto again = [&] { return init(*w.files, w.path, "participant", "p1", LogId{}); };
  {
    const auto visit = [](const RecordView&) -> Status { return {}; };
    auto writer = std::move(*Writer::open(*w.files, w.path, kSmall, visit));
    writer->append(1, "promised");
    REQUIRE(writer->sync().has_value());
  }
  REQUIRE(records() == 1);
  CHECK(again().error().code == ErrorCode::kAlreadyExists);
  CHECK(records() == 1);
  fs::rename(w.path + "/identity", w.dir.path() + "/identity");
  CHECK(again().error().code == ErrorCode::kCorruption);
  fs::rename(w.dir.path() + "/identity", w.path + "/identity");
  CHECK(records() == 1);
  std::ofstream(w.path + "/notes.txt") << "mine";
  fs::remove(w.path + "/identity");
  fs::resize_file(w.path + "/" + segment_name(1), kSegmentHeaderBytes);
  CHECK(again().error().code == ErrorCode::kInvalidArgument);
  CHECK(fs::exists(w.path + "/" + segment_name(1)));
  fs::remove(w.path + "/notes.txt");
  fs::remove(w.path + "/spare.tmp");
  fs::remove(w.path + "/reserve.tmp");
  CHECK(again().has_value());  // an init that was interrupted
}

TEST_CASE("group commit: one sync for everything that queued; a stop drains and seals") {
  World w;
  const auto visit = [](const RecordView&) -> Status { return {}; };
  auto log = std::make_unique<Log>(std::move(*Writer::open(*w.files, w.path, kSmall, visit)));
  std::promise<void> reached;
  Lsn last;
  for (int i = 0; i < 500; ++i) last = log->append(1, "record", Urgency::kNow);
  bool told = false;
  log->start({[&](Lsn durable) {
                if (durable >= last && !std::exchange(told, true)) reached.set_value();
              },
              [](const Error&) {}});
  reached.get_future().wait();
  CHECK(log->durable() == last);
  CHECK(log->stats().syncs <= 3);
  log->append(1, "unforced", Urgency::kNone);
  REQUIRE(log->stop().has_value());
  CHECK(w.open().has_value());
  CHECK(w.seen.size() == 501);
  CHECK((*w.open())->opened().clean_shutdown);
}

TEST_CASE("a record that can wait becomes durable by itself, and together with one that cannot") {
  World w;
  const auto visit = [](const RecordView&) -> Status { return {}; };
  auto log = std::make_unique<Log>(std::move(*Writer::open(*w.files, w.path, kSmall, visit)));
  std::mutex mutex;
  std::condition_variable changed;
  Lsn durable;
  const auto wait_for = [&](Lsn wanted) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return durable >= wanted; });
  };
  log->append(1, "patient", Urgency::kSoon);
  const Lsn both = log->append(1, "forced", Urgency::kNow);
  log->start({[&](Lsn reached) {
                const std::lock_guard lock(mutex);
                durable = reached;
                changed.notify_all();
              },
              [](const Error&) {}});
  wait_for(both);
  CHECK(log->stats().syncs == 1);
  const auto began = std::chrono::steady_clock::now();
  wait_for(log->append(1, "alone", Urgency::kSoon));
  const auto soon = std::chrono::steady_clock::now() - began;
  log->append(1, "first in line", Urgency::kNone);
  wait_for(log->append(1, "behind it", Urgency::kSoon));
  CHECK(log->stats().syncs == 3);
  CHECK(log->stats().forced_records == 4);
  CHECK(soon >= std::chrono::milliseconds(2));  // nothing came that it could travel with
}

TEST_CASE("forced by who appends: the same log, in turns with the appender") {
  World w;
  const auto visit = [](const RecordView&) -> Status { return {}; };
  auto log = std::make_unique<Log>(std::move(*Writer::open(*w.files, w.path, kSmall, visit)));
  std::mutex mutex;
  std::condition_variable changed;
  Lsn told;
  log->start({[&](Lsn reached) {
                const std::lock_guard lock(mutex);
                told = reached;
                changed.notify_all();
              },
              [](const Error&) {}});
  CHECK_FALSE(log->force_here());  // nothing waits
  log->append_quietly(1, "patient", Urgency::kSoon);
  CHECK_FALSE(log->force_here());  // nor can this not wait
  const Lsn first = log->append_quietly(1, "forced", Urgency::kNow);
  REQUIRE(log->force_here() == first);
  CHECK(log->durable() == first);
  CHECK(log->stats().syncs == 1);
  int here = 0;
  constexpr int kRecords = 600;  // several segments, which are for the appender
  for (int i = 0; i < kRecords; ++i) {
    const auto payload = std::to_string(i) + std::string(300, 'x');
    const Lsn lsn = log->append_quietly(1, payload, i % 7 == 3 ? Urgency::kSoon : Urgency::kNow);
    if (i % 5 == 0) log->wake();
    if (const auto durable = log->force_here()) {
      CHECK(*durable >= lsn);
      ++here;
    } else {
      log->wake();
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return told >= lsn || log->durable() >= lsn; });
    }
  }
  CHECK(here > 0);
  log->append_quietly(1, "last", Urgency::kNow);
  REQUIRE(log->stop().has_value());
  CHECK_FALSE(log->force_here());
  CHECK(log->stats().segments > 2);
  REQUIRE(w.open().has_value());
  REQUIRE(w.seen.size() == kRecords + 3);
  for (int i = 0; i < kRecords; ++i)
    CHECK(w.seen[static_cast<std::size_t>(i) + 2] == std::to_string(i) + std::string(300, 'x'));
}

TEST_CASE("what a crash tore far behind a stretch that was never written is found") {
  World w;
  const Options large{1 << 20};
  {
    auto writer = std::move(*w.open(large));
    add(*writer, "kept");
  }
  constexpr std::uint64_t kFar = 700'000;
  {
    const auto file = std::move(*w.files->open(w.segment(), OpenMode::kReadWrite));
    REQUIRE(file->write_at(kFar, "x").has_value());
    CHECK(*file->next_data(kFar) == kFar);
    CHECK(*file->next_data(kFar + 200'000) >= kFar + 200'000);
    CHECK(*file->next_data(0) == 0);
  }
  const auto opened = std::move(*w.open(large))->opened();
  CHECK(w.seen == std::vector<std::string>{"kept"});
  CHECK(opened.torn_bytes == kFar + 1 - opened.end_offset);
  CHECK((*w.open(large))->opened().torn_bytes == 0);
}

#ifdef TROTH_FAILPOINTS
TEST_CASE(
    "a failed write or fsync poisons the writer: nothing is retried, nothing more is promised") {
  for (const char* point : {"wal.write.before=error", "wal.sync.before=error"}) {
    CAPTURE(std::string(point));
    World w;
    auto writer = std::move(*w.open());
    add(*writer, "kept");
    REQUIRE(failpoint::arm(point).has_value());
    writer->append(1, "lost or not, nobody was told");
    CHECK_FALSE(writer->sync().has_value());
    REQUIRE(failpoint::arm("").has_value());
    writer->append(1, "later");
    CHECK_FALSE(writer->sync().has_value());
    CHECK_FALSE(writer->close_clean().has_value());
    CHECK(writer->durable() == Lsn{9});
    writer.reset();
    CHECK(w.open().has_value());
    CHECK(w.seen.at(0) == "kept");
    CHECK(w.seen.size() <= 2);
  }
}
#endif
