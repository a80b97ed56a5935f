#include "base/settings.h"

#include <doctest/doctest.h>

using namespace troth;

TEST_CASE("durations carry their unit") {
  struct Row {
    std::string text;
    std::int64_t ns;
  };
  for (const Row& row :
       {Row{"250us", 250'000}, Row{"500ms", 500'000'000}, Row{"0ms", 0}, Row{"30s", 30'000'000'000},
        Row{"5m", 300'000'000'000}, Row{"24h", 86'400'000'000'000}}) {
    const auto parsed = parse_duration(row.text);
    REQUIRE_MESSAGE(parsed, row.text);
    CHECK(parsed->count() == row.ns);
  }
  for (const char* text :
       {"", "5", "s", "-1s", "1 s", "1.5s", "5parsecs", "+5s", "1001h", "99999999999999999999s"})
    CHECK_MESSAGE(!parse_duration(text), text);
}

TEST_CASE("durations are written as they are read") {
  for (const char* text : {"250us", "500ms", "30s", "5m", "24h"})
    CHECK(duration_text(*parse_duration(text)) == text);
}

TEST_CASE("sizes carry their unit") {
  CHECK(*parse_size("100B") == 100);
  CHECK(*parse_size("512KiB") == 512 * 1024);
  CHECK(*parse_size("64MiB") == 64 * 1024 * 1024);
  for (const char* text : {"", "64", "64mib", "-1B", "9999999999GiB"})
    CHECK_MESSAGE(!parse_size(text), text);
}

TEST_CASE("addresses") {
  CHECK(parse_host_port("127.0.0.1:7420")->port == 7420);
  CHECK(parse_host_port("[::1]:0")->host == "::1");
  for (const char* text :
       {"", "host", ":1", "host:", "host:x", "host:65536", "host:-1", "127.0.0.1:1:2", "::1:0"})
    CHECK_MESSAGE(!parse_host_port(text), text);
  CHECK(parse_assignment("orders=127.0.0.1:7430")->first == "orders");
  for (const char* text : {"127.0.0.1:7430", "=127.0.0.1:7430", "orders=nowhere"})
    CHECK_MESSAGE(!parse_assignment(text), text);
}
