#pragma once
// Map and reduce over databases: the rows every participant gave become one table in memory, and a
// SELECT over it makes the answer.

#include <string>

#include "protocol/ports.h"
#include "troth/result.h"

namespace troth::cli {

/// All rows of the first statement of every branch in one result, with the participant's name in
/// front. kInvalidArgument if the columns differ in number.
Result<StatementResult> stacked(const std::vector<BranchResult>& branches);
/// `parts` as table "parts" of an empty SQLite in memory; what `select` returns over it.
/// kInvalidArgument with SQLite's message.
Result<StatementResult> merged(const StatementResult& parts, const std::string& select);

/// By SQLite's own rule: `text` ends with a semicolon that is not inside a string, a comment or a
/// trigger body. No other file of the command line uses SQLite.
bool is_complete_statement(const std::string& text);

}  // namespace troth::cli
