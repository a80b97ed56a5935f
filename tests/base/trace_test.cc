// Trace contexts as the W3C recommendation reads them, and spans as a collector's otlpjsonfile
// receiver reads them.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "os/span_file.h"
#include "tests/support/temp_dir.h"

using namespace troth;

namespace {

constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

Span span_named(std::string name) {
  Span span;
  span.context = *TraceContext::parse(kGood);
  span.id = SpanId::of(name);
  span.name = std::move(name);
  span.kind = SpanKind::kServer;
  span.ended = {1'700'000'000'123};
  span.lasted = std::chrono::microseconds(1500);
  return span;
}

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::vector<nlohmann::json> out;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
  return out;
}

}  // namespace

TEST_CASE("a traceparent is taken as the standard says, or ignored") {
  const auto good = TraceContext::parse(kGood);
  REQUIRE(good.has_value());
  CHECK(good->text() == kGood);
  CHECK(good->sampled);
  CHECK(good->trace_id_text() == "4bf92f3577b34da6a3ce929d0e0e4736");
  const std::string ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
  CHECK(!TraceContext::parse("00-" + ids + "-00")->sampled);
  CHECK(TraceContext::parse("00-" + ids + "-03")->sampled);       // other flags are not ours
  CHECK(TraceContext::parse("cc-" + ids + "-01-more")->sampled);  // a version to come
  for (const auto& bad :
       {std::string(), "00-" + ids, "00-" + ids + "-0", "00-" + ids + "-01-more",
        "ff-" + ids + "-01", "00_" + ids + "-01", "00-" + ids + "_01", "0x-" + ids + "-01",
        "00-" + ids + "-0g", std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
        std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
        "cc-" + ids + "-01more"})
    CHECK_MESSAGE(!TraceContext::parse(bad).has_value(), bad);
}

TEST_CASE("a span id is made of words, the same for the same ones") {
  CHECK(SpanId::of("a") == SpanId::of("a"));
  CHECK_FALSE(SpanId::of("a") == SpanId::of("b"));
  CHECK(SpanId::of("a").text().size() == 16);
}

TEST_CASE("spans are lines of OTLP/JSON") {
  tests::TempDir dir;
  const auto path = dir.path() + "/spans.jsonl";
  {
    auto file = SpanFile::open(path, "troth-coordinator", "c1", Logger());
    REQUIRE(file.has_value());
    auto failed = span_named("troth.v1.Coordinator/submit");
    failed.attributes = {{"troth.outcome", "ABORTED"}, {"odd", "\xff \" \n"}};
    failed.error = "CONSTRAINT";
    (*file)->finish(std::move(failed));
    (*file)->finish(span_named("second"));
  }
  {
    auto again = SpanFile::open(path, "troth-coordinator", "c1", Logger());
    REQUIRE(again.has_value());
    (*again)->finish(span_named("third"));
  }
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 3);
  const auto& resource = lines[0]["resourceSpans"][0];
  CHECK(resource["resource"]["attributes"][0]["value"]["stringValue"] == "troth-coordinator");
  const auto& span = resource["scopeSpans"][0]["spans"][0];
  CHECK(span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(span["parentSpanId"] == "00f067aa0ba902b7");
  CHECK(span["spanId"] == SpanId::of("troth.v1.Coordinator/submit").text());
  CHECK(span["kind"] == 2);
  CHECK(span["startTimeUnixNano"] == "1700000000121500000");
  CHECK(span["endTimeUnixNano"] == "1700000000123000000");
  CHECK(span["status"]["code"] == 2);
  CHECK(span["attributes"][0]["key"] == "troth.outcome");
  CHECK(!lines[1]["resourceSpans"][0]["scopeSpans"][0]["spans"][0].contains("status"));
}

TEST_CASE("a file that takes nothing drops spans and says how many") {
  auto file = SpanFile::open("/dev/full", "troth-coordinator", "c1", Logger());
  REQUIRE(file.has_value());
  (*file)->finish(span_named("lost"));
  while ((*file)->dropped() == 0) std::this_thread::yield();
  CHECK((*file)->dropped() == 1);
  const auto missing = SpanFile::open("/nowhere/spans", "s", "c1", Logger());
  REQUIRE(!missing.has_value());
  CHECK(missing.error().context.find("/nowhere/spans") != std::string::npos);
}
