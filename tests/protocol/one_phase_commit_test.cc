#include "protocol/one_phase_commit.h"

#include <doctest/doctest.h>

namespace one_phase_commit_test {

using namespace troth;
using namespace troth::protocol;
using Machine = OnePhaseCommit;

namespace {

const Gtid kGtid({1}, {1}, 1, Decider::kParticipant);
constexpr MonotonicTime kStart{std::chrono::seconds(100)};

Machine started(bool reads_only = false) {
  Machine::Setup s;
  s.participant = NodeName::from_trusted("p1");
  s.request.gtid = kGtid;
  s.deadline = kStart + std::chrono::seconds(2);
  s.grace = std::chrono::milliseconds(500);
  s.reads_only = reads_only;
  Machine m(std::move(s));
  const auto out = m.step(Machine::Start{}, kStart);
  CHECK(out.now.size() == 1);
  CHECK_FALSE(out.append.has_value());
  return m;
}

Machine::ResultArrived result(Outcome outcome) {
  OnePhaseResult r;
  r.gtid = kGtid;
  r.first_gtid = kGtid;
  r.outcome = outcome;
  return {NodeName::from_trusted("p1"), r};
}

}  // namespace

TEST_CASE("the participant's answer is the client's, and the coordinator logs nothing") {
  for (const auto outcome : {Outcome::kCommitted, Outcome::kAborted}) {
    auto m = started();
    const auto out = m.step(result(outcome), kStart);
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == outcome);
    CHECK_FALSE(out.append.has_value());
    CHECK(m.state() == Machine::State::kEnded);
  }
}

TEST_CASE("a lost answer is IN_DOUBT, never ABORTED, and is asked for until it is known") {
  auto m = started();
  auto out = m.step(Machine::Tick{}, kStart + std::chrono::seconds(2));
  CHECK_FALSE(out.answer.has_value());  // the inquiry may still bring the outcome
  REQUIRE(out.now.size() == 1);
  CHECK(std::holds_alternative<InquireOnePhase>(out.now[0].message));
  CHECK(*m.next_wake() <= kStart + std::chrono::milliseconds(2500));
  out = m.step(Machine::Tick{}, kStart + std::chrono::milliseconds(2500));
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->outcome == Outcome::kInDoubt);
  out = m.step(Machine::RetryNow{}, kStart + std::chrono::seconds(3));
  CHECK(std::holds_alternative<InquireOnePhase>(out.now.at(0).message));
  out = m.step(result(Outcome::kCommitted), kStart + std::chrono::seconds(4));
  CHECK(out.answer->outcome == Outcome::kCommitted);
}

TEST_CASE("the grace after the deadline is enough for the true answer") {
  auto m = started();
  m.step(Machine::Tick{}, kStart + std::chrono::seconds(2));
  const auto out = m.step(result(Outcome::kAborted), kStart + std::chrono::milliseconds(2100));
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->outcome == Outcome::kAborted);
}

TEST_CASE("nothing was sent to an unreachable participant: ABORTED at the deadline") {
  Machine::Setup s;
  s.participant = NodeName::from_trusted("p1");
  s.request.gtid = kGtid;
  s.deadline = kStart + std::chrono::seconds(2);
  Machine m(std::move(s));
  CHECK(m.step(Machine::Start{true}, kStart).now.empty());
  SUBCASE("it stays unreachable") {
    CHECK(m.step(Machine::Tick{true}, kStart + std::chrono::seconds(1)).now.empty());
    const auto out = m.step(Machine::Tick{true}, kStart + std::chrono::seconds(2));
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == Outcome::kAborted);
    CHECK(out.answer->reason.code == AbortCode::kUnreachable);
    CHECK(out.now.empty());
    CHECK(m.state() == Machine::State::kEnded);
  }
  SUBCASE("it comes back: sent, hence uncertain when it goes again") {
    const auto sent = m.step(Machine::RetryNow{}, kStart + std::chrono::seconds(1));
    REQUIRE(sent.now.size() == 1);
    const auto& request = std::get<CommitOnePhase>(sent.now[0].message);
    CHECK(request.time_left < std::chrono::seconds(1));
    CHECK(request.time_left >= std::chrono::milliseconds(800));
    const auto out = m.step(Machine::Tick{true}, kStart + std::chrono::seconds(2));
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == Outcome::kInDoubt);
    CHECK(m.state() == Machine::State::kUncertain);
  }
}

TEST_CASE("with a key, what did not arrive is unknown: an earlier gtid may have committed") {
  Machine::Setup s;
  s.participant = NodeName::from_trusted("p1");
  s.request.gtid = kGtid;
  s.request.idempotency_key = "k1";
  s.deadline = kStart + std::chrono::seconds(2);
  Machine m(std::move(s));
  SUBCASE("nothing was sent") {
    m.step(Machine::Start{true}, kStart);
    const auto out = m.step(Machine::Tick{true}, kStart + std::chrono::seconds(2));
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == Outcome::kInDoubt);
    CHECK(m.state() == Machine::State::kEnded);
  }
  SUBCASE("the participant says that it never arrived") {
    m.step(Machine::Start{}, kStart);
    m.step(Machine::Tick{}, kStart + std::chrono::seconds(2));
    auto never = result(Outcome::kAborted);
    never.result.reason.code = AbortCode::kTombstone;
    const auto out = m.step(never, kStart + std::chrono::milliseconds(2100));
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == Outcome::kInDoubt);
  }
  SUBCASE("an abort of its own is an abort") {
    m.step(Machine::Start{}, kStart);
    const auto out = m.step(result(Outcome::kAborted), kStart + std::chrono::seconds(1));
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == Outcome::kAborted);
  }
}

TEST_CASE("one that only reads is never uncertain") {
  auto m = started(true);
  const auto out = m.step(Machine::Tick{}, kStart + std::chrono::seconds(2));
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->outcome == Outcome::kAborted);
  CHECK(out.answer->reason.code == AbortCode::kTimeout);
  CHECK(m.state() == Machine::State::kEnded);
}

TEST_CASE("a participant that does not remember proves nothing") {
  auto m = started();
  auto forgotten = result(Outcome::kInDoubt);
  forgotten.result.forgotten = true;
  const auto out = m.step(forgotten, kStart);
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->outcome == Outcome::kInDoubt);
  CHECK(m.state() == Machine::State::kEnded);
}

TEST_CASE("a pending answer and a stranger's answer change nothing") {
  auto m = started();
  CHECK_FALSE(m.step(result(Outcome::kPending), kStart).answer.has_value());
  auto strange = result(Outcome::kCommitted);
  strange.from = NodeName::from_trusted("p9");
  CHECK(m.step(strange, kStart).alarm.has_value());
  CHECK(m.state() == Machine::State::kWaiting);
}

TEST_CASE("a key used before is answered with the first transaction") {
  auto m = started();
  auto first = result(Outcome::kCommitted);
  first.result.first_gtid = Gtid({1}, {1}, 7, Decider::kParticipant);
  const auto out = m.step(first, kStart);
  CHECK(out.answer->replayed);
  CHECK(out.answer->gtid == first.result.first_gtid);
  CHECK(out.answer->results.empty());
}

}  // namespace one_phase_commit_test
