#include "protocol/branch.h"

#include <doctest/doctest.h>

namespace branch_test {

using namespace troth;
using namespace troth::protocol;

namespace {

NodeName name(const char* text) {
  return NodeName::from_trusted(text);
}
const Gtid kGtid({1}, {1}, 1, Decider::kCoordinator);
const Gtid kOnePhaseGtid({1}, {1}, 2, Decider::kParticipant);
constexpr MonotonicTime kStart{std::chrono::seconds(100)};
const BranchSettings kSettings{name("p1"), {{}, {1}, {}}, {}};

Branch::PrepareArrived prepare() {
  Prepare message;
  message.gtid = kGtid;
  message.time_left = std::chrono::seconds(2);
  return {message, Member{name("c1"), {}, {1}, ""}, {}};
}

Branch::OnePhase one_phase(AnswerAt answer_at = AnswerAt::kDecided) {
  CommitOnePhase message;
  message.gtid = kOnePhaseGtid;
  message.time_left = std::chrono::seconds(2);
  message.answer_at = answer_at;
  return {name("c1"), message, {}};
}

Branch::ExecutionEnded executed(Vote vote) {
  return {vote, {}, "redo", {StatementResult{}}};
}

Branch::Decided decided(Decision decision, AnswerAt ack_at = AnswerAt::kDecided) {
  return {name("c1"), Decide{kGtid, decision, ack_at, {}}};
}

Branch executing() {
  Branch branch(kSettings, kGtid, Branch::Kind::kTwoPhase);
  CHECK(branch.step(prepare(), kStart).job == BranchJob::kExecute);
  return branch;
}

Branch prepared() {
  auto branch = executing();
  branch.step(executed(Vote::kCommit), kStart);
  branch.step(Branch::RecordDurable{}, kStart);
  CHECK(branch.state() == Branch::State::kPrepared);
  return branch;
}

}  // namespace

TEST_CASE("the yes-vote is a promise of the step that appends PREPARED") {
  auto branch = executing();
  const auto out = branch.step(executed(Vote::kCommit), kStart);
  REQUIRE(out.prepared != nullptr);
  CHECK(force_of(*out.prepared) == Force::kYes);
  CHECK(out.prepared->redo == "redo");
  CHECK_FALSE(out.append.has_value());
  CHECK(out.now.empty());
  REQUIRE(out.promises.size() == 1);
  CHECK(std::get<VoteMessage>(out.promises[0].message).vote == Vote::kCommit);
}

TEST_CASE("the ack is a promise of the step that appends COMMITTED; the apply is not waited for") {
  auto branch = prepared();
  const auto out = branch.step(decided(Decision::kCommit), kStart);
  CHECK(out.job == BranchJob::kApply);
  CHECK(std::holds_alternative<CommittedRecord>(*out.append));
  REQUIRE(out.promises.size() == 1);
  CHECK(std::holds_alternative<Ack>(out.promises[0].message));
}

TEST_CASE("ack_at applied waits for the file as well") {
  auto branch = prepared();
  CHECK(branch.step(decided(Decision::kCommit, AnswerAt::kApplied), kStart).promises.empty());
  CHECK(branch.step(Branch::RecordDurable{}, kStart).promises.empty());
  CHECK(branch.step(Branch::FileFlushed{}, kStart).promises.size() == 1);
  CHECK(branch.is_over());
}

TEST_CASE("a prepared branch never ends by time: it asks, for ever, ever more slowly") {
  auto branch = prepared();
  MonotonicTime now = kStart;
  for (int i = 0; i < 200; ++i) {
    REQUIRE(branch.next_wake().has_value());
    now = *branch.next_wake();
    const auto out = branch.step(Branch::Tick{}, now);
    REQUIRE(out.now.size() == 1);
    CHECK(std::holds_alternative<Inquire>(out.now[0].message));
    CHECK(branch.state() == Branch::State::kPrepared);
  }
}

TEST_CASE("an executing branch does end by time, with a NO") {
  auto branch = executing();
  const auto out = branch.step(Branch::Tick{}, kStart + std::chrono::seconds(2));
  CHECK(std::get<VoteMessage>(out.promises.at(0).message).vote == Vote::kAbort);
  CHECK(out.job == BranchJob::kDiscard);
  CHECK(branch.step(executed(Vote::kCommit), kStart).job == BranchJob::kDiscard);
  CHECK(branch.state() == Branch::State::kAborted);
}

TEST_CASE("contradictions are loud and change nothing") {
  auto committed = prepared();
  committed.step(decided(Decision::kCommit), kStart);
  committed.step(Branch::RecordDurable{}, kStart);
  CHECK(committed.step(decided(Decision::kAbort), kStart).alarm.has_value());
  CHECK(committed.state() == Branch::State::kCommitted);

  auto aborted = prepared();
  aborted.step(decided(Decision::kAbort), kStart);
  CHECK(aborted.step(decided(Decision::kCommit), kStart).alarm.has_value());
  CHECK(aborted.state() == Branch::State::kAborted);

  auto running = executing();
  CHECK(running.step(decided(Decision::kCommit), kStart).alarm.has_value());
}

TEST_CASE("a tombstone refuses a late PREPARE") {
  auto branch = Branch::tombstone(kSettings, kGtid, {AbortCode::kTombstone, "", {}, -1});
  const auto out = branch.step(prepare(), kStart);
  CHECK(out.job == BranchJob::kNone);
  CHECK(std::get<VoteMessage>(out.promises.at(0).message).vote == Vote::kAbort);
}

TEST_CASE("read-only keeps its locks until released, and asks when nobody releases it") {
  auto branch = executing();
  CHECK_FALSE(branch.step(executed(Vote::kReadOnly), kStart).append.has_value());
  REQUIRE(branch.next_wake().has_value());
  CHECK(branch.step(Branch::Tick{}, *branch.next_wake()).now.size() == 1);
  const auto out = branch.step(Branch::ReleaseArrived{}, kStart);
  CHECK(out.job == BranchJob::kDiscard);
  REQUIRE(out.now.size() == 1);
  CHECK(std::holds_alternative<Released>(out.now[0].message));
  CHECK(branch.is_over());
  // The answer was lost: it is given again, and nothing is discarded twice.
  const auto again = branch.step(Branch::ReleaseArrived{}, kStart);
  CHECK(again.job == BranchJob::kNone);
  CHECK(again.now.size() == 1);
}

TEST_CASE("whoever has not voted READ_ONLY confirms nothing") {
  auto running = executing();
  CHECK(running.step(Branch::ReleaseArrived{}, kStart).now.empty());
  auto writer = executing();
  writer.step(executed(Vote::kCommit), kStart);
  CHECK(writer.step(Branch::ReleaseArrived{}, kStart).now.empty());
  auto refused = Branch::tombstone(kSettings, kGtid, {AbortCode::kTombstone, "", {}, -1});
  CHECK(refused.step(Branch::ReleaseArrived{}, kStart).now.empty());
}

TEST_CASE("one-phase: the answer is a promise of the record that commits it") {
  Branch branch(kSettings, kOnePhaseGtid, Branch::Kind::kOnePhase);
  branch.step(one_phase(), kStart);
  const auto out = branch.step(executed(Vote::kCommit), kStart);
  CHECK(std::holds_alternative<OnePhaseRecord>(*out.append));
  CHECK(out.job == BranchJob::kApply);
  CHECK(std::get<OnePhaseResult>(out.promises.at(0).message).outcome == Outcome::kCommitted);
  CHECK(out.now.empty());
}

TEST_CASE("one-phase with answer at applied answers once, after the file") {
  Branch branch(kSettings, kOnePhaseGtid, Branch::Kind::kOnePhase);
  branch.step(one_phase(AnswerAt::kApplied), kStart);
  CHECK(branch.step(executed(Vote::kCommit), kStart).promises.empty());
  CHECK(branch.step(Branch::RecordDurable{}, kStart).promises.empty());
  CHECK(branch.step(Branch::FileFlushed{}, kStart).promises.size() == 1);
}

TEST_CASE("an inquiry ends an executing one-phase branch with a promise never to run it") {
  Branch branch(kSettings, kOnePhaseGtid, Branch::Kind::kOnePhase);
  branch.step(one_phase(), kStart);
  const auto out = branch.step(Branch::OnePhaseInquired{name("c1")}, kStart);
  CHECK(std::get<OnePhaseResult>(out.promises.at(0).message).outcome == Outcome::kAborted);
  CHECK(branch.state() == Branch::State::kAborted);
}

TEST_CASE("recovered in doubt: asks at once") {
  PreparedRecord record;
  record.gtid = kGtid;
  record.coordinator = {name("c1"), {}, {1}, ""};
  auto branch = Branch::recovered_prepared(kSettings, record, kStart);
  CHECK(branch.step(Branch::Tick{}, kStart).now.size() == 1);
}

}  // namespace branch_test
