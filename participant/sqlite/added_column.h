#pragma once
// ALTER TABLE ADD COLUMN does not change the rows: a row that is older than a column does not store
// it, and shows the column's default. Up to SQLite 3.42 the pre-update hook shows NULL instead, as
// it does for a NULL that is stored; later ones do so for the new row of an INSERT that copies rows
// whole.

#include <memory>
#include <string>

#include "participant/sqlite/connection.h"
#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

/// The address that the pre-update hook of the linked SQLite gives for a column which the row does
/// not hold, different from that of any NULL in a row; nullptr if it has none. Never dereferenced.
const sqlite3_value* missing_column();

/// Asks SQLite itself, in memory, what older rows show.
class OlderRows {
 public:
  /// Under the column's DEFAULT as the catalogue has it. NULL for a default that is no constant:
  /// SQLite adds such a column to empty tables only.
  Result<Value> show(const std::string& default_text, Affinity affinity);

 private:
  std::unique_ptr<Connection> scratch_;
};

}  // namespace troth::participant::sqlite
