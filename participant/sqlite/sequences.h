#pragma once
// AUTOINCREMENT uses up ids for rows that it does not store (OR IGNORE, upsert), and SQLite reports
// no write of sqlite_sequence. So the counters are read before and after the statements. A change
// that the captured rows alone would not cause is added as an operation. Worker thread only.

#include <optional>
#include <utility>
#include <vector>

#include "participant/sqlite/redo.h"

namespace troth::participant::sqlite {

class Sequences {
 public:
  Sequences(Connection& db, const Schema& schema) : db_(db), schema_(schema) {}
  /// The counters of these AUTOINCREMENT tables, before the statements.
  Status begin(const std::vector<std::uint32_t>& tables);
  /// Afterwards: adds what redo of `operations` would leave out. False if no operation says it.
  Result<bool> complete(std::vector<RowOp>& operations);

 private:
  using Counter = std::optional<std::int64_t>;  // nothing: it has no row yet
  Result<Counter> read(std::uint32_t table);
  Result<bool> names_are_unique(const std::vector<RowOp>& operations);
  /// What redo makes of `counter`.
  Counter redone(std::uint32_t table, Counter counter, const std::vector<RowOp>& operations) const;

  Connection& db_;
  const Schema& schema_;
  PreparedStatement read_;
  std::vector<std::pair<std::uint32_t, Counter>> before_;
};

}  // namespace troth::participant::sqlite
