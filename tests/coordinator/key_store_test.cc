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
  const auto check = [&](history::KeyStore& store, Lsn first, Lsn end) {
    coordinator::NotedKeyStore noted(store, disk, "/c1");
    const auto status = noted.check({first, end, 0, {}}, Logger());
    static_cast<void>(noted.durable());
    return status;
  };
  CHECK(check(keys, {}, {10}));
  keys.mark({45}, false);
  keys.store();
  CHECK(check(keys, {20}, {90}));  // a log without keys lets go of its segments, too
  CHECK_FALSE(*disk.exists("/c1/keys.noted"));
  keys.add({"k", "", {}, Outcome::kCommitted, {}, {}});
  keys.mark({80}, false);
  keys.store();
  CHECK(check(keys, {50}, {90}));
  ListedKeys gone;
  CHECK(check(gone, {}, {90}));  // everything is in the log still
  CHECK(check(gone, {50}, {99}).error().code == ErrorCode::kCorruption);
  CHECK(check(keys, {85}, {99}).error().code == ErrorCode::kCorruption);  // it is older
  REQUIRE(disk.remove("/c1/keys.noted"));  // the operator forgets them
  CHECK(check(gone, {50}, {99}));
  CHECK(check(keys, {50}, {90}));
  CHECK(check(keys, {20}, {30}));  // the log was put back
  CHECK(keys.durable() == Lsn{});
  CHECK(check(keys, {20}, {30}));
}

TEST_CASE("a store that cannot be noted is not relied on") {
  MemoryDisk disk;  // without the directory
  ListedKeys keys;
  keys.add({"k", "", {}, Outcome::kCommitted, {}, {}});
  keys.mark({80}, false);
  keys.store();
  const coordinator::NotedKeyStore noted(keys, disk, "/c1");
  CHECK(noted.durable() == Lsn{});
  REQUIRE(disk.make_directory("/c1"));
  CHECK(noted.durable() == Lsn{80});
}

TEST_CASE("a repetition gets the rows of the first answer, also after a restart") {
  KeyedWorld keyed;
  auto& world = keyed.world;
  const auto request = CoordinatorWorld::request({"p1", "p2"}, "k", "DELETE FROM t RETURNING v");
  const auto voted = [&](const char* from, const Gtid& gtid, const std::string& value) {
    protocol::VoteMessage vote;
    vote.gtid = gtid;
    vote.vote = Vote::kCommit;
    vote.voter = {CoordinatorWorld::id_of(from), {1}, {100}};
    vote.results.push_back({{"v"}, {{Value(value)}, {Value(std::int64_t{7})}}, 2});
    world.deliver(from, vote);
  };
  const auto committed = [&](const std::string& value) {
    world.submit(request);
    const auto gtid = world.last_gtid();
    voted("p1", gtid, value);
    voted("p2", gtid, "b");
    world.sync();
    return gtid;
  };
  const auto again = [&] {
    const auto number = world.submit(request);
    REQUIRE(world.answered(number));
    CHECK(world.answers[number]->outcome.replayed);
    return world.answers[number]->outcome.results;
  };
  SUBCASE("small") {
    const auto gtid = committed("a");
    const auto first = world.answers[0]->outcome.results;
    const auto check = [&] {
      const auto results = again();
      REQUIRE(results.size() == 2);
      for (std::size_t i = 0; i < 2; ++i) {
        CHECK(results[i].participant == first[i].participant);
        CHECK(results[i].results == first[i].results);
      }
    };
    check();  // acks are missing
    world.restart();
    check();
    world.restart();
    world.deliver("p1", protocol::Ack{gtid});
    world.deliver("p2", protocol::Ack{gtid});
    check();
    keyed.store.store();
    world.sync();
    keyed.store.store();
    check();
    world.restart();
    check();
    std::optional<TransactionOutcome> told;
    world.engine->inquiries().get_outcome_by_key(
        "k", [&](Result<TransactionOutcome> result) { told = *result; }, world.now());
    REQUIRE(told);
    CHECK(told->results.size() == 2);
  }
  SUBCASE("too large") {
    committed(std::string(5000, 'x'));
    CHECK(world.answers[0]->outcome.results.size() == 2);
    CHECK(again().empty());
    world.restart();
    CHECK(again().empty());
  }
}

}  // namespace troth::tests
