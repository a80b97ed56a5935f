#pragma once
// One seed, one run: build a cluster, let clients work while things break (safety), then heal and
// demand that everything ends (liveness), then check.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/world.h"

namespace troth::simulation {

struct Report {
  std::uint64_t seed = 0;
  std::vector<World::Violation> violations;
  std::size_t requests = 0, committed = 0, aborted = 0, unknown = 0, crashes = 0;
  std::uint64_t events = 0;
};

/// Deterministic: the same seed gives the same report and, with `trace`, the same text on stdout.
Report run(std::uint64_t seed, bool trace);

}  // namespace troth::simulation
