// A branch that executes piece by piece: repetitions, restarts and everything that may come late.
#include <doctest/doctest.h>

#include "protocol/branch.h"

namespace branch_interactive_test {

using namespace troth;
using namespace troth::protocol;

namespace {

const NodeName kCoordinator = NodeName::from_trusted("c1");
const Gtid kGtid({1}, {1}, 1, Decider::kCoordinator);
constexpr MonotonicTime kStart{std::chrono::seconds(100)};
const BranchSettings kSettings{NodeName::from_trusted("p1"), {{}, {7}, {}}, {}};

Branch::ExecuteArrived execute(std::uint32_t number) {
  Execute message;
  message.gtid = kGtid;
  message.number = number;
  message.time_left = std::chrono::seconds(30);
  return {message, Member{kCoordinator, {}, {1}, ""}, {}};
}
Branch::PrepareArrived prepare(std::uint32_t executed) {
  Prepare message;
  message.gtid = kGtid;
  message.time_left = std::chrono::seconds(2);
  message.executed = executed;
  return {message, Member{kCoordinator, {}, {1}, ""}, {}};
}
Branch::ExecutionEnded piece(std::int64_t value) {
  return {Vote::kReadOnly, {}, {}, {StatementResult{{"v"}, {{value}}, 0}}};
}
Branch fresh() {
  return Branch(kSettings, kGtid, Branch::Kind::kTwoPhase);
}
Branch open_after(std::uint32_t executes) {
  auto branch = fresh();
  for (std::uint32_t i = 1; i <= executes; ++i) {
    CHECK(branch.step(execute(i), kStart).job == BranchJob::kExecute);
    branch.step(piece(i), kStart);
  }
  CHECK(branch.state() == Branch::State::kOpen);
  return branch;
}
const ExecuteResult& result_of(const BranchEffects& effects) {
  REQUIRE(effects.promises.size() == 1);
  return std::get<ExecuteResult>(effects.promises[0].message);
}
Vote vote_of(const BranchEffects& effects) {
  REQUIRE(effects.promises.size() == 1);
  return std::get<VoteMessage>(effects.promises[0].message).vote;
}

}  // namespace

TEST_CASE("pieces are executed once each, whatever is repeated, and prepared as a whole") {
  auto branch = fresh();
  CHECK(branch.step(execute(1), kStart).job == BranchJob::kExecute);
  CHECK(branch.step(execute(1), kStart).job == BranchJob::kNone);  // it is being done
  const auto first = branch.step(piece(11), kStart);
  CHECK(result_of(first).number == 1);
  CHECK(result_of(first).executor.epoch == Epoch{7});
  CHECK(first.job == BranchJob::kNone);
  const auto again = branch.step(execute(1), kStart);
  CHECK(result_of(again).results == result_of(first).results);
  CHECK(branch.step(execute(2), kStart).job == BranchJob::kExecute);
  CHECK(branch.step(execute(1), kStart).promises.empty());  // a very late repetition
  branch.step(piece(12), kStart);
  const auto finishing = branch.step(prepare(2), kStart);
  CHECK(finishing.job == BranchJob::kFinish);
  CHECK(finishing.promises.empty());
  CHECK(branch.step(execute(2), kStart).promises.empty());
  const auto prepared = branch.step(Branch::ExecutionEnded{Vote::kCommit, {}, "redo", {}}, kStart);
  CHECK(vote_of(prepared) == Vote::kCommit);
  REQUIRE(prepared.prepared != nullptr);
  CHECK(prepared.prepared->redo == "redo");
  branch.step(Branch::RecordDurable{}, kStart);
  CHECK(vote_of(branch.step(prepare(2), kStart)) == Vote::kCommit);
  CHECK(branch.in_doubt());
}

TEST_CASE("a restart loses an open branch, and nothing of it is ever begun anew") {
  auto later = fresh();
  const auto refused = later.step(execute(2), kStart);
  CHECK(result_of(refused).reason.code == AbortCode::kStaleEpoch);
  CHECK(later.state() == Branch::State::kAborted);
  CHECK(result_of(later.step(execute(2), kStart)).reason.code == AbortCode::kStaleEpoch);

  auto unknown = fresh();
  CHECK(vote_of(unknown.step(prepare(1), kStart)) == Vote::kAbort);  // never an empty yes

  // The first EXECUTE was repeated by the network after the restart: too little is there.
  auto repeated = open_after(1);
  CHECK(vote_of(repeated.step(prepare(2), kStart)) == Vote::kAbort);
  auto gap = open_after(1);
  CHECK(result_of(gap.step(execute(3), kStart)).reason.code == AbortCode::kStaleEpoch);
}

TEST_CASE("an open branch ends by an ABORT, a wound, a failure or its deadline") {
  const Decide abort{kGtid, Decision::kAbort, {}, {AbortCode::kClientCancelled, "", {}, -1}};
  auto rolled_back = open_after(1);
  CHECK(rolled_back.step(Branch::Decided{kCoordinator, abort}, kStart).job == BranchJob::kDiscard);
  CHECK(rolled_back.is_over());
  CHECK(result_of(rolled_back.step(execute(2), kStart)).reason.code == AbortCode::kClientCancelled);

  auto wounded = open_after(1);
  const auto dropped =
      wounded.step(Branch::Dropped{{AbortCode::kDeadlock, "gave way", {}, -1}}, kStart);
  CHECK(dropped.job == BranchJob::kDiscard);
  CHECK(result_of(dropped).reason.code == AbortCode::kDeadlock);
  CHECK(vote_of(wounded.step(prepare(1), kStart)) == Vote::kAbort);

  auto failing = fresh();
  failing.step(execute(1), kStart);
  const auto failed = failing.step(
      Branch::ExecutionEnded{Vote::kAbort, {AbortCode::kConstraint, "no", {}, 0}, {}, {}}, kStart);
  CHECK(result_of(failed).reason.code == AbortCode::kConstraint);

  auto late = open_after(1);
  const auto ended = late.step(Branch::Tick{}, kStart + std::chrono::seconds(30));
  CHECK(result_of(ended).reason.code == AbortCode::kTimeout);
}

TEST_CASE("an open branch that hears nothing asks, because its ABORT may have been lost") {
  auto branch = open_after(1);
  REQUIRE(branch.next_wake());
  const auto asked = branch.step(Branch::Tick{}, *branch.next_wake());
  REQUIRE(asked.now.size() == 1);
  CHECK(std::holds_alternative<Inquire>(asked.now[0].message));
  CHECK(branch.state() == Branch::State::kOpen);
  CHECK(branch.next_wake());
}

TEST_CASE("a prepared branch is wounded through its coordinator only") {
  auto branch = open_after(1);
  branch.step(prepare(1), kStart);
  branch.step(Branch::ExecutionEnded{Vote::kCommit, {}, "redo", {}}, kStart);
  branch.step(Branch::RecordDurable{}, kStart);
  branch.step(Branch::Dropped{{AbortCode::kDeadlock, "", {}, -1}}, kStart);
  CHECK(branch.in_doubt());
}

}  // namespace branch_interactive_test
