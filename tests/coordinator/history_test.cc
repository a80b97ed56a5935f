// What became of transactions that ended too long ago for memory.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"
#include "tests/support/listed_outcomes.h"

namespace troth::tests {
namespace {

struct HistoryWorld {
  HistoryWorld() : world(options_with(store)) {}
  static coordinator::EngineOptions options_with(ListedOutcomes& store) {
    coordinator::EngineOptions out;
    out.outcome_store = &store;
    out.max_recent = 2;
    out.checkpoint_bytes = 2000;
    return out;
  }
  Gtid committed(const std::string& key = "") {
    const auto gtid = world.committing(key);
    world.deliver("p1", protocol::Ack{gtid});
    world.deliver("p2", protocol::Ack{gtid});
    world.sync();
    return gtid;
  }
  Gtid aborted() {
    world.submit(CoordinatorWorld::request({"p1", "p3"}));
    const auto gtid = world.last_gtid();
    world.vote("p3", gtid, Vote::kAbort);
    return gtid;
  }
  void fill() {
    for (int i = 0; i < 4; ++i) committed();
  }
  /// A restart after the store has lost what it had not stored.
  void crash() {
    store.crash();
    world.restart();
  }
  /// None of the participants knows it either.
  std::optional<Result<TransactionOutcome>> ask_everybody(const Gtid& gtid) {
    std::optional<Result<TransactionOutcome>> said;
    world.engine->inquiries().get_outcome(
        gtid, false, [&](Result<TransactionOutcome> result) { said = std::move(result); },
        world.now());
    for (const char* name : {"p1", "p2", "p3"})
      world.deliver(
          name, protocol::Recalled{
                    gtid, "", protocol::Recalled::Knows::kNothing, {}, "", Outcome::kPending, {}});
    return said;
  }
  /// The log's older part is gone for good.
  void drop_released() {
    std::erase_if(world.log.entries,
                  [&](const auto& entry) { return entry.lsn <= world.log.released; });
  }

  ListedOutcomes store;
  CoordinatorWorld world;
};

}  // namespace

TEST_CASE("what memory has forgotten is read from the store, with its first reason") {
  HistoryWorld history;
  auto& world = history.world;
  const auto yes = history.committed("key");
  const auto no = history.aborted();
  history.fill();
  CHECK(history.ask_everybody(yes)->value().forgotten_since);  // it waits to be stored
  history.store.store();
  CHECK(world.ask(yes)->value().outcome == Outcome::kCommitted);
  const auto answer = world.ask(no)->value();
  CHECK(answer.outcome == Outcome::kAborted);
  CHECK(answer.reason ==
        AbortReason{AbortCode::kConstraint, "no", NodeName::from_trusted("p3"), 0});
  const auto& stored = history.store.stored.at(yes);
  CHECK(stored.idempotency_key == "key");
  CHECK_FALSE(stored.body_digest.empty());
  CHECK(stored.participants.size() == 2);
  CHECK(stored.protocol == CommitProtocol::kTwoPhase);
  CHECK(history.store.stored.at(no).participants[1] == NodeName::from_trusted("p3"));
  history.crash();
  CHECK(world.ask(no)->value().reason.detail == "no");
}

TEST_CASE("what nobody remembers is forgotten, and never taken for aborted") {
  HistoryWorld history;
  const auto yes = history.committed();
  history.fill();
  history.store.store();
  history.store.stored.clear();
  history.store.forget({yes, {777}});
  const auto answer = history.ask_everybody(yes)->value();
  CHECK(answer.outcome == Outcome::kInDoubt);
  REQUIRE(answer.forgotten_since);
  CHECK(answer.forgotten_since->unix_ms == 777);
  history.store.broken = true;
  CHECK(history.world.ask(yes)->error().code == ErrorCode::kIo);
}

TEST_CASE("the log keeps what is not stored, and tells it again after a crash") {
  HistoryWorld history;
  auto& world = history.world;
  const auto yes = history.committed("key");
  for (int i = 0; i < 30; ++i) history.committed();
  CHECK(world.counter("checkpoints") == 1);
  CHECK(world.log.released == Lsn{});
  history.crash();
  history.store.store();
  CHECK(history.store.stored.at(yes).outcome == Outcome::kCommitted);
  CHECK(history.store.stored.at(yes).participants.size() == 2);
  CHECK(history.store.stored.at(yes).idempotency_key == "key");
  for (int i = 0; i < 30; ++i) history.committed();
  history.store.store();
  history.committed();
  CHECK(world.log.released.value > 0);
  history.drop_released();
  history.crash();
  CHECK(world.ask(yes)->value().outcome == Outcome::kCommitted);
}

TEST_CASE("a COMMIT whose answer was not noted is noted at the next start, however old it is") {
  HistoryWorld history;
  auto& world = history.world;
  auto request = CoordinatorWorld::request({"p1", "p2"});
  request.answer_at = AnswerAt::kApplied;  // answered when all have acknowledged
  request.deadline = std::chrono::minutes(10);
  world.submit(request);
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  world.sync();
  world.pass(std::chrono::milliseconds(1));
  history.store.store();
  CHECK(history.store.stored.count(gtid) == 0);
  history.crash();
  history.store.store();
  CHECK(history.store.stored.at(gtid).outcome == Outcome::kCommitted);

  // END is durable, and the crash comes before the store has it.
  history.store.stored.clear();
  world.deliver("p1", protocol::Ack{gtid});
  world.deliver("p2", protocol::Ack{gtid});
  world.sync();
  history.crash();
  history.store.store();
  CHECK(history.store.stored.at(gtid).outcome == Outcome::kCommitted);
}

TEST_CASE("what is stored is not replaced by the little that the log says") {
  HistoryWorld history;
  history.world.submit(CoordinatorWorld::request({"p2"}));
  const auto gtid = history.world.last_gtid();
  protocol::OnePhaseResult result;
  result.gtid = result.first_gtid = gtid;
  result.outcome = Outcome::kCommitted;
  history.world.deliver("p2", result);
  history.world.sync();
  history.store.store();
  CHECK(history.store.stored.at(gtid).participants.size() == 1);
  history.store.restart_behind();
  history.crash();
  history.store.store();
  CHECK(history.store.stored.at(gtid).participants.size() == 1);
  CHECK(history.store.stored.at(gtid).protocol == CommitProtocol::kOnePhase);
}

TEST_CASE("the outcome of a request follows its attempts, over restarts too") {
  HistoryWorld history;
  auto& world = history.world;
  auto request = CoordinatorWorld::request({"p1", "p2"});
  request.retries = 1;
  world.submit(request);
  const auto first = world.last_gtid();
  world.deliver("p1", protocol::Wound{first, world.minted(77), "row 1"});
  const auto second = world.last_gtid();
  REQUIRE(first != second);
  world.vote("p1", second);
  world.vote("p2", second);
  world.sync();
  world.deliver("p1", protocol::Ack{second});
  world.deliver("p2", protocol::Ack{second});
  history.fill();
  history.store.store();
  history.crash();
  const auto answer = world.ask(first)->value();
  CHECK(answer.gtid == second);
  CHECK(answer.outcome == Outcome::kCommitted);
}

TEST_CASE("a store that fails or does not keep up is told once, and holds nothing back") {
  HistoryWorld history;
  auto& world = history.world;
  history.store.dropped = 1;
  history.committed();
  CHECK(world.alarms() == 1);
  history.store.failed = true;
  for (int i = 0; i < 40; ++i) history.committed();
  CHECK(world.alarms() == 2);
  CHECK(world.log.released.value > 0);
}

TEST_CASE("a full disk waits for no history") {
  HistoryWorld history;
  auto& world = history.world;
  for (int i = 0; i < 40; ++i) history.committed();
  CHECK(world.log.released == Lsn{});
  world.log.room = false;
  world.sync();
  CHECK(world.log.released.value > 0);
}

TEST_CASE("interactive transactions that nobody committed are kept as well") {
  HistoryWorld history;
  auto& world = history.world;
  Gtid gtid;
  world.engine->conversations().begin(
      {}, [&](BeginReply reply) { gtid = reply.gtid; }, world.now());
  world.engine->conversations().rollback(
      gtid, [](SubmitReply) {}, world.now());
  history.store.store();
  CHECK(history.store.stored.at(gtid).reason.code == AbortCode::kClientCancelled);
}

}  // namespace troth::tests
