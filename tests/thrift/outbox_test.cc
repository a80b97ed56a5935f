#include "thrift/peer/outbox.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::thrift;

namespace {

std::string letters(std::string_view packed) {
  std::string out;
  ByteReader in(packed);
  while (in.left() > 0) {
    const auto message = in.bytes();
    REQUIRE(in.ok());
    out += message.empty() ? '-' : message.front();
  }
  return out;
}

void fill(Lane& lane, std::string_view each, std::size_t bytes) {
  for (const char c : each) lane.push_packed(std::string(bytes, c));
}

}  // namespace

TEST_CASE("a lane gives what there is room for, in order, and takes it back to its front") {
  Lane lane;
  fill(lane, "abcde", 99);  // 100 bytes with their length
  lane.push(protocol::Inquire{});
  CHECK(lane.size() == 6);
  Portion first;
  Lane::Room room{10, 300 + 128};  // the inquiry counts as 128 bytes
  CHECK_FALSE(lane.take(first, room));
  CHECK(first.plain.size() == 1);
  CHECK(letters(first.packed) == "abc");
  CHECK(first.size() == 4);
  CHECK(lane.size() == 2);
  lane.put_back(std::move(first));
  lane.push_packed("f");
  Portion all;
  Lane::Room wide{10, 10'000};
  CHECK(lane.take(all, wide));
  CHECK(letters(all.packed) == "abcdef");
  CHECK(all.size() == 7);
  CHECK(wide.messages == 3);
  CHECK(lane.empty());
}

TEST_CASE("a message that is too long travels alone, and so many as may travel in one call do") {
  Lane lane;
  fill(lane, "xy", 5000);
  fill(lane, "abc", 1);
  std::string calls;
  while (!lane.empty()) {
    Portion portion;
    Lane::Room room{2, 1000};
    lane.take(portion, room);
    calls += letters(portion.packed) + " ";
  }
  CHECK(calls == "x y ab c ");
  Lane second;
  fill(second, "a", 10);
  Portion none;
  Lane::Room taken{5, 4, false};  // another lane was here first
  CHECK_FALSE(second.take(none, taken));
  CHECK(none.size() == 0);
  second.clear();
  CHECK(second.empty());
}

TEST_CASE("an outbox gives decisions before work, and what was rejected before what came later") {
  Outbox outbox(8);
  const auto decide = [](std::uint64_t n) {
    return protocol::Message(
        protocol::Decide{Gtid({1}, {1}, n, Decider::kCoordinator), {}, {}, {}});
  };
  REQUIRE(outbox.push(protocol::Message(protocol::CommitOnePhase{})));
  REQUIRE(outbox.push(protocol::Message(protocol::InquireOnePhase{})));
  REQUIRE(outbox.push(decide(1)));
  CHECK(outbox.size() == 3);
  std::vector<CallLoad> rejected;
  rejected.push_back(outbox.take(1, 1000));
  CHECK(rejected[0].urgent.size() == 1);
  CHECK(rejected[0].bulk.size() == 0);
  rejected.push_back(outbox.take(1, 1000));
  REQUIRE(rejected[1].bulk.plain.size() == 1);
  CHECK(std::holds_alternative<protocol::CommitOnePhase>(rejected[1].bulk.plain[0]));
  REQUIRE(outbox.push(decide(2)));
  outbox.put_back(std::move(rejected));
  const auto all = outbox.take(10, 10'000);
  CHECK(all.urgent.size() == 2);
  // The inquiry stays behind its request.
  REQUIRE(all.bulk.plain.size() == 2);
  CHECK(std::holds_alternative<protocol::CommitOnePhase>(all.bulk.plain[0]));
  CHECK(std::holds_alternative<protocol::InquireOnePhase>(all.bulk.plain[1]));
  CHECK(outbox.empty());
}

TEST_CASE("an outbox has a bound, and refuses what no peer would take") {
  Outbox outbox(2);
  protocol::Execute huge;
  huge.statements.push_back({std::string(16'000'000, 'x'), {}, {}});
  CHECK_FALSE(outbox.push(protocol::Message(huge)));
  CHECK(outbox.empty());
  CHECK(outbox.push(protocol::Message(protocol::Inquire{})));
  CHECK(outbox.push(protocol::Message(protocol::Inquire{})));
  CHECK_FALSE(outbox.push(protocol::Message(protocol::Inquire{})));
  CHECK(outbox.size() == 2);
  outbox.clear();
  CHECK(outbox.push(protocol::Message(protocol::Inquire{})));
}
