#pragma once
// One named savepoint of a connection, with its three commands compiled once.

#include <fmt/format.h>

#include "participant/sqlite/connection.h"

namespace troth::participant::sqlite {

class Savepoint {
 public:
  Savepoint(Connection& db, const char* name) : db_(db), name_(name) {}

  Status begin() { return run(begin_, "SAVEPOINT"); }
  Status rollback() { return run(rollback_, "ROLLBACK TO"); }
  Status release() { return run(release_, "RELEASE"); }

 private:
  Status run(PreparedStatement& stmt, const char* what) {
    if (stmt.get() == nullptr) {
      TROTH_ASSIGN_OR_RETURN(stmt, db_.prepare(fmt::format("{} {}", what, name_), true));
    }
    const int rc = stmt.step();
    sqlite3_reset(stmt.get());
    if (rc != SQLITE_DONE) return fail(error_of(db_.get(), what));
    return {};
  }

  Connection& db_;
  const char* const name_;
  PreparedStatement begin_, rollback_, release_;
};

}  // namespace troth::participant::sqlite
