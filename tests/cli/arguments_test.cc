#include "base/arguments.h"

#include <doctest/doctest.h>

#include <map>

using namespace troth;
using namespace troth::cli;

namespace {
using Words = std::vector<std::string>;

Variables only_endpoint(const char* endpoint) {
  return [endpoint](const char* name) {
    return std::string_view(name) == "TROTH_ENDPOINT" ? endpoint : nullptr;
  };
}

Arguments parsed(const Words& argv, const char* endpoint = nullptr) {
  const auto out = parse_arguments(argv, only_endpoint(endpoint));
  REQUIRE(out);
  return *out;
}
}  // namespace

TEST_CASE("global flags are taken before and behind the command, the rest keeps its order") {
  for (const Words& argv :
       {Words{"-o", "json", "-e", "h:1", "-q", "--no-headers", "txn", "list"},
        Words{"txn", "list", "-o", "json", "-e", "h:1", "-q", "--no-headers"},
        Words{"txn", "-q", "--endpoint", "h:1", "list", "--output", "json", "--no-headers"}}) {
    const auto arguments = parsed(argv);
    CHECK(arguments.words == Words{"txn", "list"});
    CHECK(arguments.output == Output::kJson);
    CHECK(arguments.endpoints == Words{"h:1"});
    CHECK(arguments.quiet);
    CHECK_FALSE(arguments.headers);
  }
}

TEST_CASE("the endpoint: flag over environment over default; the flag may be repeated") {
  CHECK(parsed({}).endpoints == Words{"127.0.0.1:7420"});
  CHECK(parsed({}, "").endpoints == Words{"127.0.0.1:7420"});
  CHECK(parsed({}, "env:1").endpoints == Words{"env:1"});
  CHECK(parsed({"-e", "a:1", "-e", "b:2"}, "env:1").endpoints == Words{"a:1", "b:2"});
}

TEST_CASE("data that looks like a global flag stays data") {
  const Words argv{"submit", "--on",    "p",  "SELECT ?1, ?2", "--param",
                   "-q",     "--param", "-o", "--key",         "--help"};
  const auto arguments = parsed(argv);
  CHECK(arguments.words == argv);
  CHECK_FALSE(arguments.quiet);
  CHECK_FALSE(arguments.help);
  CHECK(arguments.output == Output::kTable);
}

TEST_CASE("errors name the flag and what it takes") {
  struct Row {
    Words argv;
    std::string sentence;
  };
  for (const Row& row : {Row{{"-o"}, "-o needs a value"}, Row{{"--endpoint"}, "--endpoint needs"},
                         Row{{"-o", "jsom"}, "\"jsom\" is not table, json, jsonl, plain or csv"},
                         Row{{"--timeout", "5"}, "\"5\" must be a number with a unit"}}) {
    const auto out = parse_arguments(row.argv, only_endpoint(nullptr));
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::kInvalidArgument);
    CHECK_MESSAGE(out.error().context.find(row.sentence) != std::string::npos, out.error().context);
  }
}

TEST_CASE("did you mean") {
  const Words known{"submit", "outcome", "status"};
  CHECK(did_you_mean("submti", known) == "submit");
  CHECK(did_you_mean("statu", known) == "status");
  CHECK(did_you_mean("frobnicate", known).empty());
}

TEST_CASE("colour is off when anybody asks for it; who acts is the first that says so") {
  const auto with = [](const Words& argv, std::map<std::string, std::string> set) {
    return *parse_arguments(argv, [&set](const char* name) {
      return set.count(name) == 0 ? nullptr : set[name].c_str();
    });
  };
  CHECK(with({}, {}).color);
  CHECK_FALSE(with({"--no-color"}, {}).color);
  CHECK_FALSE(with({}, {{"NO_COLOR", "1"}}).color);
  CHECK_FALSE(with({}, {{"TERM", "dumb"}}).color);
  CHECK(with({}, {{"USER", "ann"}}).by == "ann");
  CHECK(with({}, {{"USER", "ann"}, {"TROTH_OPERATOR", "oncall"}}).by == "oncall");
  CHECK(with({"--operator", "bob"}, {{"USER", "ann"}, {"TROTH_OPERATOR", "oncall"}}).by == "bob");
}
