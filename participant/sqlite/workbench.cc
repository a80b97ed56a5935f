#include "participant/sqlite/workbench.h"

#include <fmt/format.h>

#include "participant/sqlite/open_violations.h"

namespace troth::participant::sqlite {

Status Workbench::load() {
  auto& db = database->connection();
  TROTH_ASSIGN_OR_RETURN(schema, Schema::load(db));
  // The hook comes before the first compiled statement, which would bypass it (participant.md
  // section 7).
  capture = std::make_unique<Capture>(db.get(), schema);
  effects = std::make_unique<SideEffects>(db);
  TROTH_TRY(OpenViolations::create_tables(db));
  TROTH_TRY(make_tools());
  TROTH_TRY(database->begin());
  TROTH_TRY(database->rewrite_wal());
  database->end_busy_wait();
  return {};
}

Status Workbench::enter_wal_mode() {
  if (const auto entered = database->enter_wal_mode(); !entered)
    return fail(entered.error(), fmt::format("database {}", options_.path));
  if (database->was_converted())
    logger_.warn("switched the database to WAL mode; its other programs keep working",
                 {{"database", options_.path}});
  return {};
}

Status Workbench::make_tools() {
  auto& db = database->connection();
  executor.reset();
  rehearsal.reset();
  applier.reset();
  TROTH_ASSIGN_OR_RETURN(analyzer, StatementAnalyzer::create(schema));
  if (const auto tested = analyzer->self_test(); !tested)
    logger_.warn("coarse locks", {{"reason", tested.error().context}});
  applier = std::make_unique<Applier>(db, schema, *effects);
  rehearsal = std::make_unique<Rehearsal>(db, schema, *applier);
  executor = std::make_unique<Executor>(*database, schema, *analyzer, *applier, *capture, *effects,
                                        *limits, options_, clock_);
  return {};
}

Status Workbench::reload() {
  auto& db = database->connection();
  TROTH_ASSIGN_OR_RETURN(schema, Schema::load(db, &schema));
  capture->schema_changed();
  ++generation;
  return make_tools();
}

Status Workbench::redo_change(const SchemaRedo& change) {
  // No row outside the named tables changes (schema_change.h), so nothing is lost.
  effects->off();
  TROTH_TRY(apply_schema_change(database->connection(), change,
                                [this](const std::string& redo) { return redo_rows(redo); }));
  return reload();
}

Status Workbench::redo_rows(const std::string& redo) {
  TROTH_TRY(reload());
  TROTH_ASSIGN_OR_RETURN(const auto decoded, decode_redo(schema, redo));
  TROTH_TRY(applier->apply(decoded.operations));
  effects->off();
  return {};
}

}  // namespace troth::participant::sqlite
