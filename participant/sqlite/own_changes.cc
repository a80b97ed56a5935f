#include "participant/sqlite/own_changes.h"

#include <fmt/format.h>

namespace troth::participant::sqlite {
namespace {

Result<bool> can_note(Connection& db) {
  TROTH_ASSIGN_OR_RETURN(const auto columns,
                         db.integer("SELECT count(*) FROM pragma_table_info('troth_applied') "
                                    "WHERE name IN ('schema_version', 'rowids_since')"));
  return columns == 2;
}

}  // namespace

Result<std::optional<OwnChanges>> OwnChanges::read(Connection& db) {
  TROTH_ASSIGN_OR_RETURN(const auto noted, can_note(db));
  if (!noted) return std::optional<OwnChanges>{};
  TROTH_ASSIGN_OR_RETURN(auto row,
                         db.prepare("SELECT schema_version, rowids_since FROM main.troth_applied"));
  if (row.step() != SQLITE_ROW) return std::optional<OwnChanges>{};
  return std::optional<OwnChanges>{{row.integer(0), row.integer(1)}};
}

Status OwnChanges::note(Connection& db, std::int64_t before) {
  TROTH_ASSIGN_OR_RETURN(const auto noted, can_note(db));
  if (!noted) return {};
  TROTH_ASSIGN_OR_RETURN(const auto after, db.integer("PRAGMA schema_version"));
  return db.execute(fmt::format(
      "UPDATE main.troth_applied SET rowids_since = CASE WHEN schema_version = {0} THEN "
      "rowids_since ELSE {0} END, schema_version = {1}",
      before, after));
}

Status OwnChanges::forget_rowids(Connection& db) {
  TROTH_ASSIGN_OR_RETURN(const auto noted, can_note(db));
  if (!noted) return {};
  TROTH_ASSIGN_OR_RETURN(const auto now, db.integer("PRAGMA schema_version"));
  return db.execute(
      fmt::format("UPDATE main.troth_applied SET schema_version = {0}, rowids_since = {0}", now));
}

}  // namespace troth::participant::sqlite
