#pragma once
// One seed, one run: build a cluster, let clients work while things break (safety), then heal and
// demand that everything ends (liveness), then check.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/world.h"

namespace troth::simulation {

/// kMixed: SQLite files in one run of a hundred; in the others lists in memory, of which one run in
/// eight keeps some or all in servers that prepare by name (kNamed: all, in every run).
enum class Stores : std::uint8_t { kMixed, kMemory, kSqlite, kNamed };

struct Options {
  Stores stores = Stores::kMixed;
  bool hostile_network = false;  ///< much is lost, doubled and late, in every run
  bool contended = false;        ///< few rows and many clients, in every run
};

struct Report {
  std::uint64_t seed = 0;
  std::vector<World::Violation> violations;
  std::size_t requests = 0, committed = 0, aborted = 0, unknown = 0, crashes = 0;
  std::uint64_t events = 0;
  std::size_t backups = 0;   ///< old backups put in place, and noticed
  std::size_t ambushes = 0;  ///< nodes that died at a chosen message
  bool absence = false;      ///< somebody was away until everything healed
  bool sqlite = false;
  bool named = false;            ///< servers that prepare by name took part
  std::size_t terminations = 0;  ///< transactions that members tried to end without the coordinator
};

/// Deterministic: the same seed and options give the same report and, with `trace`, the same text
/// on stdout.
Report run(std::uint64_t seed, const Options& options, bool trace);

}  // namespace troth::simulation
