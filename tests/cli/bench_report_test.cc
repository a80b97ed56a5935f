#include "bench/bench_report.h"

#include <doctest/doctest.h>

using namespace troth;
using namespace troth::cli;

namespace {

PhaseLatency latency(const char* phase, const std::vector<std::uint64_t>& values) {
  LatencyHistogram histogram;
  for (const auto value : values) histogram.record(value);
  return {phase, Duration(static_cast<std::int64_t>(histogram.sum())), histogram.buckets()};
}

}  // namespace

TEST_CASE("phases of the window are what came between two looks") {
  const auto found =
      phases_between({latency("queue", {7, 7, 90}), latency("log_decision", {100'000})},
                     {latency("queue", {7, 7, 90, 7, 11}), latency("prepare", {50}),
                      latency("log_decision", {100'000}), latency("of a later version", {1})});
  REQUIRE(found.size() == 3);
  CHECK(found[0].name == "queue");
  CHECK(found[0].nanoseconds.count() == 2);
  CHECK(found[0].nanoseconds.quantile(0.5) == 7);
  CHECK(found[0].nanoseconds.quantile(0.99) == 11);
  CHECK(found[0].mean == 9.0);
  CHECK(found[1].name == "prepare");
  CHECK(found[1].nanoseconds.count() == 1);
  CHECK(found[2].name == "log");
  CHECK(found[2].nanoseconds.count() == 0);
  CHECK(found[2].mean == 0.0);
}

TEST_CASE("a coordinator that was started anew counts from zero") {
  const auto found =
      phases_between({latency("queue", {7, 7, 7})}, {latency("queue", {7}), latency("commit", {})});
  REQUIRE(found.size() == 2);
  CHECK(found[0].nanoseconds.count() == 1);
  CHECK(found[0].mean == 7.0);
}
