#pragma once
// Plays a case in this process: every transaction through the resource manager of a participant and
// through a stock SQLite. The process dies where the case says so, and the next one goes on.

#include <cstdint>
#include <string>

#include "tests/differential/case.h"

namespace troth::tests::differential {

enum class Verdict : int {
  kSame = 0,
  kDifferent = 3,
  kUnjudged = 4,  ///< stock SQLite itself damaged its file
  kDead = 5,      ///< the participant could not apply, or could not start
};

/// In memory that the processes of a case share.
struct Shared {
  std::uint64_t statements, transactions, committed, failed, refused, schema_changes, kills;
  std::uint64_t refused_by_code[256];
  bool planned_kill;
  char report[8192];  ///< what differs
};

/// Goes on where the process before ended. `folder` holds the two files and the log.
Verdict play(const Case& played, const std::string& folder, Shared& shared);

/// Creates the two files from the schema of the case.
bool create_files(const Case& played, const std::string& folder);

}  // namespace troth::tests::differential
