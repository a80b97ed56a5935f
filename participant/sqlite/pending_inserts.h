#pragma once
// The highest row that each undecided branch has added to a table. The highest one of all is put in
// place before the next automatic rowid is chosen, so that two undecided branches never get the
// same one (participant.md 5.4). Of AUTOINCREMENT tables only the counter counts. Worker thread
// only.

#include <map>
#include <vector>

#include "participant/sqlite/redo.h"

namespace troth::participant::sqlite {

class PendingInserts {
 public:
  explicit PendingInserts(const Schema& schema) : schema_(schema) {}
  /// What one branch did, in one piece or in several.
  void add(const std::vector<RowOp>& operations);
  /// Removes all of its inserts: it is decided.
  void remove(const std::vector<RowOp>& operations);
  bool empty() const { return by_table_.empty(); }
  /// nullptr if no branch has added a row.
  const RowOp* highest(std::uint32_t table) const;

 private:
  bool counts(const RowOp& op) const;

  const Schema& schema_;
  std::map<std::uint32_t, std::map<std::int64_t, RowOp>> by_table_;  // then by rowid
};

}  // namespace troth::participant::sqlite
