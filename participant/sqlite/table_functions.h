#pragma once
// Table-valued functions of the linked SQLite: those of PRAGMAs, of JSON, of its own state. They
// declare themselves at their first use, which asks for permission like a CREATE TABLE.

#include <set>
#include <string>

#include "participant/sqlite/connection.h"

namespace troth::participant::sqlite {

/// Declares all of them on `copy`. The lower-case names of those that statements may not use.
Result<std::set<std::string>> declare_table_functions(Connection& copy);

}  // namespace troth::participant::sqlite
