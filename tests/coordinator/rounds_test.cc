// What every round of the coordinator's engine promises, and what of a peer reaches its parts.
#include <doctest/doctest.h>

#include "tests/coordinator/coordinator_world.h"

namespace troth::tests {
namespace {

using namespace protocol;
using coordinator::EngineOptions;

/// Notes the order of what a round does to the disk and the network.
class OrderedLog final : public RecordLog {
 public:
  Lsn append(RecordType, std::string_view payload, Force) override {
    appended_.value += payload.size();
    return appended_;
  }
  Lsn appended() const override { return appended_; }
  Lsn durable() const override { return durable_; }
  void release_below(Lsn) override {}
  std::uint64_t bytes_after(Lsn ticket) const override { return appended_.value - ticket.value; }
  void flush() override { done += "flush "; }
  std::optional<Lsn> force_here() override {
    done += "force ";
    return durable_ = appended_;
  }
  bool forces_quickly() const override { return false; }

  std::string done;

 private:
  Lsn appended_, durable_;
};

TEST_CASE(
    "a quiet engine forces its log itself, after the messages; a busy one lets the log work") {
  OrderedLog log;
  RecordingTransport transport;
  EngineOptions options;
  options.name = NodeName::from_trusted("c1");
  options.epoch = {1};
  for (const char* name : {"p1", "p2"})
    options.participants[NodeName::from_trusted(name)] = "127.0.0.1:1";
  coordinator::Engine engine(options, log, transport, Logger());
  const Now now{MonotonicTime{std::chrono::seconds(5)}, {5000}};
  engine.adopt({}, now);

  engine.submissions().submit(
      CoordinatorWorld::request({"p1", "p2"}), [](SubmitReply) {}, now);
  CHECK(engine.alone());
  engine.end_of_round(now);
  CHECK(log.done == "force ");
  CHECK(engine.take_forced() == log.durable());
  CHECK_FALSE(engine.take_forced());  // once

  for (int i = 0; i < 3; ++i)
    engine.submissions().submit(
        CoordinatorWorld::request({"p1", "p2"}), [](SubmitReply) {}, now);
  CHECK_FALSE(engine.alone());
  log.done.clear();
  engine.end_of_round(now);
  CHECK(log.done == "flush ");
  CHECK_FALSE(engine.take_forced());
}

TEST_CASE("a checkpoint begins no further than what was acted on, however far the log is durable") {
  EngineOptions options;
  options.checkpoint_bytes = 300;
  CoordinatorWorld world(options);
  world.committing();
  const Lsn acted_on = world.log.durable();
  while (world.counter("checkpoints") == 0) {
    world.submit(CoordinatorWorld::request({"p1", "p2"}));
    const auto gtid = world.last_gtid();
    world.vote("p1", gtid);
    world.vote("p2", gtid);
    REQUIRE(world.log.appended().value < 100'000);
  }
  world.log.sync();  // the engine has not been told
  world.engine->end_of_round(world.now());
  CHECK(world.log.released == acted_on);
}

TEST_CASE("nothing of a refused peer reaches a transaction") {
  CoordinatorWorld world;
  const auto number = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  const auto gtid = world.last_gtid();
  world.vote("p1", gtid);
  REQUIRE(world.greet("p2", {3}) == HelloVerdict::kWelcome);
  VoteMessage vote;
  vote.gtid = gtid;
  vote.vote = Vote::kCommit;
  vote.voter = {CoordinatorWorld::id_of("p2"), {2}, {100}};
  vote.results.resize(1);
  world.deliver("p2", vote, {2});  // of an earlier start
  world.sync();
  CHECK(world.counter("stale_refused") == 1);
  CHECK(world.counter("committed") == 0);
  CHECK((!world.answered(number) || world.outcome(number) == Outcome::kAborted));
}

TEST_CASE("a reload adds participants, keeps those that it does not name, and sets the limits") {
  CoordinatorWorld world;
  const auto p4 = NodeName::from_trusted("p4");
  const auto before = world.submit(CoordinatorWorld::request({"p1", "p4"}));
  REQUIRE(world.answered(before));
  CHECK(world.answers[before]->refusal->code == AbortCode::kUnknownParticipant);
  world.engine->reload({{{p4, "127.0.0.1:4"}}, std::chrono::seconds(7), 1});
  world.connect("p4", true);
  const auto after = world.submit(CoordinatorWorld::request({"p1", "p4"}));
  CHECK_FALSE(world.answered(after));
  CHECK(world.transport.last<Prepare>().time_left > std::chrono::seconds(6));
  const auto second = world.submit(CoordinatorWorld::request({"p1", "p2"}));
  REQUIRE(world.answered(second));
  CHECK(world.answers[second]->refusal->code == AbortCode::kBusy);
}

}  // namespace
}  // namespace troth::tests
