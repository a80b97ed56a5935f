#pragma once
// Proves before a vote that what a branch captured makes the same rows when it is applied. The
// statements left some state; the captured operations, applied by value to the state before, must
// leave the same rows. A branch whose rows differ votes NO: after a yes there is no way back.
// Worker thread only, inside the savepoint of the branch.

#include <map>
#include <string>
#include <vector>

#include "participant/sqlite/apply.h"

namespace troth::participant::sqlite {

class Rehearsal {
 public:
  Rehearsal(Connection& db, const Schema& schema, Applier& applier)
      : db_(db), schema_(schema), applier_(applier) {}
  /// Reads the rows that the operations name, as the statements left them.
  Status note(const std::vector<RowOp>& operations);
  /// In the state before: applies the operations and reads the same rows. What differs, or cannot
  /// be applied, in words; empty if nothing does. The caller rolls back.
  Result<std::string> repeat(const std::vector<RowOp>& operations);
  /// At recovery: applies the operations, compares every replaced row with the one that the branch
  /// had found, and undoes them. kCorruption if another program has written there meanwhile.
  Status fits(const std::vector<RowOp>& operations);
  /// The same, of a committed branch: the operations stay applied. After an error a part of them is.
  Status apply_if_fits(const std::vector<RowOp>& operations);

 private:
  struct Place {
    std::uint32_t table = 0;
    std::int64_t rowid = 0;
    std::vector<Value> row;  // only its key counts, and only where the key names the row
  };
  using Row = std::vector<Value>;  // empty: there is none
  std::vector<Place> places_of(const std::vector<RowOp>& operations) const;
  Result<Row> read(const Place& place);
  Status fits_one(const RowOp& op);

  Connection& db_;
  const Schema& schema_;
  Applier& applier_;
  std::map<std::pair<std::uint32_t, bool>, PreparedStatement> statements_;  // by rowid?
  std::vector<Place> places_;
  std::vector<Row> rows_;  // of places_, as the statements left them
};

}  // namespace troth::participant::sqlite
