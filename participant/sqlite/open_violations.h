#pragma once
// SQLite's count of open violations of deferred foreign keys, carried from one piece of an
// interactive transaction to the next. Between two pieces the branch is taken out of the file, and
// its rows are put back without side effects, which counts nothing. SQLite tells whether the count
// is above 0, not the count. So this class measures and restores it with rows of two TEMP tables,
// which are empty again after the rollback of the branch. Worker thread only.

#include "participant/sqlite/side_effects.h"

namespace troth::participant::sqlite {

class OpenViolations {
 public:
  OpenViolations(Connection& db, SideEffects& effects) : db_(db), effects_(effects) {}
  /// Creates the TEMP tables, outside a transaction: undoing it would make SQLite parse the whole
  /// schema again.
  static Status create_tables(Connection& db);
  /// Would a COMMIT fail now?
  bool any() const;
  /// Below 0 if the transaction gave parents to orphans that were in the file before. Inside a
  /// transaction, which it leaves as it was.
  Result<std::int64_t> count();
  /// Raises or lowers a count of 0 to `count`. Inside a savepoint that the caller rolls back.
  Status restore(std::int64_t count);

 private:
  Status add_orphans(std::int64_t from, std::int64_t number);
  Result<std::int64_t> count_here();

  Connection& db_;
  SideEffects& effects_;
};

}  // namespace troth::participant::sqlite
