#pragma once
// Ends a statement that SQLite's interrupt does not end. SQLite looks at the interrupt flag where a
// program jumps; 1,900 columns of length(randomblob(60000000)) are a program without a jump. It
// compares lengths with its limits at every instruction that makes, reads or copies a value.

#include <sqlite3.h>

#include <array>

namespace troth::participant::sqlite {

/// Of one connection at a time. The caller makes sure that the connection is open and that two
/// threads do not call at the same time. Works on a connection that another thread uses: SQLite
/// keeps each limit in an integer, reads it when it needs it, and takes no lock for it.
class Brake {
 public:
  /// From now on the next value of more than a few bytes fails with SQLITE_TOOBIG, the next LIKE or
  /// GLOB and the next trigger with SQLITE_ERROR. No work of SQLite's own is concerned, such as a
  /// rollback. Idempotent.
  void pull(sqlite3* db);
  /// The limits are as before pull().
  void release();
  bool pulled() const { return db_ != nullptr; }

 private:
  sqlite3* db_ = nullptr;
  std::array<int, 3> before_ = {};
};

}  // namespace troth::participant::sqlite
