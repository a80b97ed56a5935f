#include "protocol/quorum_ballot.h"

#include <doctest/doctest.h>

namespace quorum_ballot_test {

using namespace troth;
using namespace troth::protocol;

namespace {

using Machine = QuorumBallot;

NodeName name(const char* text) {
  return NodeName::from_trusted(text);
}
const Gtid kGtid({1}, {1}, 1, Decider::kCoordinator);
constexpr MonotonicTime kStart{std::chrono::seconds(100)};

Machine::Setup setup(const char* self) {
  Machine::Setup out;
  out.gtid = kGtid;
  out.self = name(self);
  for (const char* member : {"c", "p1", "p2"}) out.members.push_back({name(member), {}, {1}, ""});
  return out;
}

Machine member(const char* self) {
  return Machine(setup(self), kStart);
}

BallotEffects say(Machine& machine, const char* from, BallotMessage message) {
  return machine.step(Machine::Arrived{name(from), std::move(message)}, kStart);
}

BallotEffects lead(Machine& coordinator) {
  PrecommittedRecord record;
  record.commit.gtid = kGtid;
  return coordinator.step(Machine::Lead{record}, kStart);
}

Elect elect(std::uint32_t round, const char* by) {
  return {kGtid, {round, name(by)}, {1}};
}
PreDecide predecide(std::uint32_t round, const char* by, Decision decision) {
  return {kGtid, {round, name(by)}, decision, {1}};
}

}  // namespace

TEST_CASE("ballot 1: PRECOMMIT waits for the coordinator's own record; a majority commits") {
  auto c = member("c");
  const auto out = lead(c);
  REQUIRE(out.append.has_value());
  CHECK(force_of(*out.append) == Force::kYes);
  CHECK(out.now.empty());
  REQUIRE(out.promises.size() == 2);
  CHECK(std::get<PreDecide>(out.promises[0].message).ballot == Ballot{1, name("c")});
  CHECK_FALSE(out.answer.has_value());

  // One acceptance is not enough while its own record may still be lost.
  const PreDecided accepted{kGtid, {1, name("c")}, {1, name("c")}};
  CHECK_FALSE(say(c, "p1", accepted).answer.has_value());
  const auto decided = c.step(Machine::RecordDurable{}, kStart);
  CHECK(decided.answer == Decision::kCommit);  // 2 of 3: the commit point
  CHECK_FALSE(decided.append.has_value());     // no further force
  REQUIRE(decided.promises.size() == 2);
  CHECK(std::get<Decide>(decided.promises[0].message).decision == Decision::kCommit);
}

TEST_CASE("a member accepts durably, once, and answers a duplicate the same way") {
  auto p1 = member("p1");
  const auto first = say(p1, "c", predecide(1, "c", Decision::kCommit));
  REQUIRE(first.append.has_value());
  CHECK(std::holds_alternative<PrecommittedRecord>(*first.append));
  CHECK(p1.position().state == MemberState::kPrecommitted);
  const auto again = say(p1, "c", predecide(1, "c", Decision::kCommit));
  CHECK_FALSE(again.append.has_value());
  CHECK(std::get<PreDecided>(again.promises.at(0).message).promised == Ballot{1, name("c")});
}

TEST_CASE("a promise is kept: lower ballots are refused, the refusal names the higher one") {
  auto p1 = member("p1");
  const auto promised = say(p1, "p2", elect(5, "p2"));
  CHECK(std::holds_alternative<ElectedRecord>(promised.append.value()));
  CHECK(std::get<Elected>(promised.promises.at(0).message).promised == Ballot{5, name("p2")});
  const auto late = say(p1, "c", predecide(1, "c", Decision::kCommit));
  CHECK_FALSE(late.append.has_value());
  CHECK(std::get<PreDecided>(late.promises.at(0).message).promised == Ballot{5, name("p2")});
  CHECK(p1.position().state == MemberState::kWaiting);
  CHECK_FALSE(say(p1, "c", elect(4, "c")).append.has_value());
}

TEST_CASE("suspicion: elect, ask only once ELECTED is durable, then propose what the rules say") {
  auto p1 = member("p1");
  REQUIRE(p1.next_wake().has_value());
  const auto asked = p1.step(Machine::Tick{}, *p1.next_wake());
  CHECK(p1.role() == Machine::Role::kElecting);
  CHECK(asked.now.empty());  // a ballot lost in a crash must not have been used
  CHECK(asked.promises.size() == 2);
  p1.step(Machine::RecordDurable{}, kStart);

  SUBCASE("nobody has heard of a PRECOMMIT: abort") {
    const auto out =
        say(p1, "p2", Elected{kGtid, {2, name("p1")}, {2, name("p1")}, MemberState::kWaiting, {}});
    CHECK(std::holds_alternative<PreabortedRecord>(out.append.value()));
    p1.step(Machine::RecordDurable{}, kStart);
    CHECK(say(p1, "p2", PreDecided{kGtid, {2, name("p1")}, {2, name("p1")}}).answer ==
          Decision::kAbort);
  }
  SUBCASE("one has: the coordinator may have committed with it, so commit") {
    const auto out = say(
        p1, "p2",
        Elected{
            kGtid, {2, name("p1")}, {2, name("p1")}, MemberState::kPrecommitted, {1, name("c")}});
    CHECK(std::holds_alternative<PrecommittedRecord>(out.append.value()));
    p1.step(Machine::RecordDurable{}, kStart);
    CHECK(say(p1, "p2", PreDecided{kGtid, {2, name("p1")}, {2, name("p1")}}).answer ==
          Decision::kCommit);
  }
  SUBCASE("a higher ballot is out: give way, and come back later than before") {
    say(p1, "p2", Elected{kGtid, {2, name("p1")}, {7, name("p2")}, MemberState::kWaiting, {}});
    CHECK(p1.role() == Machine::Role::kFollowing);
    CHECK(*p1.next_wake() >= kStart + 2 * setup("p1").suspicion.timeout);
    p1.step(Machine::Tick{}, *p1.next_wake());
    CHECK(p1.ballot() == Ballot{8, name("p1")});
  }
  SUBCASE("nobody answers: it asks again for ever, and decides nothing alone") {
    for (int i = 0; i < 100; ++i) {
      const auto out = p1.step(Machine::Tick{}, *p1.next_wake());
      CHECK(out.promises.size() == 2);
      CHECK_FALSE(out.answer.has_value());
    }
    CHECK(p1.silent().size() == 2);
  }
}

TEST_CASE("suspicion is staggered by rank") {
  const auto timeout = setup("p1").suspicion.timeout;
  CHECK(*member("p1").next_wake() >= kStart + timeout);
  CHECK(*member("p1").next_wake() <= kStart + timeout + timeout / 2);
  CHECK(*member("p2").next_wake() >= kStart + 2 * timeout);
}

TEST_CASE("a restarted coordinator that had precommitted is only one more member") {
  QuorumPosition position;
  position.accept({1, name("c")}, Decision::kCommit);
  auto c = Machine::recovered(setup("c"), position, kStart);
  CHECK(c.role() == Machine::Role::kFollowing);
  CHECK_FALSE(c.decided().has_value());
  c.step(Machine::Tick{}, *c.next_wake());
  CHECK(c.ballot().round == 2);
}

TEST_CASE("whoever has decided tells everybody who still asks") {
  auto p1 = member("p1");
  p1.step(Machine::Decided{Decision::kCommit}, kStart);
  const auto out = say(p1, "p2", elect(9, "p2"));
  CHECK_FALSE(out.append.has_value());
  CHECK(std::get<Decide>(out.promises.at(0).message).decision == Decision::kCommit);
  CHECK_FALSE(p1.next_wake().has_value());
}

TEST_CASE("strangers have no say") {
  auto p1 = member("p1");
  const auto out = say(p1, "p9", elect(9, "p9"));
  CHECK(out.alarm.has_value());
  CHECK_FALSE(out.append.has_value());
  CHECK(p1.position().last_elected == Ballot{});
}

}  // namespace quorum_ballot_test
