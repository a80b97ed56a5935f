#include <doctest/doctest.h>

#include <thread>

#include "history/sqlite_key_store.h"
#include "tests/support/temp_dir.h"

using namespace troth;
using namespace troth::history;
using namespace troth::protocol;
using namespace troth::tests;

namespace {

LogId log_of(std::uint8_t number) {
  LogId out;
  out.bytes[0] = number;
  return out;
}

KeyRecord record(const std::string& key, std::uint64_t sequence, std::int64_t decided_ms = 1000) {
  KeyRecord out;
  out.idempotency_key = key;
  out.body_digest = "digest of " + key;
  out.gtid = {{1}, {1}, sequence, Decider::kCoordinator};
  out.outcome = Outcome::kCommitted;
  out.decided = {decided_ms};
  return out;
}

std::unique_ptr<SqliteKeyStore> opened(const TempDir& folder, std::size_t group_keys = 100) {
  auto store = SqliteKeyStore::open(folder.path() + "/keys.db", log_of(1),
                                    {group_keys, std::chrono::milliseconds(1)});
  REQUIRE_MESSAGE(store, store.error().context);
  return std::move(*store);
}

void store_all(SqliteKeyStore& store, Lsn lsn) {
  store.mark(lsn, true);
  while (store.durable() < lsn && !store.failure()) std::this_thread::yield();
  REQUIRE_FALSE(store.failure());
}

std::uint64_t sequence_of(SqliteKeyStore& store, const std::string& key) {
  const auto found = store.find(key);
  REQUIRE(found);
  return *found ? (*found)->gtid.sequence() : 0;
}

}  // namespace

TEST_CASE("keys are found in the newest group, in full ones, and after a restart") {
  const TempDir folder;
  constexpr std::uint64_t kKeys = 350;
  {
    auto store = opened(folder);
    for (std::uint64_t i = 1; i <= kKeys; ++i) {
      store->add(record("k" + std::to_string(i), i));
      if (i % 50 == 0) store_all(*store, {i});
    }
    CHECK(store->size() == kKeys);
    for (std::uint64_t i = 1; i <= kKeys; ++i)
      CHECK(sequence_of(*store, "k" + std::to_string(i)) == i);
    CHECK(sequence_of(*store, "k0") == 0);
  }
  auto store = opened(folder);
  CHECK(store->durable() == Lsn{kKeys});
  CHECK(store->size() == kKeys);
  for (std::uint64_t i = 1; i <= kKeys; ++i)
    CHECK(sequence_of(*store, "k" + std::to_string(i)) == i);
  const auto found = store->find("k7");
  CHECK((*found)->body_digest == "digest of k7");
}

TEST_CASE("a mark covers what was added before it, and a stop stores what was added") {
  const TempDir folder;
  {
    auto store = opened(folder);
    store->add(record("a", 1));
    store->mark({10}, false);
    store->add(record("b", 2));
  }
  auto store = opened(folder);
  CHECK(store->durable() == Lsn{10});
  CHECK(sequence_of(*store, "a") == 1);
  CHECK(sequence_of(*store, "b") == 2);
}

TEST_CASE("of a key that was used again after its retention, the newest record counts") {
  const TempDir folder;
  auto store = opened(folder, 2);
  for (std::uint64_t i = 1; i <= 7; ++i) {
    store->add(record("same", i));
    store_all(*store, {i});
    CHECK(sequence_of(*store, "same") == i);
  }
}

TEST_CASE("old keys go group by group") {
  const TempDir folder;
  auto store = opened(folder, 10);
  for (int i = 1; i <= 10; ++i) store->add(record("old" + std::to_string(i), 1, 1000));
  store_all(*store, {1});
  for (int i = 1; i <= 5; ++i) store->add(record("new" + std::to_string(i), 2, 5000));
  store_all(*store, {2});
  CHECK(store->size() == 15);
  store->forget_before({2000});
  store_all(*store, {3});
  while (store->size() > 5) std::this_thread::yield();
  CHECK(sequence_of(*store, "old3") == 0);
  CHECK(sequence_of(*store, "new3") == 2);
}

TEST_CASE("a store of another log is refused") {
  const TempDir folder;
  opened(folder);
  const auto other = SqliteKeyStore::open(folder.path() + "/keys.db", log_of(2), {});
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ErrorCode::kFenced);
}
