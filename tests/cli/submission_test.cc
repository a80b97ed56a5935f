#include "cli/submission.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace troth;
using namespace troth::cli;

TEST_CASE("statements of one participant are one branch; --param and --expect belong to the last") {
  const auto out = parse_submission({"--on",
                                     "a",
                                     "INSERT INTO t VALUES (?1)",
                                     "--param",
                                     "7",
                                     "--on",
                                     "b",
                                     "DELETE FROM t",
                                     "--expect",
                                     "rows = 2",
                                     "--on",
                                     "a",
                                     "DELETE FROM u",
                                     "--expect",
                                     "rows >= 1",
                                     "--key",
                                     "k",
                                     "--wait",
                                     "applied",
                                     "--deadline",
                                     "3s",
                                     "--retries",
                                     "4",
                                     "--protocol",
                                     "three_phase"},
                                    "00-trace");
  REQUIRE(out);
  CHECK(out->retries == 4);
  CHECK_FALSE(out->batch);
  REQUIRE(out->requests.size() == 1);
  const auto& request = out->requests[0];
  CHECK(request.idempotency_key == "k");
  CHECK(request.answer_at == AnswerAt::kApplied);
  CHECK(request.deadline == std::chrono::seconds(3));
  CHECK(request.protocol == CommitProtocol::kThreePhase);
  CHECK(request.traceparent == "00-trace");
  REQUIRE(request.branches.size() == 2);
  REQUIRE(request.branches[0].statements.size() == 2);
  CHECK(request.branches[0].statements[0].params == std::vector<Value>{std::int64_t{7}});
  CHECK_FALSE(request.branches[0].statements[0].expect);
  CHECK(request.branches[0].statements[1].expect);
  REQUIRE(request.branches[1].statements.size() == 1);
  CHECK(request.branches[1].statements[0].expect);
}

TEST_CASE("what is wrong with the words is said") {
  const auto error_of = [](const Words& words) {
    const auto out = parse_submission(words, nullptr);
    REQUIRE_FALSE(out);
    CHECK(out.error().code == ErrorCode::kInvalidArgument);
    return out.error().context;
  };
  CHECK(error_of({}) == "nothing to submit; give --on NAME \"SQL\" or a JSON file");
  CHECK(error_of({"--on", "a"}) ==
        "--on needs a participant and a statement: --on orders \"INSERT ...\"");
  CHECK(error_of({"--param", "1"}) == "--param belongs behind an --on");
  CHECK(error_of({"--expect", "rows = 1"}) == "--expect belongs behind an --on");
  CHECK(error_of({"--on", "a", "SELECT 1", "--key"}) == "--key needs a value");
  CHECK(error_of({"--on", "a", "SELECT 1", "--wait", "long"}) == "--wait is decided or applied");
  CHECK(error_of({"--on", "a", "SELECT 1", "--retries", "1001"}) == "--retries is 0 to 1000");
  CHECK(error_of({"--on", "a", "SELECT 1", "--key", ""}) ==
        "--key is empty; leave it out for none");
  CHECK(error_of({"--kye", "1"}) == "unknown flag --kye; did you mean --key?");
  CHECK(error_of({"no-such-file.json"}) == "cannot read no-such-file.json");
}

TEST_CASE("flags are the defaults of requests that come from files") {
  const auto path = (std::filesystem::temp_directory_path() /
                     ("troth-submission-" + std::to_string(::getpid()) + ".json"))
                        .string();
  const std::string one = R"({"branches": [{"on": "a", "statements": ["DELETE FROM t"]}]})";
  std::ofstream(path) << one;
  const auto out = parse_submission(
      {path, "--deadline", "7s", "--batch", "--key", "k", "--comment", "nightly"}, nullptr);
  REQUIRE(out);
  CHECK(out->batch);
  REQUIRE(out->requests.size() == 1);
  CHECK(out->requests[0].deadline == std::chrono::seconds(7));
  CHECK(out->requests[0].idempotency_key == "k");
  CHECK(out->requests[0].comment == "nightly");
  CHECK(out->requests[0].traceparent.empty());

  std::ofstream(path) << "[" << one << "," << one << "]";
  const auto two = parse_submission({path, "--key", "k"}, nullptr);
  REQUIRE_FALSE(two);
  CHECK(two.error().context ==
        "--key belongs to one transaction, and these are 2; give each its \"key\" in the file");

  std::ofstream(path) << R"({"key": "own", )" << one.substr(1);
  CHECK(parse_submission({path}, nullptr)->requests[0].idempotency_key == "own");
  const auto other = parse_submission({path, "--key", "k"}, nullptr);
  REQUIRE_FALSE(other);
  CHECK(other.error().context == "--key is k, the file says own");
  std::filesystem::remove(path);
}
