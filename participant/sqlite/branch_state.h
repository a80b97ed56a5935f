#pragma once
// One branch as the SQLite resource manager keeps it, from its first statement to its decision.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/boxed.h"
#include "participant/sqlite/maintenance.h"
#include "participant/sqlite/redo.h"
#include "participant/sqlite/schema_change.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

struct BranchState {
  static constexpr std::uint64_t kNoGeneration = ~std::uint64_t{0};

  ExecuteRequest request;
  std::vector<RowOp> operations;
  bool waiting = false;
  bool begun = false;  ///< interactive: has executed something and keeps what it did and locked
  std::uint64_t captured_bytes = 0;
  std::int64_t open_violations = 0;  ///< of deferred foreign keys, after the last piece
  bool failed_alone =
      false;  ///< waited for the writers of its tables once: its next failure is its own
  std::uint64_t generation = kNoGeneration;  ///< of the schema its locks were chosen by
  std::optional<Maintenance> maintenance;    ///< it is all that the branch does
  Boxed<SchemaChange> change;                ///< DDL is among the statements, or came before them
  Boxed<SchemaRedo> decidable;  ///< all that the branch did, once it has changed the schema
  std::uint64_t read = 0;       ///< its number among the long reads while a reader works for it
};

/// After it has changed the schema, all later statements are tried on the changed schema.
bool changes_schema(const BranchState& branch);
/// Its earlier work, as the beginning of a change of the schema.
std::vector<ChangeStep> steps_so_far(const Schema& schema, const BranchState& branch);

}  // namespace troth::participant::sqlite
