#pragma once
// Virtual tables of the modules that come with SQLite and keep their rows in shadow tables: FTS3,
// FTS4, FTS5, rtree. What a statement writes there is captured, locked and redone as rows of the
// shadow tables. Worker thread only.

#include <optional>
#include <vector>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

/// Does `module` keep everything that it writes in shadow tables? It must keep nothing in memory
/// that redo by value could make wrong, except what VirtualTables::forget() drops.
bool keeps_rows_in_shadows(const std::string& module);
/// The module in the text of CREATE VIRTUAL TABLE, lower-case.
std::string module_of(const std::string& create);
/// The table or view whose rows an FTS table shows (its option "content"); nothing: its own.
std::optional<std::string> content_of(const std::string& create);

class VirtualTables {
 public:
  VirtualTables(Connection& db, const Schema& schema) : db_(db), schema_(schema) {}
  /// FTS keeps the terms of a branch in memory until a savepoint begins: writes them to the shadow
  /// tables, where they can be captured.
  Status write_pending();
  /// FTS5 does not notice rows that other code put into its shadow tables under the same
  /// connection. A rollback to a savepoint makes it read them again.
  Status forget();

 private:
  Connection& db_;
  const Schema& schema_;
};

}  // namespace troth::participant::sqlite
