// The small parts of the coordinator's engine, each alone.
#include <doctest/doctest.h>

#include "coordinator/ages.h"
#include "coordinator/ended_everywhere.h"
#include "coordinator/idempotency_keys.h"
#include "coordinator/known_outcomes.h"
#include "coordinator/own_gtids.h"
#include "coordinator/transaction_table.h"

namespace troth::coordinator {
namespace {

using namespace protocol;
using std::chrono::milliseconds;

EngineOptions options_of(Epoch epoch = {2}) {
  EngineOptions out;
  out.log_id.bytes[5] = 1;
  out.epoch = epoch;
  return out;
}
Gtid gtid_of(const EngineOptions& options, std::uint64_t sequence, Epoch epoch = {2}) {
  return {CoordinatorTag::of(options.log_id), epoch, sequence, Decider::kCoordinator};
}
TransactionOutcome committed(const Gtid& gtid) {
  TransactionOutcome out;
  out.gtid = gtid;
  out.outcome = Outcome::kCommitted;
  return out;
}

TEST_CASE("participants may forget up to the smallest gtid whose END is not durable") {
  const auto options = options_of();
  EndedEverywhere ended;
  CHECK(ended.first() == nullptr);
  ended.note(Lsn{10}, gtid_of(options, 5));
  ended.note(Lsn{20}, gtid_of(options, 3));
  ended.note(Lsn{30}, gtid_of(options, 9));
  ended.durable(Lsn{10});
  REQUIRE(ended.first() != nullptr);
  CHECK(*ended.first() == gtid_of(options, 3));
  ended.durable(Lsn{29});
  CHECK(*ended.first() == gtid_of(options, 9));
  ended.durable(Lsn{30});
  CHECK(ended.first() == nullptr);
}

TEST_CASE("no record means aborted only for what this log would have recorded") {
  const auto options = options_of();
  recovery::Lives lives;
  OwnGtids own(options, lives);
  const auto first = own.mint(Decider::kCoordinator);
  CHECK(first == gtid_of(options, 1));
  CHECK(own.may_presume(first));
  CHECK_FALSE(own.minted(own.next()));
  CHECK_FALSE(own.may_presume(own.mint(Decider::kParticipant)));
  CHECK(own.may_presume(gtid_of(options, 900, {1})));
  lives.begin({1}, {5});
  CHECK(own.may_presume(gtid_of(options, 900, {1})));
  CHECK_FALSE(own.minted(gtid_of(options, 1, {3})));
  auto other = options;
  other.log_id.bytes[5] = 2;
  CHECK_FALSE(own.minted(gtid_of(other, 1)));
  AdoptedRecord adopted;
  adopted.below = {2};
  own.adopt(adopted);
  CHECK_FALSE(own.may_presume(gtid_of(options, 900, {1})));
  CHECK(own.may_presume(first));
}

TEST_CASE("what is forgotten is below the horizon, and never the newest outcomes") {
  auto options = options_of();
  options.max_recent = 2;
  KnownOutcomes outcomes(options);
  for (std::uint64_t n = 1; n <= 3; ++n)
    outcomes.remember(committed(gtid_of(options, n)), nullptr, {});
  CHECK_FALSE(outcomes.outcome_of(gtid_of(options, 1)));
  CHECK(outcomes.is_forgotten(gtid_of(options, 1)));
  CHECK_FALSE(outcomes.is_forgotten(gtid_of(options, 2)));
  CHECK(outcomes.outcome_of(gtid_of(options, 3))->outcome == Outcome::kCommitted);
}

TEST_CASE("who waits for an outcome hears it once") {
  const auto options = options_of();
  KnownOutcomes outcomes(options);
  int heard = 0;
  outcomes.await(gtid_of(options, 1), [&](const Result<TransactionOutcome>&) { ++heard; });
  outcomes.tell(committed(gtid_of(options, 2)), gtid_of(options, 2));
  CHECK(heard == 0);
  outcomes.tell(committed(gtid_of(options, 1)), gtid_of(options, 1));
  outcomes.tell(committed(gtid_of(options, 1)), gtid_of(options, 1));
  CHECK(heard == 1);
}

TEST_CASE("a finished key is known for its retention, over a checkpoint too") {
  auto options = options_of();
  options.key_retention = milliseconds(100);
  IdempotencyKeys keys(options);
  keys.start("k", gtid_of(options, 1), "body");
  REQUIRE(keys.in_flight("k") != nullptr);
  CHECK(keys.find("k", Now{}) == nullptr);
  keys.finish("k", committed(gtid_of(options, 1)), {}, {1000});
  keys.end("k");
  CHECK(keys.in_flight("k") == nullptr);
  REQUIRE(keys.find("k", Now{{}, {1099}}) != nullptr);
  CHECK(keys.find("k", Now{{}, {1099}})->body_digest == "body");
  int copied = 0;
  keys.copy_forward({{}, {1099}}, [&](const KeyRecord&) { ++copied; });
  CHECK(copied == 1);
  keys.copy_forward({{}, {1100}}, [&](const KeyRecord&) { ++copied; });
  CHECK(copied == 1);
  CHECK(keys.find("k", Now{{}, {1100}}) == nullptr);
}

TEST_CASE("the age of a transaction that lost a conflict is the first one") {
  const auto options = options_of();
  Ages ages;
  ages.remember(gtid_of(options, 1), {5, gtid_of(options, 1)});
  ages.remember(gtid_of(options, 1), {9, gtid_of(options, 1)});
  REQUIRE(ages.find(gtid_of(options, 1)) != nullptr);
  CHECK(ages.find(gtid_of(options, 1))->start_unix_ms == 5);
  CHECK(ages.find(gtid_of(options, 2)) == nullptr);
}

TEST_CASE("an erased transaction rings no more, and a postponed one rings when it wants") {
  const auto options = options_of();
  TransactionTable table;
  const auto start = [&](std::uint64_t n, MonotonicTime deadline) -> Transaction& {
    GlobalCommit::Setup setup;
    setup.gtid = gtid_of(options, n);
    setup.deadline = deadline;
    return table.start<GlobalCommit>(std::move(setup), gtid_of(options, n));
  };
  auto& first = start(1, {});
  start(2, {});
  table.schedule(first, first.gtid(), MonotonicTime{milliseconds(5)});
  CHECK(table.next_wake() == MonotonicTime{milliseconds(5)});
  table.erase(gtid_of(options, 1));
  CHECK_FALSE(table.next_wake());
  CHECK(table.take_due(MonotonicTime{milliseconds(9)}) == nullptr);
  CHECK(table.size() == 1);
  CHECK(table.find(gtid_of(options, 1)) == nullptr);
}

TEST_CASE("a timeline keeps its first events and says who did what") {
  const auto p1 = NodeName::from_trusted("p1");
  const Gtid older({}, Epoch{1}, 1, Decider::kCoordinator);
  Timeline timeline;
  timeline.note({TimelineEvent::Kind::kVote, "YES", &p1, {}, milliseconds(1)});
  timeline.note({TimelineEvent::Kind::kRecord, "COMMIT", nullptr, Lsn{77}, milliseconds(2)});
  timeline.note({TimelineEvent::Kind::kWound, {}, &p1, {}, milliseconds(3)});
  for (int i = 0; i < 100; ++i) timeline.note({TimelineEvent::Kind::kState, "late", {}, {}, {}});
  const auto lines = timeline.lines(&older);
  REQUIRE(lines.size() == 32);
  CHECK(lines[0] == "+1.000 ms  vote YES from p1");
  CHECK(lines[1] == "+2.000 ms  COMMIT appended at LSN 77");
  CHECK(lines[2] == "+3.000 ms  wounded by " + older.text() + ", which waits at p1");
}

}  // namespace
}  // namespace troth::coordinator
