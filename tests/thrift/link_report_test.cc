#include "thrift/peer/link_report.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::thrift;

TEST_CASE("a link's report changes once for each change, and counts what was delivered") {
  LinkReport report(NodeName::from_trusted("p1"), "h:1");
  CHECK(report.change(false, "cannot reach it", {5}));
  CHECK_FALSE(report.change(false, "cannot reach it", {6}));
  CHECK(report.change(true, "", {7}));
  CHECK(report.status().since == WallTime{7});
  report.greeted(std::chrono::microseconds(30), "h:1");
  CHECK(report.status().rtt == std::chrono::microseconds(30));
  report.delivered({false, 3, 100, std::nullopt});
  CHECK(report.status().rtt == std::chrono::microseconds(30));  // nobody knows when the answer came
  report.delivered({true, 0, 50, std::chrono::microseconds(40)});
  CHECK(report.status().rtt == std::chrono::microseconds(40));
  CHECK(report.status().batches_sent == 2);
  CHECK(report.status().bytes_sent == 150);
  CHECK(report.status().messages_sent == 3);
  report.dropped(2);
  CHECK(report.status().messages_dropped == 2);
  CHECK(report.change(false, "gone", {9}));
  CHECK_FALSE(report.status().rtt);
}

TEST_CASE("a peer that is dead and one whose address is wrong are told apart") {
  const auto self = NodeName::from_trusted("c1");
  LinkReport report(NodeName::from_trusted("p1"), "h:1");
  CHECK(report.unreachable(self, "h:1", "refused") == "cannot reach p1 at h:1: refused");
  report.heard_from("h:2", false);
  CHECK(
      report.unreachable(self, "h:1", "refused").find("p1 reaches c1 and says that it is at h:2") ==
      0);
  report.change(true, "", {1});
  report.change(false, "gone", {2});
  CHECK(report.unreachable(self, "h:1", "refused") == "cannot reach p1 at h:1: refused");
}

TEST_CASE("a peer that has proved where it is: tried there second, shown where it is") {
  LinkReport report(NodeName::from_trusted("p1"), "h:1");
  report.heard_from("h:2", false);
  CHECK(report.proved().empty());
  report.heard_from("h:2", true);
  CHECK(report.given() == "h:1");
  CHECK(report.proved() == "h:2");
  report.greeted(std::chrono::milliseconds(1), "h:2");
  CHECK(report.change(true, "", {1}));
  CHECK(report.status().address == "h:2");
  CHECK(report.status().last_error == "it is at h:2, and the settings name h:1");
  report.change(false, "gone", {2});
  CHECK(report.status().address == "h:1");
  CHECK(report.proved() == "h:2");  // it need not greet again
  report.greeted(std::chrono::milliseconds(1), "h:1");
  report.change(true, "", {3});
  CHECK(report.proved().empty());
  CHECK(report.status().last_error.empty());
}

TEST_CASE("a new address is shown as up only when the peer answers there") {
  LinkReport report(NodeName::from_trusted("p1"), "h:1");
  report.greeted(std::chrono::milliseconds(1), "h:1");
  report.change(true, "", {1});
  report.set_address("h:2");
  CHECK(report.status().connected);
  CHECK(report.status().address == "h:1");
  report.change(false, "cut", {2});
  CHECK(report.status().address == "h:2");
}
