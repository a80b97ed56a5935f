#pragma once
// CREATE, DROP and ALTER as a transaction on one participant, alone or with other statements
// between them. Rows are redone by value; a schema change is redone by its text, which is sound
// because nothing runs beside it (the resource manager lets nobody execute between its execution
// and its application), because the log names the version of the schema it starts from and the
// digest of the one it ends with, and because SQLite commits it together with the marker row: the
// file holds all of it and a marker at or past its record, or neither.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "participant/sqlite/redo.h"
#include "participant/sqlite/statement_analysis.h"
#include "participant/sqlite/statement_limits.h"

namespace troth::participant::sqlite {

/// What a list of DDL statements names, found before it runs.
struct SchemaChange {
  AbortReason refusal;          ///< code != kNone: it cannot be promised
  std::set<std::string> names;  ///< of tables and views, lower-case
  /// X on every table it changes, and S on tables with hidden rowids: the redo of a prepared branch
  /// finds their rows again only under the schema version it was written with.
  std::vector<LockRequest> locks;
};
/// Runs the statements on an empty copy of the schema; the file is not touched. `analyzer` is asked
/// what existing views read.
SchemaChange analyze_schema_change(const Schema& schema, StatementAnalyzer& analyzer,
                                   const std::vector<Statement>& statements);

/// DDL by its text, or what other statements did to rows: encode_redo() under the schema that the
/// steps before have made.
struct ChangeStep {
  bool rows = false;
  std::string content;
};
struct SchemaRedo {
  std::int64_t version_before = 0;
  std::vector<ChangeStep> steps;
  std::string digest_after;  ///< of every definition in the file
};
std::string encode_schema_redo(const SchemaRedo& redo);
/// Is this the redo of a schema change, and not of rows?
bool is_schema_redo(std::string_view bytes);
Result<SchemaRedo> decode_schema_redo(std::string_view bytes);

struct TriedSchemaChange {
  AbortReason failure;                   ///< code != kNone: refused
  std::optional<SchemaRedo> redo;        ///< none: it changes nothing (IF NOT EXISTS)
  std::vector<StatementResult> results;  ///< one for each statement
};
struct RanRows {
  AbortReason failure;
  std::string redo;  ///< empty: no row was changed
  std::vector<StatementResult> results;
};
/// Runs statements that are no DDL under the schema as it is now, and leaves what they did in place.
using RunRows = std::function<Result<RanRows>(const std::vector<Statement>& statements)>;
struct SchemaTrial {
  Connection& db;
  Capture& capture;
  const Schema& schema;
  StatementLimits& limits;
  RunRows run_rows;
};
/// Runs the change inside a savepoint, looks at what came out, and takes it back. An error: the
/// outer transaction is in an unknown state.
Result<TriedSchemaChange> try_schema_change(const SchemaTrial& trial, const SchemaChange& change,
                                            const std::vector<Statement>& statements);

/// Puts the rows of a step in place, under the schema as it is now.
using ApplyRows = std::function<Status(const std::string& redo)>;
/// For good, in the outer transaction. kCorruption if the file is not what the log says.
Status apply_schema_change(Connection& db, const SchemaRedo& redo, const ApplyRows& apply_rows);

}  // namespace troth::participant::sqlite
