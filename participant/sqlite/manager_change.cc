// The resource manager and branches that change the schema: their locks, their trial, and their
// redo.
#include <fmt/format.h>

#include <algorithm>

#include "participant/sqlite/manager.h"

namespace troth::participant::sqlite {

bool changes_schema(const BranchState& branch) {
  const auto& statements = branch.request.statements;
  return branch.decidable || std::any_of(statements.begin(), statements.end(), [](const auto& one) {
           return is_schema_statement(one.sql);
         });
}

std::vector<ChangeStep> steps_so_far(const Schema& schema, const BranchState& branch) {
  if (branch.decidable) return branch.decidable->steps;
  if (branch.operations.empty()) return {};
  return {{true, encode_redo(schema, branch.operations, {})}};
}

Result<TriedSchemaChange> SqliteResourceManager::try_change(const Branch& branch) {
  bench_.limits->begin_change(branch.request.deadline);
  if (const auto cleared = bench_.executor->make_way(); !cleared) repair_outer_transaction();
  logger_.info("changes the schema; other transactions of this participant wait",
               {{"gtid", branch.request.gtid},
                {"statement", statement_digest(branch.request.statements.front().sql)}});
  const auto began = clock_.now();
  const auto before = bench_.schema;
  const auto generation = bench_.generation;
  // Everything is locked. The rows are put in place by value, as they will be redone.
  const auto run = [this](const std::vector<Statement>& statements) -> Result<RanRows> {
    TROTH_TRY(bench_.reload());
    RanRows out;
    out.failure = refusal_of(statements, *bench_.executor);
    if (out.failure.code != AbortCode::kNone) return out;
    const std::vector<RowOp> nothing;
    const PendingInserts nobody(bench_.schema);  // else writes here
    TROTH_ASSIGN_OR_RETURN(auto ran,
                           bench_.executor->run(statements, {Gtid(), nothing}, true, nobody));
    out.failure = std::move(ran.failure);
    if (out.failure.code != AbortCode::kNone) return out;
    out.results = std::move(ran.results);
    if (!ran.operations.empty()) {
      out.redo = encode_redo(bench_.schema, ran.operations, {});
      TROTH_TRY(bench_.applier->apply(ran.operations));
    }
    bench_.effects->on();
    return out;
  };
  const auto apply = [this](const std::string& redo) { return bench_.redo_rows(redo); };
  auto tried = try_schema_change(
      {bench_.database->connection(), *bench_.capture, before, *bench_.limits, *bench_.effects, run,
       apply, branch.request.recorded},
      *branch.change, steps_so_far(bench_.schema, branch), branch.request.statements);
  if (!tried || !bench_.database->connection().in_transaction()) repair_outer_transaction();
  logger_.info(
      "executed the schema change",
      {{"gtid", branch.request.gtid},
       {"ms",
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.now() - began).count()}});
  if (generation != bench_.generation) {  // rows were tried under the schema in between
    if (const auto back = bench_.reload(); !back && !broken_) broken_ = back.error();
  }
  return tried;
}

// A statement that does not fit the schema may fit after an undecided change, or after one that its
// client knows to be committed and whose COMMIT has not arrived here.
bool SqliteResourceManager::wait_for_change(Branch& branch, std::vector<ResourceEvent>& events) {
  const auto lock = bench_.schema.whole(LockMode::kS);
  if (!lock) return false;
  const Gtid gtid = branch.request.gtid;
  const auto acquired = locks_.try_acquire(gtid, branch.request.priority, {*lock});
  if (acquired.granted) return false;
  branch.generation =
      BranchState::kNoGeneration;  // it is analysed anew, whatever becomes of the change
  wait(branch, {*lock}, acquired, events);
  return true;
}

// With everything it changes locked: nothing executed, prepared or open touches it.
void SqliteResourceManager::attempt_change(Branch& branch, std::vector<ResourceEvent>& events) {
  const Gtid gtid = branch.request.gtid;
  if (!branch.decidable && branch.open_violations != 0)
    return refuse_vote(gtid,
                       {AbortCode::kForeignKey,
                        "deferred foreign keys must hold before a change of the schema",
                        {},
                        -1},
                       events);
  Executed done;
  done.gtid = gtid;
  if (!branch.request.statements.empty()) {
    auto tried = try_change(branch);
    const bool failed = !tried || tried->failure.code != AbortCode::kNone;
    if (failed && refuse_stopped(gtid, events)) return;
    if (!tried)
      return refuse_vote(gtid, {AbortCode::kSqlError, tried.error().context, {}, -1}, events);
    if (tried->failure.code != AbortCode::kNone)
      return refuse_vote(gtid, std::move(tried->failure), events);
    branch.request.statements = {};
    done.results = std::move(tried->results);
    if (tried->redo) branch.decidable = std::move(*tried->redo);
  }
  branch.begun |= branch.request.open;
  const bool decides = !branch.request.open && branch.decidable;
  done.vote = decides && !branch.decidable->steps.empty() ? Vote::kCommit : Vote::kReadOnly;
  if (decides) done.redo = encode_schema_redo(*branch.decidable);
  events.emplace_back(std::move(done));
}

}  // namespace troth::participant::sqlite
