// Refusals before a statement executes.
#include <fmt/format.h>

#include <algorithm>

#include "participant/sqlite/manager.h"

namespace troth::participant::sqlite {

namespace {

SchemaChange analyze_change(const BranchState& branch, const Schema& schema, Connection& db,
                            StatementAnalyzer& analyzer, StatementLimits& limits) {
  const auto& statements = branch.request.statements;
  SchemaChange change;
  {
    const StatementLimits::Compiling compiling(limits, db.get(), statements.front().sql);
    change = analyze_schema_change(schema, analyzer, steps_so_far(schema, branch), statements);
  }
  if (limits.exceeded().code != AbortCode::kNone) change.refusal = limits.exceeded();
  return change;
}

// Snapshot reads hold no locks, so they cannot be part of a serializable transaction.
AbortReason judge_snapshot(const ExecuteRequest& request, Executor& executor) {
  const auto refuse = [](const char* why, std::size_t number) {
    return AbortReason{AbortCode::kSqlError, why, {}, static_cast<std::int32_t>(number)};
  };
  const auto& statements = request.statements;
  const auto at_snapshot = [](const Statement& one) { return one.read == ReadMode::kSnapshot; };
  if (std::none_of(statements.begin(), statements.end(), at_snapshot)) return {};
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (!at_snapshot(statements[i]))
      return refuse("snapshot reads and other statements do not mix in one branch", i);
    if (request.open)
      return refuse("snapshot reads are not part of an interactive transaction; send them alone",
                    i);
    if (executor.lookup(statements[i].sql).info.writes)
      return refuse("a snapshot read cannot write; send the statement without it", i);
  }
  return {};
}

}  // namespace

/// True: the agent stops or the branch was cancelled, and the branch is over.
bool SqliteResourceManager::refuse_stopped(const Gtid& gtid, std::vector<ResourceEvent>& events) {
  if (!stop_.stopped()) return false;
  AbortReason reason{AbortCode::kDraining, "the agent stops and executes nothing more", {}, -1};
  if (!stop_.stopped_for_good())
    reason = {AbortCode::kClientCancelled,
              "the transaction was given up while its statement ran",
              {},
              -1};
  refuse_vote(gtid, std::move(reason), events);
  return true;
}

bool SqliteResourceManager::refuse(Branch& branch, std::vector<ResourceEvent>& events) {
  const Gtid gtid = branch.request.gtid;
  if (refuse_stopped(gtid, events)) return true;
  if (const auto now = clock_.now(); now - file_.checked > std::chrono::milliseconds(10)) {
    file_.checked = now;
    if (!bench_.database->still_there()) {
      refuse_vote(gtid,
                  {AbortCode::kDatabaseReplaced,
                   fmt::format("{} is no longer the file this agent opened", options_.path),
                   {},
                   -1},
                  events);
      return true;
    }
    if (bench_.database->written_by_others()) {
      refuse_vote(
          gtid,
          {AbortCode::kDatabaseReplaced,
           fmt::format("another program has written {} past SQLite's locks, through another "
                       "name of the file perhaps; stop it, check the file, and restart "
                       "this participant",
                       options_.path),
           {},
           -1},
          events);
      return true;
    }
  }
  if (auto misused = judge_snapshot(branch.request, *bench_.executor);
      misused.code != AbortCode::kNone) {
    refuse_vote(gtid, std::move(misused), events);
    return true;
  }
  if (branch.decidable && branch.request.statements.empty()) return false;  // all is done
  branch.change.reset();
  for (const auto& statement : branch.request.statements)
    if (const auto kind = maintenance_of(statement.sql)) branch.maintenance = kind;
  if (branch.maintenance) {
    auto refusal = refusal_of_maintenance(branch.request);
    if (refusal.code == AbortCode::kNone) return false;
    refuse_vote(gtid, std::move(refusal), events);
    return true;
  }
  if (changes_schema(branch)) {
    branch.change = analyze_change(branch, bench_.schema, bench_.database->connection(),
                                   *bench_.analyzer, *bench_.limits);
    if (branch.change->refusal.code == AbortCode::kNone) return false;
    if (wait_for_change(branch, events)) return true;
    refuse_vote(gtid, std::move(branch.change->refusal), events);
    return true;
  }
  auto reason = refusal_of(branch.request.statements, *bench_.executor);
  if (reason.code == AbortCode::kNone) return false;
  if (wait_for_change(branch, events)) return true;
  refuse_vote(gtid, std::move(reason), events);
  return true;
}

AbortReason refusal_of(const std::vector<Statement>& statements, Executor& executor) {
  for (std::size_t i = 0; i < statements.size(); ++i) {
    const auto& statement = statements[i];
    const auto& info = executor.lookup(statement.sql).info;
    const bool all_given = statement.params.size() == static_cast<std::size_t>(info.parameters);
    if (info.refusal.code == AbortCode::kNone && all_given) continue;
    auto reason = info.refusal;
    if (reason.code == AbortCode::kNone)
      reason = {AbortCode::kParameterCount,
                fmt::format("the statement takes {} parameters, {} were given", info.parameters,
                            statement.params.size()),
                {},
                -1};
    reason.statement = static_cast<std::int32_t>(i);
    return reason;
  }
  return {};
}

}  // namespace troth::participant::sqlite
