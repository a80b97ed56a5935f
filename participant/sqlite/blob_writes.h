#pragma once
// Rows that sqlite3_blob_write() changes; FTS5 does so with its configuration. The pre-update hook
// reports them as deleted, without the new bytes. So those come from the next change of the row, or
// are read when the statements have run. Worker thread only.

#include <vector>

#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

struct RowOp;

class BlobWrites {
 public:
  void begin() { open_.clear(); }
  /// Operation `number`, an update, has the old bytes of `column` in its new row.
  void note(std::size_t number, int column) { open_.push_back({number, column}); }
  /// Another change of a row: the values that it found were left by an earlier operation.
  void found(const RowOp& later, std::vector<RowOp>& operations);
  /// Reads what no later operation has shown.
  Status complete(Connection& db, const Schema& schema, std::vector<RowOp>& operations);

 private:
  struct Open {
    std::size_t operation = 0;
    int column = 0;
  };
  std::vector<Open> open_;
};

}  // namespace troth::participant::sqlite
