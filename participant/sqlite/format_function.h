#pragma once
// printf() and format() of SQL, which in SQLite have no bound: '%.*c' takes a step for each of up
// to two thousand million characters, looks at no interrupt flag meanwhile, and answers NULL when
// the text becomes too long. These answer the same, in bounded time, and fail where SQLite's give
// NULL for a text that is too long.

#include <sqlite3.h>

#include "troth/result.h"

namespace troth::participant::sqlite {

/// For a connection that compiles or runs statements of clients.
Status install_format_function(sqlite3* db);

}  // namespace troth::participant::sqlite
