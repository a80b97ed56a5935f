// Files of a log that are deleted or replaced while it runs: noticed, and nothing is promised into
// them.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/memory_disk.h"
#include "wal/writer.h"

using namespace troth;
using namespace troth::wal;
using troth::tests::MemoryDisk;

namespace {

constexpr Options kSmall{4 * 1024};
const std::string kDir = "/log";

struct Machine {
  MemoryDisk disk;
  std::unique_ptr<Writer> writer;

  Machine() {
    REQUIRE(disk.make_directory(kDir).has_value());
    REQUIRE(init(disk, kDir, "participant", "p1", LogId{{1, 2, 3}}).has_value());
    auto opened = Writer::open(disk, kDir, kSmall, [](const RecordView&) -> Status { return {}; });
    REQUIRE(opened.has_value());
    writer = std::move(*opened);
  }
  DirectoryWatch watch() {
    return {disk, kDir, [this] { return writer->needed(); }};
  }
  Result<Lsn> write(std::size_t bytes = 100) {
    writer->append(1, std::string(bytes, 'x'));
    return writer->sync();
  }
  void write_segments(std::size_t count) {
    while (writer->segments() < count) REQUIRE(write(1500).has_value());
  }
  std::string newest() const { return kDir + "/" + segment_name(writer->needed().newest); }
  void replace(const std::string& path) {
    REQUIRE(disk.remove(path).has_value());
    REQUIRE(disk.open(path, OpenMode::kCreateNew).has_value());
  }
};

bool says(const std::optional<std::string>& found, const std::string& words) {
  return found && found->find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("a log that works finds nothing, whatever comes and goes") {
  Machine machine;
  auto watch = machine.watch();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(machine.write(1500).has_value());
    if (i % 3 == 0) REQUIRE(machine.writer->release_below(machine.writer->durable()).has_value());
    CHECK_FALSE(watch.look().has_value());
  }
  CHECK(machine.writer->needed().newest > 5);
}

TEST_CASE("nothing is durable in a segment that was deleted, moved or replaced") {
  for (const bool replaced : {false, true}) {
    Machine machine;
    REQUIRE(machine.write().has_value());
    const auto before = machine.writer->durable();
    if (replaced) {
      machine.replace(machine.newest());
    } else {
      REQUIRE(machine.disk.rename(machine.newest(), kDir + "/elsewhere").has_value());
    }
    const auto durable = machine.write();
    REQUIRE_FALSE(durable.has_value());
    CHECK(durable.error().code == ErrorCode::kFenced);
    CHECK(durable.error().context.find(replaced ? "is another file now" : "was deleted or moved") !=
          std::string::npos);
    CHECK(machine.writer->durable() == before);
    CHECK_FALSE(machine.write().has_value());  // for good
  }
}

TEST_CASE("the watch finds an older segment that was deleted or replaced") {
  Machine machine;
  machine.write_segments(3);
  auto watch = machine.watch();
  CHECK_FALSE(watch.look().has_value());
  const auto oldest = kDir + "/" + segment_name(machine.writer->needed().first);
  SUBCASE("replaced") {
    machine.replace(oldest);
    CHECK(says(watch.look(), oldest + " is another file now"));
  }
  SUBCASE("deleted") {
    REQUIRE(machine.disk.remove(oldest).has_value());
    CHECK(says(watch.look(), oldest + " was deleted or moved away"));
    CHECK(says(machine.watch().look(),
               oldest + " was deleted or moved away"));  // from the first look on
  }
}

TEST_CASE("a segment that a checkpoint releases while the watch looks is not missed") {
  Machine machine;
  machine.write_segments(3);
  const auto old = machine.writer->needed();
  REQUIRE(machine.writer->release_below(machine.writer->durable()).has_value());
  REQUIRE(machine.writer->needed().first > old.first);
  int asked = 0;
  // What was needed when the look began is gone when it ends.
  DirectoryWatch watch(machine.disk, kDir,
                       [&] { return ++asked <= 2 ? old : machine.writer->needed(); });
  CHECK_FALSE(watch.look().has_value());
  CHECK(asked == 3);
}

TEST_CASE("the watch finds the other files of the directory") {
  for (const char* name : {"identity", "newest"}) {
    Machine machine;
    auto watch = machine.watch();
    CHECK_FALSE(watch.look().has_value());
    REQUIRE(machine.disk.remove(kDir + "/" + name).has_value());
    CHECK(says(watch.look(), std::string(name) + " was deleted or moved away"));
  }
}
