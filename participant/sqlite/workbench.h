#pragma once
// The resource manager's connection to its file, the schema of the file, and the tools for that
// schema: the analyzer, the capture hook, the applier and the executor.

#include <memory>
#include <string>

#include "participant/sqlite/executor.h"
#include "participant/sqlite/long_reads.h"
#include "participant/sqlite/rehearsal.h"
#include "participant/sqlite/schema_change.h"
#include "participant/sqlite/sqlite_resource_manager.h"

namespace troth::participant::sqlite {

/// Owned by the resource manager, which uses the tools directly. Invariant: every tool belongs to
/// `schema`. Code that changes the schema of the file calls reload() before it does anything else.
/// Worker thread only.
struct Workbench {
  Workbench(const SqliteOptions& given, const Clock& time, const Logger& log)
      : options_(given), clock_(time), logger_(log) {}
  Workbench(const Workbench&) = delete;  // the tools refer to each other
  Workbench& operator=(const Workbench&) = delete;

  /// Before the marker is written, and before load().
  Status enter_wal_mode();
  /// Loads the schema, makes the tools and begins the outer transaction. Precondition: `database` is
  /// open and has its marker; `watchdog` and `limits` exist.
  Status load();
  /// Loads the schema again, and rebuilds everything that was compiled or looked up under the one
  /// before.
  Status reload();
  /// Repeats a committed schema change inside the outer transaction, and reloads.
  Status redo_change(const SchemaRedo& change);
  /// Repeats rows that were written between two DDL statements, under the schema that the
  /// statements before have made.
  Status redo_rows(const std::string& redo);

  std::unique_ptr<Database> database;
  Schema schema;
  std::uint64_t generation = 0;  ///< of schema; grows with every reload()
  // In the order in which they are made: each refers to some of those before it.
  std::unique_ptr<StatementWatchdog> watchdog;
  std::unique_ptr<StatementLimits> limits;
  std::unique_ptr<LongReads> reads;
  std::unique_ptr<StatementAnalyzer> analyzer;
  std::unique_ptr<Capture> capture;
  std::unique_ptr<SideEffects> effects;
  std::unique_ptr<Applier> applier;
  std::unique_ptr<Rehearsal> rehearsal;  ///< of what the log says, at recovery
  std::unique_ptr<Executor> executor;

 private:
  Status make_tools();

  const SqliteOptions& options_;
  const Clock& clock_;
  const Logger& logger_;
};

}  // namespace troth::participant::sqlite
