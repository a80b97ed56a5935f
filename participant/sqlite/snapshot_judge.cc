#include "participant/sqlite/snapshot_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace troth::participant::sqlite {

bool reads_only_snapshot(const ExecuteRequest& request) {
  return !request.open && !request.statements.empty() &&
         std::all_of(request.statements.begin(), request.statements.end(),
                     [](const auto& one) { return one.read == ReadMode::kSnapshot; });
}

Status SnapshotJudge::begin() {
  TROTH_ASSIGN_OR_RETURN(const auto version, db_.integer("PRAGMA schema_version"));
  if (analyzer_ != nullptr && version == version_) return {};
  known_.clear();
  known_text_ = 0;
  analyzer_.reset();
  TROTH_ASSIGN_OR_RETURN(auto schema, Schema::load(db_));
  schema_ = std::make_unique<Schema>(std::move(schema));
  TROTH_ASSIGN_OR_RETURN(analyzer_, StatementAnalyzer::create(*schema_));
  version_ = version;
  return {};
}

const StatementInfo& SnapshotJudge::info_of(const std::string& sql) {
  constexpr std::size_t kMostStatements = 256, kMostText = std::size_t{1} << 20;
  if (const auto found = known_.find(sql); found != known_.end()) return found->second;
  if (known_.size() >= kMostStatements || known_text_ > kMostText) {
    known_.clear();
    known_text_ = 0;
  }
  known_text_ += sql.size();
  return known_.emplace(sql, analyzer_->analyze(sql)).first->second;
}

SnapshotJudge::Verdict SnapshotJudge::judge(const Statement& statement) {
  const auto& info = info_of(statement.sql);
  if (info.refusal.code != AbortCode::kNone) return {info.refusal, 0};
  if (info.writes)
    return {{AbortCode::kSqlError,
             "a snapshot read cannot write; send the statement without it",
             {},
             -1},
            0};
  if (statement.params.size() != static_cast<std::size_t>(info.parameters))
    return {{AbortCode::kParameterCount,
             fmt::format("the statement takes {} parameters, {} were given", info.parameters,
                         statement.params.size()),
             {},
             -1},
            0};
  return {{}, info.work.longest_value(statement.params)};
}

}  // namespace troth::participant::sqlite
