// troth-differential: what tests/differential.sh runs. Exit 1 if there is a difference or a death.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "participant/sqlite/allocation_budget.h"
#include "tests/differential/generator.h"
#include "tests/differential/runner.h"
#include "tests/differential/shrink.h"
#include "troth/outcome.h"

namespace troth::tests::differential {

namespace {

constexpr std::size_t kStatementsPerSchema = 200;

struct Options {
  std::uint64_t statements = 0, seed = 1;
  int shrink = 1500;
  bool show = false;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--show") {
      options.show = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const std::string_view text = argv[++i];
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    if (name == "--statements") {
      options.statements = value;
    } else if (name == "--seed") {
      options.seed = value;
    } else if (name == "--shrink") {
      options.shrink = static_cast<int>(value);
    } else {
      return false;
    }
  }
  return options.statements > 0;
}

// The kind of a failure: without numbers and contents, which change while it is made smaller.
std::string kind_of(const Outcome& outcome) {
  auto text = outcome.report.substr(0, outcome.report.find('\n'));
  if (const auto quote = text.find('"'); quote != std::string::npos)
    if (const auto end = text.find("\": ", quote); end != std::string::npos)
      text = text.substr(end + 3);
  return fmt::format("{} {}", static_cast<int>(outcome.verdict), text.substr(0, 25));
}

void show_failure(Runner& runner, std::uint64_t seed, const Case& failing, const Outcome& outcome,
                  int most) {
  std::printf("seed %llu: %s\n%s\n", static_cast<unsigned long long>(seed),
              outcome.verdict == Verdict::kDead ? "DEATH" : "DIFFERENCE", outcome.report.c_str());
  const auto kind = kind_of(outcome);
  const auto small = shrink(
      failing, [&](const Case& candidate) { return kind_of(runner.run(candidate)) == kind; }, most);
  const auto again = runner.run(small);
  std::printf("made smaller:\n%s-- %s\n\n", describe(small).c_str(), again.report.c_str());
  std::fflush(stdout);
}

int run(const Options& options) {
  participant::sqlite::install_allocation_budgets();
  Runner runner, shrinking;
  std::uint64_t schemas = 0, unjudged = 0, differences = 0, deaths = 0;
  for (auto seed = options.seed; runner.counts().statements < options.statements; ++seed) {
    const auto played = Generator(seed).make(kStatementsPerSchema);
    if (options.show) std::printf("%s", describe(played).c_str());
    const auto outcome = runner.run(played);
    ++schemas;
    unjudged += outcome.verdict == Verdict::kUnjudged ? 1 : 0;
    if (outcome.verdict != Verdict::kDifferent && outcome.verdict != Verdict::kDead) continue;
    ++(outcome.verdict == Verdict::kDead ? deaths : differences);
    show_failure(shrinking, seed, played, outcome, options.shrink);
  }
  const auto& n = runner.counts();
  std::string refusals;
  for (std::size_t code = 0; code < 256; ++code)
    if (n.refused_by_code[code] != 0)
      refusals +=
          fmt::format(" {} {}", to_string(static_cast<AbortCode>(code)), n.refused_by_code[code]);
  fmt::print(
      "transactions {} committed {} failed on both sides {} schema changes {} kill -9 {} "
      "schemas that stock SQLite damages {} refused by name {}:{}\n",
      n.transactions, n.committed, n.failed, n.schema_changes, n.kills, unjudged, n.refused,
      refusals);
  fmt::print("seeds {} to {}\n", options.seed, options.seed + schemas - 1);
  fmt::print("DIFFERENTIAL statements {} schemas {} DIFFERENCES {} DEATHS {}\n", n.statements,
             schemas, differences, deaths);
  return differences + deaths == 0 ? 0 : 1;
}

}  // namespace

}  // namespace troth::tests::differential

int main(int argc, char** argv) {
  troth::tests::differential::Options options;
  if (!troth::tests::differential::parse(argc, argv, options)) {
    std::fputs("usage: troth-differential --statements N [--seed S] [--shrink TRIES] [--show]\n",
               stderr);
    return 64;
  }
  return troth::tests::differential::run(options);
}
