// The machine of interactive transactions, without an engine.
#include "protocol/conversation.h"

#include <doctest/doctest.h>

namespace troth::protocol {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Talk {
  static NodeName node(const char* text) { return NodeName::from_trusted(text); }
  static Conversation::Setup setup() {
    Conversation::Setup out;
    out.gtid = Gtid({}, Epoch{1}, 7, Decider::kCoordinator);
    out.deadline = MonotonicTime{seconds(60)};
    out.idle_timeout = seconds(10);
    out.resend = {milliseconds(100), seconds(1)};
    return out;
  }
  /// As if everything happened `ms` after the start.
  static MonotonicTime at(int ms) { return MonotonicTime{milliseconds(ms)}; }
  static ExecuteResult result(std::uint32_t number, Epoch epoch = {1}) {
    ExecuteResult out;
    out.gtid = setup().gtid;
    out.number = number;
    out.executor.epoch = epoch;
    out.results.resize(1);
    return out;
  }
  void run(const char* participant, std::uint32_t number, Epoch epoch = {1}) {
    machine.execute(node(participant), {}, at(0));
    REQUIRE(machine.on_result(node(participant), result(number, epoch), at(0)).results);
  }

  Conversation machine{setup(), at(0)};
};

TEST_CASE("an EXECUTE is repeated until it is answered, with the time that is left") {
  Talk talk;
  const auto first = talk.machine.execute(Talk::node("p1"), {}, Talk::at(0));
  REQUIRE(first.send);
  CHECK(std::get<Execute>(first.send->message).time_left == seconds(60));
  REQUIRE(talk.machine.runs_at() != nullptr);
  CHECK(*talk.machine.runs_at() == Talk::node("p1"));
  CHECK_FALSE(talk.machine.tick(Talk::at(1)).send);
  const auto again = talk.machine.tick(Talk::at(1000));
  REQUIRE(again.send);
  CHECK(std::get<Execute>(again.send->message).number == 1);
  CHECK(std::get<Execute>(again.send->message).time_left == seconds(59));
  CHECK(talk.machine.on_result(Talk::node("p1"), Talk::result(1), Talk::at(1001)).results);
  CHECK(talk.machine.runs_at() == nullptr);
  CHECK_FALSE(talk.machine.tick(Talk::at(5000)).send);
}

TEST_CASE("a second answer, and one of somebody who was not asked, change nothing") {
  Talk talk;
  talk.run("p1", 1);
  CHECK_FALSE(talk.machine.on_result(Talk::node("p1"), Talk::result(1), Talk::at(1)).results);
  CHECK_FALSE(talk.machine.on_result(Talk::node("p9"), Talk::result(1), Talk::at(1)).results);
  talk.machine.execute(Talk::node("p1"), {}, Talk::at(2));
  CHECK_FALSE(talk.machine.on_result(Talk::node("p1"), Talk::result(1), Talk::at(3)).results);
  CHECK(talk.machine.on_result(Talk::node("p1"), Talk::result(2), Talk::at(4)).results);
  CHECK(talk.machine.find(Talk::node("p1"))->executed == 2);
}

TEST_CASE("a participant that restarted between two statements has lost the first one") {
  Talk talk;
  talk.run("p1", 1);
  CHECK_FALSE(talk.machine.on_restarted(Talk::node("p1"), {1}).aborted);
  CHECK_FALSE(talk.machine.on_restarted(Talk::node("p2"), {2}).aborted);
  const auto told = talk.machine.on_restarted(Talk::node("p1"), {2});
  REQUIRE(told.aborted);
  CHECK(told.aborted->reason.code == AbortCode::kStaleEpoch);
  talk.machine.execute(Talk::node("p1"), {}, Talk::at(1));
  const auto seen = talk.machine.on_result(Talk::node("p1"), Talk::result(2, {2}), Talk::at(2));
  REQUIRE(seen.aborted);
  CHECK(seen.aborted->reason.participant == Talk::node("p1"));
}

TEST_CASE("it ends when its client is silent, not while a statement runs, and at its deadline") {
  Talk talk;
  CHECK(talk.machine.next_wake() == Talk::at(10'000));
  talk.machine.execute(Talk::node("p1"), {}, Talk::at(0));
  CHECK_FALSE(talk.machine.tick(Talk::at(20'000)).aborted);
  talk.machine.on_result(Talk::node("p1"), Talk::result(1), Talk::at(20'000));
  CHECK_FALSE(talk.machine.tick(Talk::at(29'999)).aborted);
  const auto idle = talk.machine.tick(Talk::at(30'000));
  REQUIRE(idle.aborted);
  CHECK(idle.aborted->cause == Conversation::Cause::kIdle);
  const auto late = talk.machine.tick(Talk::at(60'000));
  REQUIRE(late.aborted);
  CHECK(late.aborted->cause == Conversation::Cause::kDeadline);
  CHECK(late.aborted->reason.code == AbortCode::kTimeout);
}

}  // namespace
}  // namespace troth::protocol
