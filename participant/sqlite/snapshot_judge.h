#pragma once
// What a reader needs to judge the statements of snapshot reads by itself, while the worker may be
// busy for seconds: the schema as its own connection sees it, and an analyzer for that. Of the
// thread that uses the connection.

#include <memory>
#include <string>
#include <unordered_map>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/schema.h"
#include "participant/sqlite/statement_analysis.h"
#include "troth/resource_manager.h"

namespace troth::participant::sqlite {

/// Is all of it read at a snapshot, and the whole branch? Mixed and open ones are refused elsewhere.
bool reads_only_snapshot(const ExecuteRequest& request);

class SnapshotJudge {
 public:
  /// `db` must outlive it.
  explicit SnapshotJudge(Connection& db) : db_(db) {}

  /// The read transaction of the connection has begun: what follows is judged by the schema that it
  /// sees.
  Status begin();
  struct Verdict {
    AbortReason refusal;  ///< code != kNone: it does not run
    std::int64_t longest_value = 0;
  };
  Verdict judge(const Statement& statement);
  /// It was judged beyond a limit, so the verdict may be wrong.
  void forget(const std::string& sql) { known_.erase(sql); }

 private:
  const StatementInfo& info_of(const std::string& sql);

  Connection& db_;
  std::int64_t version_ = -1;  // of the schema below
  std::unique_ptr<Schema> schema_;
  std::unique_ptr<StatementAnalyzer> analyzer_;
  std::unordered_map<std::string, StatementInfo> known_;
  std::size_t known_text_ = 0;
};

}  // namespace troth::participant::sqlite
