#pragma once
// VACUUM, ANALYZE, REINDEX and PRAGMA optimize: they change how the file stores its rows, not the
// rows. So they are not part of a transaction and leave no redo. They run in a SQLite transaction
// of their own, between two of the agent's, when every applied branch is in the file. Worker thread
// only.

#include <optional>
#include <string_view>
#include <vector>

#include "participant/sqlite/database.h"
#include "participant/sqlite/schema.h"
#include "participant/sqlite/statement_limits.h"
#include "protocol/outcome.h"

namespace troth::participant::sqlite {

enum class Maintenance : std::uint8_t { kVacuum, kAnalyze, kReindex, kOptimize };
/// Nothing if `sql` is anything else.
std::optional<Maintenance> maintenance_of(std::string_view sql);
/// Code kNone: it may run. It must be one statement without parameters, and all that its client asks
/// of one participant.
AbortReason refusal_of_maintenance(const ExecuteRequest& request);
/// X on the schema. VACUUM: also on every table with hidden rowids. It gives them new numbers, so
/// it waits for branches that name rows by them.
std::vector<LockRequest> locks_for(Maintenance kind, const Schema& schema);
/// Inside the outer transaction, in which nothing is; the same afterwards. The schema must be loaded
/// again then. An error: the outer transaction is in an unknown state.
Result<AbortReason> run_maintenance(Maintenance kind, const std::string& sql, Database& database,
                                    StatementLimits& limits);

}  // namespace troth::participant::sqlite
