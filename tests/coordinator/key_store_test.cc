// The idempotency keys of a coordinator whose finished ones lie in a store beside the log.
#include <doctest/doctest.h>

#include "coordinator/key_store_check.h"
#include "tests/coordinator/coordinator_world.h"
#include "tests/support/listed_keys.h"
#include "tests/support/memory_disk.h"

namespace troth::tests {
namespace {

struct KeyedWorld {
  explicit KeyedWorld(std::size_t most = 100) : world(options_with(store, most)) {}
  static coordinator::EngineOptions options_with(ListedKeys& store, std::size_t most) {
    coordinator::EngineOptions out;
    out.key_store = &store;
    out.max_retained_keys = most;
    out.checkpoint_bytes = 2000;
    return out;
  }
  Gtid ended(const std::string& key) {
    const auto gtid = world.committing(key);
    world.deliver("p1", protocol::Ack{gtid});
    world.deliver("p2", protocol::Ack{gtid});
    world.sync();
    return gtid;
  }
  /// What a repetition is answered with.
  SubmitReply again(const std::string& key, const std::string& sql = "UPDATE t SET v = 1") {
    const auto number = world.submit(CoordinatorWorld::request({"p1", "p2"}, key, sql));
    REQUIRE(world.answered(number));
    return *world.answers.at(number);
  }

  ListedKeys store;
  CoordinatorWorld world;
};

}  // namespace

TEST_CASE("a stored key leaves memory and answers all the same") {
  KeyedWorld keyed;
  const auto gtid = keyed.ended("k");
  CHECK(keyed.again("k").outcome.gtid == gtid);
  CHECK(keyed.store.looked == 1);  // before it began; now it is in memory
  keyed.store.store();
  keyed.ended("other");
  keyed.store.store();
  keyed.ended("third");
  const int before = keyed.store.looked;
  const auto reply = keyed.again("k");
  CHECK(keyed.store.looked == before + 1);
  CHECK(reply.outcome.gtid == gtid);
  CHECK(reply.outcome.outcome == Outcome::kCommitted);
  CHECK(keyed.again("k", "UPDATE t SET v = 2").refusal->code == AbortCode::kKeyReused);
}

TEST_CASE("the log keeps what is not stored, also over a restart") {
  KeyedWorld keyed;
  auto& world = keyed.world;
  const auto first = keyed.ended("first");
  for (int i = 0; i < 30; ++i) keyed.ended("k" + std::to_string(i));
  CHECK(world.counter("checkpoints") == 1);
  CHECK(keyed.store.hurried);
  CHECK(world.log.released == Lsn{});
  keyed.store.crash();
  world.restart();
  CHECK(keyed.again("first").outcome.gtid == first);

  keyed.store.store();
  for (int i = 0; i < 30; ++i) keyed.ended("l" + std::to_string(i));
  keyed.store.store();
  keyed.ended("last");
  CHECK(world.log.released.value > 0);
  std::erase_if(world.log.entries,
                [&](const auto& entry) { return entry.lsn <= world.log.released; });
  world.restart();
  CHECK(keyed.again("first").outcome.gtid == first);
}

TEST_CASE("no more keys than may be, and none if the store cannot be read") {
  KeyedWorld keyed(2);
  const auto gtid = keyed.ended("a");
  keyed.ended("b");
  const auto refused = keyed.again("c");
  REQUIRE(refused.refusal);
  CHECK(refused.refusal->error.code == ErrorCode::kBusy);
  CHECK(refused.refusal->error.context.find("max-retained-keys") != std::string::npos);
  CHECK(keyed.world.alarms() == 1);
  CHECK(keyed.again("a").outcome.gtid == gtid);
  keyed.world.transport.take();
  keyed.world.submit(CoordinatorWorld::request({"p1", "p2"}));  // without a key
  CHECK(keyed.world.transport.names() == "PREPARE p1, PREPARE p2");
  keyed.store.broken = true;
  CHECK(keyed.again("d").refusal->error.code == ErrorCode::kUnavailable);
  CHECK(keyed.world.fatal);
}

TEST_CASE("a keys.db that is gone is told apart from one that was never needed") {
  MemoryDisk disk;
  REQUIRE(disk.make_directory("/c1"));
  ListedKeys keys;
  const auto check = [&](Lsn first, Lsn end) {
    return coordinator::check_key_store(disk, "/c1", &keys, {first, end, 0, {}}, Logger());
  };
  SUBCASE("0.1 kept all keys in the log, and that is let go of later") {
    CHECK(check({50}, {90}));
    CHECK(check({50}, {90}));
    keys.mark({95}, false);
    keys.store();
    CHECK(check({60}, {99}));
    ListedKeys gone;
    CHECK(coordinator::check_key_store(disk, "/c1", &gone, {{60}, {99}, 0, {}}, Logger())
              .error()
              .code == ErrorCode::kCorruption);
  }
  SUBCASE("a new log") {
    CHECK(check({}, {10}));
    CHECK(check({}, {90}));  // everything is in the log still
    CHECK(check({50}, {99}).error().code == ErrorCode::kCorruption);
    REQUIRE(disk.remove("/c1/keys.noted"));  // the operator forgets them
    CHECK(check({50}, {99}));
  }
  SUBCASE("an older and a newer one") {
    keys.mark({40}, false);
    keys.store();
    CHECK(check({}, {90}));
    CHECK(check({50}, {90}).error().code == ErrorCode::kCorruption);
    CHECK(check({20}, {30}));
    CHECK(keys.durable() == Lsn{20});
  }
  CHECK(coordinator::check_key_store(disk, "/c1", nullptr, {{50}, {99}, 0, {}}, Logger()));
}

}  // namespace troth::tests
