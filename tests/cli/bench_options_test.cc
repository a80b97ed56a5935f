#include "bench/bench_options.h"

#include <doctest/doctest.h>

#include "bench/bench_load.h"
#include "bench/bench_tpcc.h"

using namespace troth;
using namespace troth::cli;

namespace {

std::string refusal(const std::vector<std::string>& words) {
  const auto options = parse_bench_options(words);
  return options ? "" : options.error().context;
}

std::vector<NodeName> names(int count) {
  std::vector<NodeName> out;
  for (int i = 1; i <= count; ++i) out.push_back(*NodeName::parse("p" + std::to_string(i)));
  return out;
}

}  // namespace

TEST_CASE("flags of a benchmark") {
  const auto options =
      parse_bench_options({"transfer", "--local", "--in-flight", "1000", "--seconds", "3",
                           "--warmup", "200ms", "--hot", "10", "--abort-percent", "50"});
  REQUIRE(options);
  CHECK(options->local);
  CHECK(options->time == std::chrono::seconds(3));
  CHECK(options->warmup == std::chrono::milliseconds(200));
  CHECK(options->hot == 10);
  CHECK(options->abort_percent == 50);
}

TEST_CASE("what is in flight is spread over batches and adds up") {
  for (const int in_flight : {1, 3, 7, 512, 513, 10'000}) {
    CAPTURE(in_flight);
    const auto options =
        parse_bench_options({"transfer", "--in-flight", std::to_string(in_flight)});
    REQUIRE(options);
    int sum = 0;
    for (int i = 0; i < options->workers(); ++i) {
      CHECK(options->batch_of(i) >= 1);
      CHECK(options->batch_of(i) <= options->batch);
      sum += options->batch_of(i);
    }
    CHECK(sum == in_flight);
  }
}

TEST_CASE("a wrong benchmark is refused with what would be right") {
  CHECK(parse_bench_options({"--clients", "3"})->workload == Workload::kTransfer);
  CHECK(refusal({"transfr"}).find("did you mean transfer?") != std::string::npos);
  CHECK(refusal({"transfer", "--client", "5"}) == "unknown word --client; did you mean --clients?");
  CHECK(refusal({"transfer", "--clients"}) == "--clients needs a value");
  CHECK(refusal({"transfer", "--clients", "0"}) == "--clients is a number from 1 to 2000, not 0");
  CHECK(refusal({"transfer", "--clients", "8x"}) == "--clients is a number from 1 to 2000, not 8x");
  CHECK(refusal({"transfer", "--seconds", "10ms"}) == "--seconds is at least 100ms");
  CHECK(refusal({"transfer", "--accounts", "5", "--hot", "6"}) == "--hot is at most --accounts");
  CHECK(refusal({"recovery"}) == "recovery kills daemons, so it needs its own: --local");
  CHECK(refusal({"transfer", "--dir", "/x"}) == "--dir and --segment-bytes belong to --local");
  CHECK(refusal({"tpcc"}) == "smallbank and tpcc make their own databases: --local");
  CHECK(refusal({"transfer", "--kills", "1"}) == "--kills belongs to smallbank and tpcc");
  CHECK(refusal({"tpcc", "--local", "--warehouses", "1"}) ==
        "--warehouses is at least one for each participant");
  CHECK(refusal({"smallbank", "--local", "--rate", "5"}).find("--clients") != std::string::npos);
  CHECK(refusal({"read-only", "--abort-percent", "5"}) == "--abort-percent belongs to transfer");
}

TEST_CASE("the names and constants of TPC-C") {
  CHECK(tpcc::last_name(0) == "BARBARBAR");
  CHECK(tpcc::last_name(371) == "PRICALLYOUGHT");
  CHECK(tpcc::last_name(999) == "EINGEINGEING");
  CHECK(tpcc::nurand_constant(100'000) == 8191);  // clause 2.1.6
  CHECK(tpcc::nurand_constant(3000) == 1023);
  CHECK(tpcc::nurand_constant(1000) == 255);
  CHECK(tpcc::nurand_constant(300) == 127);
}

TEST_CASE("a transfer moves money and makes none, over any number of participants") {
  for (const int participants : {1, 2, 4}) {
    CAPTURE(participants);
    BenchOptions options;
    options.hot = 10;
    TransactionMaker maker(options, names(participants), 7);
    auto request = maker.blank();
    for (int i = 0; i < 100; ++i) {
      CHECK_FALSE(maker.make(request));
      std::int64_t sum = 0;
      for (const auto& branch : request.branches) {
        const auto& params = branch.statements.at(0).params;
        sum += std::get<std::int64_t>(params.at(1));
        CHECK(std::get<std::int64_t>(params.at(0)) >= 1);
        CHECK(std::get<std::int64_t>(params.at(0)) <= options.hot);
      }
      CHECK(sum == 0);
    }
  }
}

TEST_CASE("so many of a hundred ask for a row that does not exist, and no others") {
  BenchOptions options;
  options.abort_percent = 30;
  TransactionMaker maker(options, names(2), 7);
  auto request = maker.blank();
  int failing = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool fails = maker.make(request);
    CHECK(fails == (std::get<std::int64_t>(request.branches[1].statements[0].params[0]) < 0));
    failing += fails ? 1 : 0;
  }
  CHECK(failing > 2'700);
  CHECK(failing < 3'300);
}
