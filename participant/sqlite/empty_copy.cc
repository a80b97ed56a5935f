#include "participant/sqlite/empty_copy.h"

#include "participant/sqlite/bounded_functions.h"
#include "participant/sqlite/missing_code.h"

namespace troth::participant::sqlite {

namespace {

// The order of the file is that of its last VACUUM. A virtual table makes its shadow tables, and an
// FTS table may take its columns from the table or view whose content it shows.
enum class Turn : std::uint8_t { kTable, kView, kVirtualTable, kShadow, kIndex, kTrigger };
constexpr Turn kTurns[] = {Turn::kTable,  Turn::kView,  Turn::kVirtualTable,
                           Turn::kShadow, Turn::kIndex, Turn::kTrigger};

// AUTOINCREMENT makes sqlite_sequence and a module its shadow tables; a module may be missing.
bool may_fail(Turn turn, const Definition& definition) {
  return turn == Turn::kVirtualTable || turn == Turn::kShadow ||
         definition.name.rfind("sqlite_", 0) == 0;
}

Turn turn_of(const Schema& schema, const Definition& definition) {
  if (definition.type == "view") return Turn::kView;
  if (definition.type == "index") return Turn::kIndex;
  if (definition.type == "trigger") return Turn::kTrigger;
  const auto* table = schema.find(definition.name);
  if (table == nullptr || !table->is_virtual)
    return table != nullptr && table->is_shadow ? Turn::kShadow : Turn::kTable;
  return Turn::kVirtualTable;
}

Status create(Connection& copy, const Definition& definition) {
  auto created = copy.execute(definition.sql);
  constexpr int kMostStandIns = 100;
  for (int i = 0; !created && i < kMostStandIns && stand_in_for_missing_code(copy.get()); ++i)
    created = copy.execute(definition.sql);
  return created;
}

}  // namespace

Result<std::unique_ptr<Connection>> empty_copy(const Schema& schema) {
  TROTH_ASSIGN_OR_RETURN(
      auto copy,
      Connection::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                       nullptr));
  TROTH_TRY(install_bounded_functions(copy->get()));
  TROTH_TRY(copy->set_traits(schema.traits()));
  // Or SQLite's own tables (sqlite_stat1, sqlite_sequence) could not be created by name.
  TROTH_TRY(copy->execute("PRAGMA writable_schema=ON"));
  for (const auto turn : kTurns) {
    for (const auto& definition : schema.definitions()) {
      if (turn_of(schema, definition) != turn) continue;
      const auto created = create(*copy, definition);
      if (!created && !may_fail(turn, definition))
        return fail(created.error(), "cannot rebuild the schema for analysis");
    }
  }
  TROTH_TRY(copy->execute("PRAGMA writable_schema=OFF"));
  // With foreign keys off, their checks do not show up as scans of the child (participant.md
  // section 4).
  TROTH_TRY(copy->execute("PRAGMA foreign_keys=OFF"));
  set_statement_limits(copy->get());
  return copy;
}

}  // namespace troth::participant::sqlite
