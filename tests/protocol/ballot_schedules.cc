// Random schedules of three-phase commit, as many as wanted:
//   ballot_schedules [--steps N] [--seed S] [--protocol e3pc|textbook]
// Prints one line; exit status 1 when members disagreed or a connected majority stayed blocked.
// With --protocol textbook it is the other way round: 1 when nothing was caught.
#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "tests/protocol/ballot_world.h"
#include "tests/protocol/textbook_three_phase.h"

namespace {

using namespace troth;
using namespace troth::tests;

struct Totals {
  std::uint64_t schedules = 0, steps = 0, crashes = 0;
  std::uint64_t commits = 0, aborts = 0, ballots = 0, disagreements = 0, stuck = 0;
};

template <class Machine>
Totals run(std::uint64_t steps, std::uint64_t first_seed) {
  Totals totals;
  for (std::uint64_t seed = first_seed; totals.steps < steps; ++seed) {
    BallotWorld<Machine> world(seed, 2 + seed % 4);
    const auto result = world.run(40 + seed % 200);
    ++totals.schedules;
    totals.steps += result.steps;
    totals.crashes += result.crashes;
    if (result.committed) ++totals.commits;
    if (result.aborted) ++totals.aborts;
    if (result.ballots) ++totals.ballots;
    if (result.stuck) ++totals.stuck;
    if (!result.disagreement.empty()) ++totals.disagreements;
    const bool bad = result.stuck || !result.disagreement.empty();
    if (bad && totals.disagreements + totals.stuck <= 3)
      fmt::print("seed {}: {}\n", seed,
                 result.stuck ? "a connected majority is blocked" : result.disagreement);
  }
  return totals;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t steps = 200'000, seed = 1;
  std::string protocol = "e3pc";
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--steps") steps = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--protocol") protocol = argv[i + 1];
  }
  const bool textbook = protocol == "textbook";
  const auto t =
      textbook ? run<TextbookThreePhase>(steps, seed) : run<protocol::QuorumBallot>(steps, seed);
  fmt::print(
      "BALLOTS protocol={} schedules={} steps={} crashes={} committed={} aborted={} "
      "terminated={} disagreements={} stuck={}\n",
      protocol, t.schedules, t.steps, t.crashes, t.commits, t.aborts, t.ballots, t.disagreements,
      t.stuck);
  if (textbook) return t.disagreements > 0 ? 0 : 1;
  // A run in which nothing happened proves nothing.
  const bool lively = t.commits > 0 && t.aborts > 0 && t.ballots > 0 && t.crashes > 0;
  return t.disagreements == 0 && t.stuck == 0 && lively ? 0 : 1;
}
