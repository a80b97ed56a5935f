// Wound-wait at the coordinator, and requests that start again with the age they have.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

using namespace troth;
using namespace troth::protocol;
using std::chrono::milliseconds;
using std::chrono::seconds;
using troth::tests::CoordinatorWorld;

namespace {

SubmitRequest retrying(std::uint32_t retries, const std::string& key = "") {
  auto out = CoordinatorWorld::request({"p1", "p2"}, key);
  out.retries = retries;
  return out;
}

}  // namespace

TEST_CASE("a wounded transaction gives way until its COMMIT record is queued, not later") {
  CoordinatorWorld world;
  const auto client = world.submit(retrying(0));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.transport.take();
  world.deliver("p1", Wound{gtid, world.minted(77), "row 1"});
  CHECK(world.outcome(client) == Outcome::kAborted);
  CHECK(world.answers[client]->outcome.reason.code == AbortCode::kDeadlock);
  CHECK(is_retryable(world.answers[client]->outcome.reason.code));
  CHECK(world.transport.names() == "ABORT p1, ABORT p2");

  const auto other = world.submit(retrying(0));
  const auto decided = world.last_gtid();
  world.vote("p1", decided);
  world.vote("p2", decided);  // COMMIT is on its way to the disk
  world.transport.take();
  world.deliver("p1", Wound{decided, world.minted(77), "row 1"});
  CHECK(world.transport.names() == "INQUIRY_REPLY p1");
  CHECK(world.counter("wounds_refused") == 1);
  world.sync();
  CHECK(world.outcome(other) == Outcome::kCommitted);
  world.transport.take();
  world.deliver("p2", Wound{decided, world.minted(77), "row 1"});
  CHECK(world.transport.names() == "COMMIT p2");  // the locks are on their way out
}

TEST_CASE("a wound for what is long over is answered like an inquiry") {
  CoordinatorWorld world;
  world.submit(retrying(0));
  const auto gtid = world.last_gtid();
  world.vote("p2", gtid, Vote::kAbort);
  world.transport.take();
  world.deliver("p1", Wound{gtid, world.minted(77), "row 1"});
  CHECK(world.transport.names() == "ABORT p1");
}

TEST_CASE("a request that lost a conflict starts again: new gtid, same age, one answer") {
  CoordinatorWorld world;
  const auto client = world.submit(retrying(2));
  const auto first = world.last_gtid();
  const auto age = world.transport.last<Prepare>().priority;
  world.transport.take();
  world.deliver("p1", Wound{first, world.minted(77), "row 1"});
  CHECK_FALSE(world.answered(client));
  const auto second = world.last_gtid();
  CHECK(second != first);
  CHECK(world.transport.last<Prepare>().priority == age);
  CHECK(world.transport.names() == "ABORT p1, ABORT p2, PREPARE p1, PREPARE p2");
  // The outcome of a request follows its attempts.
  CHECK((*world.ask(first))->outcome == Outcome::kPending);
  CHECK_FALSE(world.ask(first, true));
  world.vote("p1", second);
  world.vote("p2", second);
  world.sync();
  CHECK(world.outcome(client) == Outcome::kCommitted);
  CHECK((*world.ask(first))->outcome == Outcome::kCommitted);
  CHECK((*world.ask(first))->gtid == second);
  CHECK(world.answers[client]->outcome.gtid == second);
  CHECK(world.answers[client]->outcome.attempts == 2);
  CHECK(world.counter("retried") == 1);
  CHECK(world.counter("committed") == 1);
}

TEST_CASE("the outcome of a request follows its attempts over a restart, too") {
  CoordinatorWorld world;
  auto request = retrying(3);
  SUBCASE("two-phase") {}
  SUBCASE("three-phase, decided before the restart") {
    request.protocol = CommitProtocol::kThreePhase;
  }
  const auto client = world.submit(request);
  std::vector<Gtid> attempts;
  for (int i = 0; i < 2; ++i) {
    attempts.push_back(world.last_gtid());
    world.deliver("p1", Wound{attempts.back(), world.minted(77), "row 1"});
  }
  const auto last = world.last_gtid();
  world.vote("p1", last);
  world.vote("p2", last);
  world.sync();
  if (request.protocol) {
    world.deliver("p1", PreDecided{last, {1, world.options.name}, {1, world.options.name}});
    world.sync();
  }
  REQUIRE(world.outcome(client) == Outcome::kCommitted);
  world.sync();
  for (int i = 0; i < 2; ++i) {
    world.restart();
    for (const auto& attempt : attempts) {
      const auto said = world.ask(attempt);
      REQUIRE(said);
      CHECK((*said)->outcome == Outcome::kCommitted);
    }
  }
}

TEST_CASE("retries end, keep the deadline, and are not spent on what would fail again") {
  CoordinatorWorld world;
  const auto client = world.submit(retrying(1));
  world.deliver("p1", Wound{world.last_gtid(), world.minted(77), "row 1"});
  CHECK_FALSE(world.answered(client));
  world.deliver("p1", Wound{world.last_gtid(), world.minted(77), "row 1"});
  CHECK(world.outcome(client) == Outcome::kAborted);
  CHECK(world.answers[client]->outcome.attempts == 2);

  const auto wrong = world.submit(retrying(5));
  world.vote("p2", world.last_gtid(), Vote::kAbort);  // CONSTRAINT
  CHECK(world.outcome(wrong) == Outcome::kAborted);

  const auto slow = world.submit(retrying(5));
  world.clock = world.clock + (world.options.prepare_timeout - milliseconds(1));
  world.deliver("p1", Wound{world.last_gtid(), world.minted(77), "row 1"});
  world.pass(milliseconds(1));
  CHECK(world.outcome(slow) == Outcome::kAborted);
  CHECK(world.answers[slow]->outcome.reason.code == AbortCode::kTimeout);
}

TEST_CASE(
    "a key belongs to the last attempt: joined meanwhile, and free after a crash in between") {
  CoordinatorWorld world;
  const auto client = world.submit(retrying(3, "k"));
  const auto forced = world.log.forced();
  world.deliver("p1", Wound{world.last_gtid(), world.minted(77), "row 1"});
  CHECK(world.log.forced() == forced);  // nobody was told anything
  const auto joined = world.submit(retrying(3, "k"));
  CHECK_FALSE(world.answered(joined));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  world.vote("p2", gtid);
  world.sync();
  CHECK(world.outcome(client) == Outcome::kCommitted);
  CHECK(world.outcome(joined) == Outcome::kCommitted);
  const auto late = world.submit(retrying(3, "k"));
  CHECK(world.answers[late]->outcome.replayed);
  CHECK(world.answers[late]->outcome.gtid == gtid);

  world.submit(retrying(3, "other"));
  world.deliver("p1", Wound{world.last_gtid(), world.minted(77), "row 1"});
  world.sync();
  world.restart();
  const auto again = world.submit(retrying(3, "other"));
  CHECK_FALSE(world.answered(again));  // a new transaction, not a remembered abort
}
