#pragma once
// CREATE, DROP, ALTER and numbers in the header, alone or with other statements between them. In a
// transaction of one participant or of several, in one piece or in several. Rows are redone by
// value; a schema change is redone by its text. That is sound for three reasons. Its branch holds X
// on the schema and on every table that it changes until it is applied. The log names the version
// of the schema before it and the digest of the schema after it. SQLite commits it together with
// the marker row, so the file holds all of it and a marker at or past its record, or neither.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "participant/sqlite/redo.h"
#include "participant/sqlite/side_effects.h"
#include "participant/sqlite/statement_analysis.h"
#include "participant/sqlite/statement_limits.h"

namespace troth::participant::sqlite {

/// What a branch with DDL names, found before it runs.
struct SchemaChange {
  AbortReason refusal;          ///< code != kNone: it cannot be promised
  std::set<std::string> names;  ///< of tables and views, lower-case
  /// X on the schema and on every table that it changes. Also S on tables with hidden rowids, in a
  /// file without a note of the agent's own changes: there the redo of a prepared branch finds
  /// their rows only under the schema version with which it was written.
  std::vector<LockRequest> locks;
};

/// DDL by its text, or what other statements did to rows: encode_redo() under the schema that the
/// steps before have made.
struct ChangeStep {
  bool rows = false;
  std::string content;
};
/// Runs the DDL on an empty copy of the schema; the file is not touched. `analyzer` is asked what
/// existing views read. `earlier`: the branch's work before these statements.
SchemaChange analyze_schema_change(const Schema& schema, StatementAnalyzer& analyzer,
                                   const std::vector<ChangeStep>& earlier,
                                   const std::vector<Statement>& statements);

struct SchemaRedo {
  std::int64_t version_before = 0;
  std::vector<ChangeStep> steps;
  std::string digest_after;  ///< of every definition in the file
  std::string locks;         ///< that the branch holds, as put_locks() writes them
};
std::string encode_schema_redo(const SchemaRedo& redo);
/// Is this the redo of a schema change, and not of rows?
bool is_schema_redo(std::string_view bytes);
Result<SchemaRedo> decode_schema_redo(std::string_view bytes);
/// For a branch that is in doubt after a restart: its locks, if the file still has the schema
/// before the change.
Result<std::vector<LockRequest>> locks_of(const Schema& schema, const SchemaRedo& redo);

struct TriedSchemaChange {
  AbortReason failure;                   ///< code != kNone: refused
  std::optional<SchemaRedo> redo;        ///< of all of it; none: it changes nothing
  std::vector<StatementResult> results;  ///< one for each statement
};
struct RanRows {
  AbortReason failure;
  std::string redo;  ///< empty: no row was changed
  std::vector<StatementResult> results;
};
/// Runs statements that are not DDL under the present schema, and leaves their changes in place.
using RunRows = std::function<Result<RanRows>(const std::vector<Statement>& statements)>;
/// Applies the rows of a step, under the present schema.
using ApplyRows = std::function<Status(const std::string& redo)>;
struct SchemaTrial {
  Connection& db;
  Capture& capture;
  const Schema& schema;
  StatementLimits& limits;
  SideEffects& effects;
  RunRows run_rows;
  ApplyRows apply_rows;
  bool recorded = false;  ///< give a redo even if nothing changes: it holds the locks
};
/// Repeats `earlier`, the branch's work so far, and runs the statements after it, inside a
/// savepoint; reads the result, and undoes it. An error: the outer transaction is in an unknown
/// state.
Result<TriedSchemaChange> try_schema_change(const SchemaTrial& trial, const SchemaChange& change,
                                            const std::vector<ChangeStep>& earlier,
                                            const std::vector<Statement>& statements);

/// For good, in the outer transaction. kCorruption if the file is not what the log says.
Status apply_schema_change(Connection& db, const SchemaRedo& redo, const ApplyRows& apply_rows);

}  // namespace troth::participant::sqlite
