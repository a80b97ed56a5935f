#pragma once
// The resource manager for stock SQLite files. Deferred apply: a branch executes inside a
// savepoint, its row changes are captured and rolled back; they are applied when the decision
// comes. So any number of branches may be prepared at once in one file, and readers only ever see
// committed rows.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "troth/resource_manager.h"
#include "troth/time.h"

namespace troth {

struct SqliteOptions {
  std::string path;                                        ///< an existing database file
  std::uint64_t max_redo_bytes = std::uint64_t{16} << 20;  ///< per branch, else BRANCH_TOO_BIG
  /// Changed rows of all branches that are not decided, else BUSY for those of more than 4 KiB.
  std::uint64_t max_open_bytes = std::uint64_t{128} << 20;
  std::uint64_t max_result_bytes = std::uint64_t{1} << 20;  ///< per branch, else RESULT_TOO_BIG
  /// A statement that takes longer, also while it is compiled, ends with STATEMENT_INTERRUPTED. The
  /// deadline of its transaction ends it earlier.
  Duration statement_time_limit{std::chrono::seconds(5)};
  /// The same for a statement that changes the schema.
  Duration schema_change_time_limit{std::chrono::minutes(10)};
  /// Threads with connections of their own for reads that take longer than a few milliseconds, and
  /// for snapshot reads. 0: the one thread that writes runs these too.
  std::size_t readers = 0;
  /// Limit for what SQLite allocates for one statement, without page cache: STATEMENT_INTERRUPTED.
  std::uint64_t statement_memory_bytes = std::uint64_t{256} << 20;
  std::uint64_t cache_bytes = std::uint64_t{256} << 20;  ///< page cache of the writing connection
  std::uint64_t checkpoint_wal_bytes = std::uint64_t{64} << 20;  ///< a longer -wal is checkpointed
  /// Whether foreign keys are enforced and their actions carried out. May differ from start to
  /// start: decided branches are applied by value.
  bool foreign_keys = true;
  /// Run-time extensions of SQLite, for collations and functions that the schema needs. They are
  /// loaded into every connection when the file is opened; SQL can load none.
  std::vector<std::string> extensions;
  /// open() waits so long for another program that has the database locked.
  Duration busy_wait{std::chrono::seconds(10)};
};

/// For Agent::start(), which opens the file.
std::unique_ptr<DeferredApply> make_sqlite_resource_manager(SqliteOptions options);

}  // namespace troth
