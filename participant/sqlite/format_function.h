#pragma once
// printf() and format() of SQL, with a bound. In SQLite they have none: '%.*c' takes a step for
// each of up to two thousand million characters, does not check the interrupt flag, and gives NULL
// when the text becomes too long. These answer the same, in bounded time, and fail where SQLite's
// give NULL for a text that is too long.

#include <sqlite3.h>

#include "troth/result.h"

namespace troth::participant::sqlite {

/// For a connection that compiles or runs statements of clients.
Status install_format_function(sqlite3* db);

}  // namespace troth::participant::sqlite
