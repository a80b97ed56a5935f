// What a start does with much that the file has missed.
#include "participant/recover.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "os/clock.h"
#include "recovery/start_up.h"
#include "tests/participant/idle_manager.h"
#include "tests/support/memory_disk.h"

using namespace troth;
using namespace troth::participant;

namespace troth::recover_test {
namespace {

struct Counting final : tests::IdleManager {
  Result<OpenedDatabase> open() override {
    OpenedDatabase opened;
    opened.log_id = LogId{{1}};
    opened.participant = NodeName::from_trusted("p1");
    return opened;
  }
  Status replay(const Gtid&, Lsn committed, const std::string&) override {
    last = committed;
    most_at_once = std::max(most_at_once, ++at_once);
    ++replayed;
    return {};
  }
  Result<Lsn> flush(Lsn) override {
    at_once = 0;
    return last;
  }
  Lsn last;
  int replayed = 0, at_once = 0, most_at_once = 0;
};

}  // namespace

TEST_CASE("replay commits in portions, so that memory does not grow with what was missed") {
  constexpr int kTransactions = 4100;
  tests::MemoryDisk disk;
  REQUIRE(disk.make_directory("/p1").has_value());
  REQUIRE(wal::init(disk, "/p1", "participant", "p1", LogId{{1}}).has_value());
  const wal::Options options{std::uint64_t{1} << 20};
  {
    auto writer = wal::Writer::open(disk, "/p1", options, [](const auto&) { return Status{}; });
    REQUIRE(writer.has_value());
    for (int i = 1; i <= kTransactions; ++i) {
      const protocol::Record record{protocol::OnePhaseRecord{
          Gtid({}, {1}, static_cast<std::uint64_t>(i), Decider::kParticipant),
          "redo",
          {},
          {},
          {},
          {}}};
      (*writer)->append(static_cast<std::uint8_t>(protocol::type_of(record)),
                        protocol::encode(record));
    }
    REQUIRE((*writer)->sync().has_value());
  }
  Counting manager;
  const SystemClock clock;
  recovery::WalAtStart start(disk, "/p1", "participant", options);
  const auto recovered = recover(start, manager, true, clock, Logger());
  REQUIRE_MESSAGE(recovered.has_value(), (recovered ? "" : recovered.error().context));
  CHECK(manager.replayed == kTransactions);
  CHECK(manager.most_at_once == 2000);
  CHECK(manager.at_once == 0);  // the rest as well
}

TEST_CASE("a database that an earlier start noted and that is gone was lost") {
  struct Gone final : tests::IdleManager {
    Result<OpenedDatabase> open() override { return fail(ErrorCode::kNotFound, "no such file"); }
  } manager;
  tests::MemoryDisk disk;
  REQUIRE(disk.make_directory("/p1").has_value());
  REQUIRE(wal::init(disk, "/p1", "participant", "p1", LogId{{1}}).has_value());
  const SystemClock clock;
  const auto start = [&](bool was_noted) {
    recovery::WalAtStart log(disk, "/p1", "participant", {});
    const auto recovered = recover(log, manager, was_noted, clock, Logger());
    REQUIRE_FALSE(recovered.has_value());
    CHECK(recovered.error().code == ErrorCode::kNotFound);
    return recovered.error().context;
  };
  CHECK(start(false) == "no such file");
  CHECK(start(true).find("the database of p1 is gone, and its log is not") == 0);
}

}  // namespace troth::recover_test
