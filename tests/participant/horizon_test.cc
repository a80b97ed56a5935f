#include "participant/horizon.h"

#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::participant;
using namespace troth::tests;

namespace {

Gtid numbered(std::uint64_t sequence, std::uint32_t epoch = 1) {
  return {{1}, {epoch}, sequence, Decider::kCoordinator};
}

BatchHeader claim(const Gtid& below, std::uint32_t version = 0) {
  BatchHeader header;
  header.position.epoch = below.epoch();
  header.ended_below = below;
  header.unfinished_version = version;
  return header;
}

BatchHeader claim(const Gtid& below, std::uint32_t version, std::vector<Gtid> unfinished) {
  auto header = claim(below, version);
  header.unfinished = std::make_shared<const std::vector<Gtid>>(std::move(unfinished));
  return header;
}

}  // namespace

TEST_CASE("what is unfinished is not ended, until a newer list says so") {
  RecordingLog log;
  Horizon horizon(log);
  CHECK(horizon.advance(claim(numbered(100), 1, {numbered(5)})));
  CHECK(horizon.ended(numbered(4)));
  CHECK_FALSE(horizon.ended(numbered(5)));
  CHECK_FALSE(horizon.ended(numbered(100)));
  CHECK(horizon.advance(claim(numbered(200), 1)));  // the same list
  CHECK_FALSE(horizon.ended(numbered(5)));
  CHECK(horizon.advance(claim(numbered(200), 2, {})));
  CHECK(horizon.ended(numbered(5)));
}

TEST_CASE("a claim whose list has not arrived changes nothing") {
  RecordingLog log;
  Horizon horizon(log);
  CHECK_FALSE(horizon.advance(claim(numbered(100), 1)));
  CHECK_FALSE(horizon.ended(numbered(4)));
  CHECK(horizon.advance(claim(numbered(100), 1, {numbered(5)})));
  CHECK_FALSE(horizon.advance(claim(numbered(200), 2)));
  CHECK_FALSE(horizon.ended(numbered(150)));
  CHECK_FALSE(horizon.advance(claim(numbered(50, 2), 1)));  // of another epoch
  CHECK(horizon.advance(claim(numbered(50, 2))));
  CHECK(horizon.ended(numbered(5)));
}

TEST_CASE("a late header brings nothing back") {
  RecordingLog log;
  Horizon horizon(log);
  CHECK(horizon.advance(claim(numbered(200), 2, {})));
  CHECK_FALSE(horizon.advance(claim(numbered(100), 1, {numbered(5)})));
  CHECK_FALSE(horizon.advance(claim(numbered(200), 1, {numbered(5)})));
  CHECK(horizon.ended(numbered(5)));
}

TEST_CASE("what was ended once stays ended, in whatever order headers come") {
  RecordingLog log;
  Horizon horizon(log);
  CHECK(horizon.advance(claim(numbered(200), 4, {numbered(8), numbered(150)})));
  CHECK(horizon.ended(numbered(120)));
  CHECK(horizon.advance(claim(numbered(100), 5, {numbered(9)})));  // newer, with less below it
  CHECK(horizon.ended(numbered(8)));
  CHECK(horizon.ended(numbered(9)));  // the first header said so
  CHECK(horizon.ended(numbered(120)));
  CHECK_FALSE(horizon.ended(numbered(150)));
  CHECK_FALSE(horizon.advance(claim(numbered(200), 4, {numbered(8), numbered(150)})));
  CHECK(horizon.ended(numbered(8)));
}

TEST_CASE("the log never says that something unfinished is ended") {
  RecordingLog log;
  Horizon horizon(log);
  CHECK(horizon.advance(claim(numbered(9000), 1, {numbered(3000)})));
  horizon.note(numbered(1).tag());
  recovery::ParticipantTables tables;
  for (const auto& entry : log.entries)
    CHECK(recovery::replay(tables,
                           {entry.lsn, static_cast<std::uint8_t>(entry.type), entry.payload}));
  const auto& logged = tables.ended.at(numbered(1).tag());
  CHECK_FALSE(logged.ended(numbered(3000)));
  CHECK(logged.ended(numbered(2999)));
  CHECK(logged.ended(numbered(8999)));
}

TEST_CASE("a checkpoint writes down every claim, however little it moved") {
  RecordingLog log;
  Horizon horizon(log);
  CHECK(horizon.advance(claim(numbered(3))));
  horizon.note(numbered(1).tag());
  CHECK(log.entries.empty());
  CHECK(horizon.advance(claim(numbered(2, 2))));
  horizon.copy_forward();
  recovery::ParticipantTables tables;
  for (const auto& entry : log.entries)
    CHECK(recovery::replay(tables,
                           {entry.lsn, static_cast<std::uint8_t>(entry.type), entry.payload}));
  Horizon next(log);
  next.adopt(tables.ended);
  const Gtid one_phase({1}, {1}, 2, Decider::kParticipant);
  CHECK(next.ended(one_phase));
  CHECK(next.ended(numbered(50, 1)));
  CHECK_FALSE(next.ended(Gtid({1}, {1}, 3, Decider::kParticipant)));
}

TEST_CASE("unconfirmed one-phase outcomes have a bound; the oldest epochs are forgotten") {
  RecordingLog log;
  Horizon horizon(log);
  const auto tag = numbered(1).tag();
  CHECK(horizon.advance(claim(numbered(1, 9))));
  CHECK_FALSE(horizon.forget_unconfirmed(tag, {{{3}, 10}, {{4}, Horizon::kMostUnconfirmed - 10}}));
  CHECK(horizon.forget_unconfirmed(tag, {{{2}, 1}, {{3}, 10}, {{4}, Horizon::kMostUnconfirmed}}));
  CHECK(horizon.ended(Gtid(tag, {3}, 7, Decider::kParticipant)));
  CHECK_FALSE(horizon.ended(Gtid(tag, {4}, 7, Decider::kParticipant)));
}

TEST_CASE("an old interactive transaction may reach a participant that has forgotten newer ones") {
  EngineWorld world;
  world.deliver(world.abort(world.two_phase(9)));
  const auto old = world.two_phase(3);
  Batch batch;
  batch.header = claim(world.two_phase(10), 1, {old});
  batch.header.sender = world.c1;
  batch.header.position = {world.coordinator_id, {1}, {100}};
  batch.header.receiver_epoch = world.options.epoch;
  world.engine->on_batch(batch, world.now());
  CHECK(world.engine->list({TransactionFilter::kAll, 10, ""}, world.now())->transactions.empty());
  Execute first;
  first.gtid = old;
  first.time_left = std::chrono::seconds(5);
  first.statements = {{"UPDATE t SET v = 1", {}, {}}};
  world.deliver(first);
  CHECK(world.worker.names() != "");
  first.gtid = world.two_phase(4);
  world.deliver(first);
  CHECK(world.worker.names() == "");
}
