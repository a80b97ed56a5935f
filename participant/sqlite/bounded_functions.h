#pragma once
// SQL functions whose time SQLite does not bound. instr(), replace() and trim() with two arguments
// compare every position with the whole pattern. That takes minutes for a few megabytes, and they
// do not check the interrupt flag. These give the same results in linear time.

#include <sqlite3.h>

#include "troth/result.h"

namespace troth::participant::sqlite {

/// For every connection that compiles or runs statements of clients.
Status install_bounded_functions(sqlite3* db);

}  // namespace troth::participant::sqlite
