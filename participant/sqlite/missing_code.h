#pragma once
// Collations and functions of an application that a schema names and this process lacks. SQLite
// opens such a file, and fails in the statements that need them; only a copy of the schema cannot be
// made without them.

#include <optional>
#include <string>

#include "participant/sqlite/connection.h"
#include "troth/outcome.h"

namespace troth::participant::sqlite {

/// If the last error of `db` says that a collation or function is missing: creates a stand-in, for a
/// database without rows. False: it says something else.
bool stand_in_for_missing_code(sqlite3* db);
/// The refusal of a statement that was understood with the help of a stand-in and cannot be compiled
/// for the file; nothing if `message` of SQLite says something else.
std::optional<AbortReason> refusal_of_missing_code(const std::string& message);

}  // namespace troth::participant::sqlite
