#pragma once
// An in-memory database with the schema of a file and no rows, with foreign keys off. Statements
// are compiled there to learn which tables and keys they touch, and DDL is tried there. It must
// have every table that the file has, in whatever order the file names them.

#include <memory>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

Result<std::unique_ptr<Connection>> empty_copy(const Schema& schema);

}  // namespace troth::participant::sqlite
