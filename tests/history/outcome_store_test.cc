#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "history/sqlite_outcome_store.h"
#include "tests/support/temp_dir.h"

using namespace troth;
using namespace troth::history;
using namespace troth::tests;

namespace {

LogId log_number(std::uint8_t number) {
  LogId out;
  out.bytes[0] = number;
  return out;
}

Gtid numbered(std::uint64_t sequence, std::uint32_t epoch = 1) {
  return {{1}, {epoch}, sequence, Decider::kCoordinator};
}

EndedTransaction ended(std::uint64_t sequence, const std::string& key = "",
                       const std::vector<std::string>& names = {"p1", "p2"}) {
  EndedTransaction out;
  out.gtid = numbered(sequence);
  out.outcome = Outcome::kCommitted;
  for (const auto& name : names) out.participants.push_back(NodeName::from_trusted(name));
  out.idempotency_key = key;
  out.ended = {static_cast<std::int64_t>(1000 * sequence)};
  out.comment = "number " + std::to_string(sequence);
  return out;
}

std::unique_ptr<SqliteOutcomeStore> open_outcomes(const TempDir& folder,
                                                  SqliteOutcomeStore::Options options = {}) {
  options.gather = std::chrono::milliseconds(1);
  auto store = SqliteOutcomeStore::open(folder.path() + "/outcomes.db", log_number(1), options);
  REQUIRE_MESSAGE(store, store.error().context);
  return std::move(*store);
}

void store_outcomes(OutcomeStore& store, Lsn lsn) {
  store.mark(lsn, true);
  while (store.durable() < lsn && !store.failure()) std::this_thread::yield();
  REQUIRE_FALSE(store.failure());
}

std::string comment_of(OutcomeStore& store, std::uint64_t sequence) {
  const auto found = store.find(numbered(sequence));
  REQUIRE(found);
  return *found ? (*found)->comment : "";
}

std::vector<std::uint64_t> sequences(OutcomeStore& store, EndedQuery query) {
  std::vector<std::uint64_t> out;
  do {
    const auto page = store.list(query);
    REQUIRE_MESSAGE(page, page.error().context);
    CHECK(page->ended.size() <= query.limit);
    for (const auto& one : page->ended) out.push_back(one.gtid.sequence());
    query.after = page->next;
  } while (!query.after.empty());
  return out;
}

}  // namespace

TEST_CASE("outcomes are found in every part and after a restart, with all that was kept") {
  const TempDir folder;
  SqliteOutcomeStore::Options options;
  options.part_rows = 50;
  {
    auto store = open_outcomes(folder, options);
    auto one = ended(7, "key");
    one.outcome = Outcome::kAborted;
    one.reason = {AbortCode::kConstraint, "UNIQUE", NodeName::from_trusted("p2"), 3};
    one.protocol = CommitProtocol::kThreePhase;
    one.body_digest = "digest";
    one.began = {5};
    one.attempts = 4;
    one.next = numbered(8);
    store->add(std::move(one));
    for (std::uint64_t i = 10; i < 200; ++i) {
      store->add(ended(i));
      if (i % 20 == 0) store_outcomes(*store, {i});
    }
  }
  auto store = open_outcomes(folder, options);
  CHECK(store->durable() == Lsn{180});
  CHECK(store->use().transactions == 191);
  for (std::uint64_t i = 10; i < 200; ++i)
    CHECK(comment_of(*store, i) == "number " + std::to_string(i));
  CHECK(comment_of(*store, 8).empty());
  CHECK(store->forgotten().last.is_nil());
  const auto one = **store->find(numbered(7));
  CHECK(one.outcome == Outcome::kAborted);
  CHECK(one.reason ==
        AbortReason{AbortCode::kConstraint, "UNIQUE", NodeName::from_trusted("p2"), 3});
  CHECK(one.protocol == CommitProtocol::kThreePhase);
  CHECK(one.participants.size() == 2);
  CHECK(one.idempotency_key == "key");
  CHECK(one.body_digest == "digest");
  CHECK(one.began.unix_ms == 5);
  CHECK(one.ended.unix_ms == 7000);
  CHECK(one.attempts == 4);
  CHECK(one.next == numbered(8));
}

TEST_CASE("what is stored again counts, in whatever part") {
  const TempDir folder;
  SqliteOutcomeStore::Options options;
  options.part_rows = 2;
  auto store = open_outcomes(folder, options);
  for (std::uint64_t i = 1; i <= 6; ++i) {
    store->add(ended(i));
    auto again = ended(1);
    again.comment = std::to_string(i);
    store->add(std::move(again));
    store_outcomes(*store, {i});
    CHECK(comment_of(*store, 1) == std::to_string(i));
  }
}

TEST_CASE("a disk that is nearly full: the file does not grow, and the newest outcomes are kept") {
  const TempDir folder;
  std::atomic<std::uint64_t> free{1'000'000};
  SqliteOutcomeStore::Options options;
  options.keep_free = 500'000;
  options.free_bytes = [&] { return free.load(); };
  auto store = open_outcomes(folder, options);
  std::uint64_t last = 0;
  const auto add = [&](std::uint64_t count) {
    for (std::uint64_t n = 0; n < count; ++n) store->add(ended(++last));
    store_outcomes(*store, {last});
  };
  SUBCASE("what is old makes room") {
    add(2000);
    free = 400'000;
    add(20);
    const auto size = std::filesystem::file_size(folder.path() + "/outcomes.db");
    for (int round = 0; round < 50; ++round) add(100);
    CHECK(std::filesystem::file_size(folder.path() + "/outcomes.db") <= size + 16'384);
    CHECK(std::filesystem::file_size(folder.path() + "/outcomes.db-wal") == 0);
    CHECK(comment_of(*store, last) == "number " + std::to_string(last));
    CHECK(comment_of(*store, 1).empty());
    CHECK(store->forgotten().last >= numbered(2000));
    CHECK(store->use().dropped == 0);
  }
  SUBCASE("there is nothing old: what ends now is forgotten, and the log does not wait") {
    free = 400'000;
    add(5000);
    CHECK(store->use().dropped > 0);
    CHECK(store->durable() == Lsn{last});
    CHECK(store->forgotten().last >= numbered(last));
    free = 1'000'000;
    add(10);
    CHECK(comment_of(*store, last) == "number " + std::to_string(last));
  }
  store.reset();
  CHECK(open_outcomes(folder)->durable() == Lsn{last});
}

TEST_CASE("the oldest part goes when the budget is used up, and the store says since when") {
  const TempDir folder;
  SqliteOutcomeStore::Options options;
  options.budget = 400'000;
  std::uint64_t last = 0;
  {
    auto store = open_outcomes(folder, options);
    for (std::uint64_t i = 1; i <= 40; ++i) {
      for (std::uint64_t k = 0; k < 200; ++k) store->add(ended(++last));
      store_outcomes(*store, {i});
    }
    store_outcomes(*store, {41});
    CHECK(store->use().bytes <= options.budget);
    CHECK(store->use().bytes > options.budget / 2);
    const auto floor = store->forgotten();
    CHECK(floor.when.unix_ms == static_cast<std::int64_t>(1000 * floor.last.sequence()));
    CHECK(floor.last.sequence() > 1000);
    CHECK(comment_of(*store, floor.last.sequence()).empty());
    for (auto i = floor.last.sequence() + 1; i <= last; i += 17)
      CHECK(comment_of(*store, i) == "number " + std::to_string(i));
    CHECK(sequences(*store, {}).size() == last - floor.last.sequence());
  }
  CHECK(open_outcomes(folder, options)->forgotten().last.sequence() > 1000);
}

TEST_CASE("a list has pages and filters, and knows its own cursors") {
  const TempDir folder;
  SqliteOutcomeStore::Options options;
  options.part_rows = 30;
  auto store = open_outcomes(folder, options);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    store->add(
        ended(i, i % 10 == 0 ? "tens" : "",
              i % 2 == 0 ? std::vector<std::string>{"p1", "p22"} : std::vector<std::string>{"p2"}));
    if (i % 10 == 0) store_outcomes(*store, {i});
  }
  const auto all = sequences(*store, {});
  REQUIRE(all.size() == 100);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i] == 100 - i);
  EndedQuery few;
  few.limit = 7;
  CHECK(sequences(*store, few) == all);
  EndedQuery by_key;
  by_key.key = "tens";
  by_key.limit = 4;
  CHECK(sequences(*store, by_key).size() == 10);
  EndedQuery by_name;
  by_name.participant = "p2";
  CHECK(sequences(*store, by_name).size() == 50);
  EndedQuery late;
  late.since = {95'000};
  CHECK(sequences(*store, late) == std::vector<std::uint64_t>{100, 99, 98, 97, 96, 95});
  for (const char* wrong :
       {"x", "1:", ":", "1:zzz", "999999999999999999999:00000000000000000000000000"}) {
    EndedQuery query;
    query.after = wrong;
    const auto page = store->list(query);
    REQUIRE_FALSE(page);
    CHECK(page.error().code == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("a store that does not keep up forgets, and says so") {
  const TempDir folder;
  SqliteOutcomeStore::Options options;
  options.queue = 0;
  auto store = open_outcomes(folder, options);
  store->add(ended(5));
  CHECK(store->use().dropped == 1);
  CHECK(store->forgotten().last == numbered(5));
  CHECK(store->forgotten().when.unix_ms == 5000);
}

TEST_CASE("a store that does not fit the log starts over; one of another log is refused") {
  const TempDir folder;
  SqliteOutcomeStore::Options options;
  options.part_rows = 5;
  {
    auto store = open_outcomes(folder, options);
    for (std::uint64_t i = 1; i <= 12; ++i) {
      store->add(ended(i));
      store_outcomes(*store, {100 + i});
    }
  }
  {
    auto store = open_outcomes(folder, options);
    store->start_over({numbered(0, 2), {99}});
    CHECK(comment_of(*store, 3).empty());
    auto one = ended(1);
    one.gtid = numbered(1, 2);
    store->add(std::move(one));
    store_outcomes(*store, {3});
  }
  auto store = open_outcomes(folder, options);
  CHECK(store->durable() == Lsn{3});
  CHECK(sequences(*store, {}) == std::vector<std::uint64_t>{1});
  CHECK(store->forgotten().last == numbered(0, 2));
  CHECK(store->find(numbered(1, 2))->has_value());
  const auto other = SqliteOutcomeStore::open(folder.path() + "/outcomes.db", log_number(2), {});
  REQUIRE_FALSE(other);
  CHECK(other.error().code == ErrorCode::kFenced);
}
