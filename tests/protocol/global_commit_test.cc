#include "protocol/global_commit.h"

#include <doctest/doctest.h>

namespace global_commit_test {

using namespace troth;
using namespace troth::protocol;
using Machine = GlobalCommit;

namespace {

NodeName name(const char* text) {
  return NodeName::from_trusted(text);
}
const Gtid kGtid({1}, {1}, 1, Decider::kCoordinator);
constexpr MonotonicTime kStart{std::chrono::seconds(100)};

Machine::Setup setup(AnswerAt answer_at = AnswerAt::kDecided, std::string key = {}) {
  Machine::Setup s;
  s.gtid = kGtid;
  for (const char* p : {"p1", "p2"}) {
    s.branches.push_back({name(p), {Statement{"SELECT 1", {}, {}}}});
    s.members.push_back({name(p), {}, {1}, ""});
  }
  s.answer_at = answer_at;
  s.idempotency_key = std::move(key);
  s.deadline = kStart + std::chrono::seconds(2);
  return s;
}

Machine started(Machine::Setup s = setup()) {
  Machine m(std::move(s));
  const auto out = m.step(Machine::Start{}, kStart);
  CHECK(out.prepares.size() == 2);
  CHECK_FALSE(out.append.has_value());
  return m;
}

Machine::VoteArrived vote(const char* from, Vote value, std::size_t results = 1) {
  VoteMessage message;
  message.gtid = kGtid;
  message.vote = value;
  message.voter.epoch = {1};
  message.results.resize(results);
  return {name(from), message};
}

}  // namespace

TEST_CASE(
    "client answer and COMMIT wait for the COMMIT record: they are promises of the step that "
    "appends it") {
  auto m = started();
  CHECK(m.step(vote("p1", Vote::kCommit), kStart).promises.empty());
  const auto out = m.step(vote("p2", Vote::kCommit), kStart);
  REQUIRE(out.append.has_value());
  CHECK(force_of(*out.append) == Force::kYes);
  CHECK(out.now.empty());
  CHECK(out.promises.size() == 2);
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->outcome == Outcome::kCommitted);
  CHECK(m.state() == Machine::State::kDeciding);
}

TEST_CASE("after the COMMIT record is queued nothing aborts") {
  auto m = started();
  m.step(vote("p1", Vote::kCommit), kStart);
  m.step(vote("p2", Vote::kCommit), kStart);
  const auto late = kStart + std::chrono::seconds(60);
  CHECK(m.step(Machine::Cancel{{AbortCode::kClientCancelled, "", {}, -1}}, late).promises.empty());
  CHECK(m.step(Machine::Tick{}, late).promises.empty());
  CHECK(m.step(Machine::MemberRestarted{name("p1"), {9}}, late).promises.empty());
  CHECK(m.step(vote("p1", Vote::kAbort), late).alarm.has_value());
  CHECK(m.state() == Machine::State::kDeciding);
}

TEST_CASE("what aborts a preparing transaction, and what the client hears") {
  struct Row {
    const char* what;
    Machine::Event event;
    AbortCode code;
    MonotonicTime at;
  };
  auto no = vote("p2", Vote::kAbort);
  no.vote.reason = {AbortCode::kConstraint, "UNIQUE", {}, 0};
  const Row rows[] = {
      {"a NO vote", no, AbortCode::kConstraint, kStart},
      {"the deadline", Machine::Tick{}, AbortCode::kTimeout, kStart + std::chrono::seconds(2)},
      {"the deadline, link down", Machine::Tick{{name("p2")}}, AbortCode::kUnreachable,
       kStart + std::chrono::seconds(2)},
      {"the client", Machine::Cancel{{AbortCode::kClientCancelled, "", {}, -1}},
       AbortCode::kClientCancelled, kStart},
      {"a vote without its rows", vote("p2", Vote::kCommit, 0), AbortCode::kStaleEpoch, kStart},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    auto m = started();
    m.step(vote("p1", Vote::kCommit), kStart);
    const auto out = m.step(Machine::Event(row.event), row.at);
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == Outcome::kAborted);
    CHECK(out.answer->reason.code == row.code);
    CHECK(m.state() == Machine::State::kEnded);
    CHECK(force_of(*out.append) == Force::kNo);
    for (const auto& promise : out.promises)
      CHECK(std::get<Decide>(promise.message).decision == Decision::kAbort);
  }
}

TEST_CASE("a restart matters to a transaction only if read locks died with it") {
  auto m = started();
  m.step(vote("p1", Vote::kReadOnly), kStart);
  m.step(Machine::MemberRestarted{name("p1"), {1}}, kStart);  // the one it voted in
  m.step(Machine::MemberRestarted{name("p2"), {5}}, kStart);  // has not voted
  CHECK(m.state() == Machine::State::kPreparing);
  const auto out = m.step(Machine::MemberRestarted{name("p1"), {2}}, kStart);
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->reason.code == AbortCode::kStaleEpoch);

  auto writer = started();  // its PREPARED record holds what it has locked
  writer.step(vote("p1", Vote::kCommit), kStart);
  writer.step(Machine::MemberRestarted{name("p1"), {2}}, kStart);
  CHECK(writer.state() == Machine::State::kPreparing);

  auto confirmed = started();
  confirmed.step(vote("p1", Vote::kReadOnly), kStart);
  confirmed.step(vote("p2", Vote::kReadOnly), kStart);
  confirmed.step(Machine::ReleasedArrived{name("p1"), {1}}, kStart);
  confirmed.step(Machine::MemberRestarted{name("p1"), {2}}, kStart);
  CHECK(confirmed.state() == Machine::State::kReleasing);
}

TEST_CASE("wait = applied answers with the last ack, and only the writers are in the record") {
  auto m = started(setup(AnswerAt::kApplied));
  m.step(vote("p1", Vote::kReadOnly), kStart);
  m.step(vote("p2", Vote::kCommit), kStart);
  auto out = m.step(Machine::ReleasedArrived{name("p1"), {1}}, kStart);
  CHECK_FALSE(out.answer.has_value());
  const auto record = std::get<CommitRecord>(*out.append);
  REQUIRE(record.members.size() == 1);
  CHECK(record.members[0].name == name("p2"));
  m.step(Machine::RecordDurable{}, kStart);
  out = m.step(Machine::AckArrived{name("p2")}, kStart);
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->results.size() == 2);
  CHECK(std::holds_alternative<EndRecord>(*out.append));
}

TEST_CASE("nothing is decided before every reader has confirmed its locks") {
  auto m = started();
  m.step(vote("p1", Vote::kReadOnly), kStart);
  auto out = m.step(vote("p2", Vote::kCommit), kStart);
  CHECK(m.state() == Machine::State::kReleasing);
  CHECK_FALSE(out.append.has_value());
  CHECK_FALSE(out.answer.has_value());
  REQUIRE(out.now.size() == 1);
  CHECK(std::holds_alternative<Release>(out.now[0].message));
  CHECK(m.waiting_for() == std::vector{name("p1")});
  CHECK(m.step(Machine::ReleasedArrived{name("p2"), {1}}, kStart).append == std::nullopt);
  out = m.step(Machine::Tick{}, *m.next_wake());  // RELEASE or its answer was lost
  REQUIRE(out.now.size() == 1);
  CHECK(std::holds_alternative<Release>(out.now[0].message));
  out = m.step(Machine::ReleasedArrived{name("p1"), {1}}, kStart);
  CHECK(std::get<CommitRecord>(*out.append).members.size() == 1);
  CHECK(m.state() == Machine::State::kDeciding);
  CHECK(m.step(Machine::ReleasedArrived{name("p1"), {1}}, kStart).append == std::nullopt);
}

TEST_CASE("readers only: committed, without a record, when all have confirmed") {
  auto m = started();
  m.step(vote("p1", Vote::kReadOnly), kStart);
  m.step(vote("p2", Vote::kReadOnly), kStart);
  CHECK_FALSE(m.step(Machine::ReleasedArrived{name("p2"), {1}}, kStart).answer.has_value());
  const auto out = m.step(Machine::ReleasedArrived{name("p1"), {1}}, kStart);
  REQUIRE(out.answer.has_value());
  CHECK(out.answer->outcome == Outcome::kCommitted);
  CHECK_FALSE(out.append.has_value());
  CHECK(m.state() == Machine::State::kEnded);
}

TEST_CASE("what aborts a transaction that waits for its readers") {
  struct Row {
    const char* what;
    Machine::Event event;
    AbortCode code;
    MonotonicTime at;
  };
  const auto late = kStart + std::chrono::seconds(2);
  const Row rows[] = {
      {"it confirms in another life", Machine::ReleasedArrived{name("p1"), {2}},
       AbortCode::kStaleEpoch, kStart},
      {"it has restarted", Machine::MemberRestarted{name("p1"), {2}}, AbortCode::kStaleEpoch,
       kStart},
      {"the deadline", Machine::Tick{}, AbortCode::kTimeout, late},
      {"the deadline, link down", Machine::Tick{{name("p1")}}, AbortCode::kUnreachable, late},
      {"the client", Machine::Cancel{{AbortCode::kClientCancelled, "", {}, -1}},
       AbortCode::kClientCancelled, kStart},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    auto m = started();
    m.step(vote("p1", Vote::kReadOnly), kStart);
    m.step(vote("p2", Vote::kCommit), kStart);
    const auto out = m.step(Machine::Event(row.event), row.at);
    REQUIRE(out.answer.has_value());
    CHECK(out.answer->outcome == Outcome::kAborted);
    CHECK(out.answer->reason.code == row.code);
    CHECK(out.promises.size() == 2);
    CHECK(m.state() == Machine::State::kEnded);
  }
}

TEST_CASE("an interactive transaction has held all its locks before it prepared: nobody is asked") {
  auto interactive = setup();
  for (auto& branch : interactive.branches) {
    branch.statements.clear();
    branch.executed = 1;
  }
  for (auto& member : interactive.members) member.epoch = {1};
  auto m = started(std::move(interactive));
  m.step(vote("p1", Vote::kReadOnly, 0), kStart);
  const auto out = m.step(vote("p2", Vote::kCommit, 0), kStart);
  REQUIRE(out.now.size() == 1);
  CHECK(std::holds_alternative<Release>(out.now[0].message));
  CHECK(out.append.has_value());
  CHECK(m.state() == Machine::State::kDeciding);
}

TEST_CASE("a keyed abort ends only when its record is durable") {
  auto m = started(setup(AnswerAt::kDecided, "key"));
  const auto out = m.step(vote("p1", Vote::kAbort), kStart);
  CHECK(force_of(*out.append) == Force::kYes);
  CHECK(m.state() == Machine::State::kAborting);
  m.step(Machine::RecordDurable{}, kStart);
  CHECK(m.state() == Machine::State::kEnded);
}

TEST_CASE("what a restart makes of a record is written again by the next checkpoint, in full") {
  CommitRecord commit;
  commit.gtid = kGtid;
  commit.members = {{name("p1"), {{7}}, {1}, "h:1"}, {name("p2"), {{8}}, {2}, "h:2"}};
  commit.ack_at = AnswerAt::kApplied;
  commit.idempotency_key = "key";
  commit.body_digest = "digest";
  commit.decided = {12};
  commit.comment = "checkout";
  commit.traceparent = "00-trace";
  SUBCASE("COMMIT without END") {
    auto m = Machine::recovered(commit, {}, kStart);
    CHECK(encode(unended_record(m)) == encode(commit));
    m.step(Machine::AckArrived{name("p1")}, kStart);
    commit.members.erase(commit.members.begin());  // owes nothing any more
    CHECK(encode(unended_record(m)) == encode(commit));
  }
  SUBCASE("PRECOMMITTED without a decision") {
    commit.members.insert(commit.members.begin(), Member{name("c"), {{9}}, {3}, "h:3"});
    const PrecommittedRecord record{{1, name("c")}, commit};
    const auto m = Machine::recovered(record, {}, name("c"), {}, {}, kStart);
    CHECK(encode(m.setup().precommitted_record()) == encode(record));
  }
}

TEST_CASE("recovered: COMMIT is sent again at the first tick, late read-only votes are no alarm") {
  CommitRecord record;
  record.gtid = kGtid;
  record.members = {{name("p1"), {}, {1}, ""}};
  auto m = Machine::recovered(record, {}, kStart);
  CHECK_FALSE(m.step(vote("p2", Vote::kReadOnly), kStart).alarm.has_value());
  const auto out = m.step(Machine::Tick{}, kStart);
  REQUIRE(out.promises.size() == 1);
  CHECK(std::get<Decide>(out.promises[0].message).decision == Decision::kCommit);
  const auto end = m.step(Machine::AckArrived{name("p1")}, kStart);
  CHECK(std::holds_alternative<EndRecord>(*end.append));
  CHECK_FALSE(end.answer.has_value());
}

}  // namespace global_commit_test
