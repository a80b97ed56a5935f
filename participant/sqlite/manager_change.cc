// The resource manager tries a schema change, with the statements between its DDL.
#include "participant/sqlite/manager.h"

namespace troth::participant::sqlite {

// With everything it changes locked: nothing executed, prepared or open touches it.
void SqliteResourceManager::attempt_change(Branch& branch, std::vector<ResourceEvent>& events) {
  const Gtid gtid = branch.request.gtid;
  tools_.effects->on();
  tools_.limits->begin(branch.request.deadline);
  const auto before = schema_;
  const auto generation = generation_;
  const auto run = [this](const std::vector<Statement>& statements) {
    return run_rows(statements);
  };
  auto tried =
      try_schema_change({database_->connection(), *tools_.capture, before, *tools_.limits, run},
                        *branch.change, branch.request.statements);
  if (!tried || !database_->connection().in_transaction()) repair_outer_transaction();
  if (generation != generation_) {  // rows were tried under the schema in between
    if (const auto back = reload(); !back && !broken_) broken_ = back.error();
  }
  const bool failed = !tried || tried->failure.code != AbortCode::kNone;
  if (failed && refuse_stopped(gtid, events)) return;
  if (!tried)
    return refuse_vote(gtid, {AbortCode::kSqlError, tried.error().context, {}, -1}, events);
  if (tried->failure.code != AbortCode::kNone)
    return refuse_vote(gtid, std::move(tried->failure), events);
  Executed done;
  done.gtid = gtid;
  done.results = std::move(tried->results);
  done.vote = tried->redo ? Vote::kCommit : Vote::kReadOnly;
  if (tried->redo) {
    done.redo = encode_schema_redo(*tried->redo);
    branch.decidable = std::move(*tried->redo);
    changing_ = gtid;
  }
  events.emplace_back(std::move(done));
}

// Everything is locked. The rows are put in place by value, as they will be redone.
Result<RanRows> SqliteResourceManager::run_rows(const std::vector<Statement>& statements) {
  TROTH_TRY(reload());
  RanRows out;
  out.failure = refusal_of(statements);
  if (out.failure.code != AbortCode::kNone) return out;
  const std::vector<RowOp> nothing;
  TROTH_ASSIGN_OR_RETURN(auto ran,
                         tools_.executor->run(statements, {nothing}, true, pending_inserts_));
  out.failure = std::move(ran.failure);
  if (out.failure.code != AbortCode::kNone) return out;
  out.results = std::move(ran.results);
  if (!ran.operations.empty()) {
    out.redo = encode_redo(schema_, ran.operations, {});
    TROTH_TRY(tools_.applier->apply(ran.operations));
  }
  tools_.effects->on();
  return out;
}

}  // namespace troth::participant::sqlite
