// Open branches in the agent's engine: admission, wounds, orphans, and when their answers may
// leave.
#include <doctest/doctest.h>

#include "tests/participant/engine_world.h"

using namespace troth;
using namespace troth::protocol;
using namespace troth::participant;
using std::chrono::milliseconds;
using troth::tests::EngineWorld;

namespace {

Execute execute(const Gtid& gtid, std::uint32_t number, std::int64_t age = 1) {
  Execute message;
  message.gtid = gtid;
  message.number = number;
  message.priority = {age, gtid};
  message.time_left = std::chrono::seconds(30);
  message.statements = {{"UPDATE t SET v = 1", {}, {}}};
  return message;
}
void open(EngineWorld& world, const Gtid& gtid, std::int64_t age) {
  world.deliver(execute(gtid, 1, age));
  world.executed(gtid, Vote::kReadOnly);
  world.transport.take();
  world.worker.jobs.clear();
}

}  // namespace

TEST_CASE("an open branch executes, prepares and commits like any other") {
  EngineWorld world;
  const auto gtid = world.two_phase(1);
  world.deliver(execute(gtid, 1));
  REQUIRE(world.worker.jobs.size() == 1);
  CHECK(std::get<ExecuteJob>(world.worker.jobs[0]).request.open);
  world.executed(gtid, Vote::kReadOnly);
  CHECK(world.transport.names() == "EXECUTE_RESULT c1");
  CHECK(world.log.forced() == 0);
  world.worker.jobs.clear();
  auto prepare = world.prepare(gtid);
  prepare.statements.clear();
  prepare.executed = 1;
  world.deliver(prepare);
  REQUIRE(world.worker.jobs.size() == 1);
  CHECK_FALSE(std::get<ExecuteJob>(world.worker.jobs[0]).request.open);
  CHECK(std::get<ExecuteJob>(world.worker.jobs[0]).request.statements.empty());
  world.executed(gtid, Vote::kCommit);
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.names() == "VOTE c1");
  world.deliver(EngineWorld::commit(gtid));
  world.sync();
  CHECK(world.transport.names() == "ACK c1");
}

TEST_CASE("rows that a power cut could take back do not leave") {
  EngineWorld world;
  const auto one = world.one_phase(5), gtid = world.two_phase(1);
  world.deliver(world.commit_one_phase(one));
  world.executed(one, Vote::kCommit);  // committed here, its record is not durable
  world.deliver(execute(gtid, 1));
  world.executed(gtid, Vote::kReadOnly);
  CHECK(world.transport.names() == "");
  world.sync();
  CHECK(world.transport.names() == "ONE_PHASE_RESULT c1, EXECUTE_RESULT c1");
}

TEST_CASE("an open branch gives way to an older transaction at once, without its coordinator") {
  EngineWorld world;
  const auto younger = world.two_phase(2), older = world.two_phase(1);
  open(world, younger, 20);
  world.deliver(execute(older, 1, 10));
  world.worker.jobs.clear();
  world.worker_says(Waiting{older, {younger}, "row 1"});
  world.pass(world.options.wound_after);
  CHECK(world.worker.names() == "discard");
  CHECK(world.transport.last<ExecuteResult>().reason.code == AbortCode::kDeadlock);
  CHECK(world.counter("wounded") == 1);
  CHECK(world.counter("wounds_sent") == 0);
}

TEST_CASE("a waiting branch that holds locks gives way too; one that holds none does not") {
  EngineWorld world;
  const auto younger = world.two_phase(2), older = world.two_phase(1), shot = world.two_phase(3);
  open(world, younger, 20);
  world.deliver(execute(younger, 2, 20));
  world.worker_says(Waiting{younger, {older}, "row 2"});
  auto prepare = world.prepare(shot);
  prepare.priority = {30, shot};
  world.deliver(prepare);
  world.worker_says(Waiting{shot, {older}, "row 2"});
  world.deliver(execute(older, 1, 10));
  world.worker.jobs.clear();
  world.transport.take();
  world.worker_says(Waiting{older, {younger, shot}, "row 1"});
  world.pass(world.options.wound_after);
  CHECK(world.worker.names() == "discard");
  CHECK(world.transport.last<ExecuteResult>().gtid == younger);
}

TEST_CASE("when its coordinator has restarted an open branch is dropped, a prepared one is not") {
  EngineWorld world;
  const auto gtid = world.two_phase(1), prepared = world.two_phase(2);
  open(world, gtid, 1);
  world.bring_to_prepared(prepared);
  world.hello({2});
  CHECK(world.worker.names() == "discard");
  CHECK(world.engine->status(world.now()).in_doubt == 1);
}

TEST_CASE("a restart of the participant is told to whoever goes on") {
  EngineWorld world;
  const auto gtid = world.two_phase(1);
  open(world, gtid, 1);
  world.restart();
  world.hello();
  world.transport.take();
  world.deliver(execute(gtid, 2));
  CHECK(world.transport.last<ExecuteResult>().reason.code == AbortCode::kStaleEpoch);
  CHECK(is_retryable(AbortCode::kStaleEpoch));
  const auto other = world.two_phase(3);
  auto prepare = world.prepare(other);
  prepare.statements.clear();
  prepare.executed = 2;
  world.deliver(prepare);
  CHECK(world.transport.last<VoteMessage>().vote == Vote::kAbort);
}

TEST_CASE("the first statement may be refused like any other work") {
  EngineOptions options;
  options.max_branches = 1;
  EngineWorld world(options);
  open(world, world.two_phase(1), 1);
  world.deliver(execute(world.two_phase(2), 1));
  CHECK(world.transport.last<ExecuteResult>().reason.code == AbortCode::kBusy);
  CHECK(world.worker.names() == "");
}

TEST_CASE("every branch shows what itself has executed, whatever it shares with others") {
  EngineWorld world;
  using Texts = std::vector<std::string>;
  const auto shown = [&](const Gtid& gtid) {
    return world.engine->show(gtid.text(), world.now())->branches.at(0).statements;
  };
  const auto prepare = [&](std::uint64_t sequence, const Texts& texts) {
    auto message = world.prepare(world.two_phase(sequence));
    message.statements.clear();
    for (const auto& text : texts) message.statements.push_back({text, {}, {}});
    world.deliver(message);
    return message.gtid;
  };
  const Texts one{"UPDATE t SET v = 1"}, two{"UPDATE t SET v = 1", "DELETE FROM t"};
  const auto first = prepare(1, one), same = prepare(2, one), longer = prepare(3, two);
  const auto many = prepare(4, Texts(130, "SELECT 1")),
             large = prepare(5, {Texts{std::string(5000, 'x')}});
  const auto open = world.two_phase(6);
  world.deliver(execute(open, 1));
  world.executed(open, Vote::kReadOnly);
  world.deliver(execute(open, 2));
  CHECK(shown(first) == one);
  CHECK(shown(same) == one);
  CHECK(shown(longer) == two);
  CHECK(shown(many) == Texts(100, "SELECT 1"));
  CHECK(shown(large).at(0).size() == 5000);
  CHECK(shown(open) == Texts(2, "UPDATE t SET v = 1"));
  CHECK(shown(prepare(7, one)) == one);
}
