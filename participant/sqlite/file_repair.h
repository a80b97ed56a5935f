#pragma once
// The database of a stopped participant, for the command `repair`. Tries the work that is committed
// or in doubt in the log, shows it as SQL, and applies it by force. One outer transaction; nothing
// stays in the file without commit(). Single-threaded.

#include <memory>
#include <string>
#include <vector>

#include "participant/sqlite/apply.h"
#include "participant/sqlite/database.h"
#include "participant/sqlite/rehearsal.h"

namespace troth::participant::sqlite {

class FileRepair {
 public:
  /// Opens the file as the participant would, and owns it.
  static Result<std::unique_ptr<FileRepair>> open(const SqliteOptions& options, const Clock& clock);
  ~FileRepair();

  const OpenedDatabase& marker() const { return marker_; }
  /// Of a committed branch, as a start applies it. An error leaves nothing of it behind.
  Status apply(const std::string& redo);
  /// Of a branch in doubt: does its work still fit the file? Leaves nothing behind.
  Status fits(const std::string& redo);
  /// One statement for each row that the branch changes, for people. Of a change of the schema: its
  /// texts.
  Result<std::vector<std::string>> statements(const std::string& redo) const;
  /// Makes the rows of a committed branch what its work leaves, whatever they are now. An error, for
  /// example another row with the same unique key, leaves nothing behind. kUnsupported for a change
  /// of the schema, and for a row that is gone with a large value of which the log has no copy
  /// (untouched.h).
  Status force(const std::string& redo);
  /// Restores the rows of a branch in doubt to their values from before it. Errors as of force().
  Status restore(const std::string& redo);
  /// Durably, with the marker at `applied`.
  Status commit(Lsn applied);

 private:
  explicit FileRepair(SqliteOptions options) : options_(std::move(options)) {}
  Status reload();
  template <class Work>
  Status in_savepoint(const Work& work);
  Status put(const std::string& redo);
  Status fill_in(const std::vector<RowOp>& operations, std::size_t number, RowOp& op);
  Status force_one(const std::vector<RowOp>& operations, std::size_t number);
  Status put_row(const RowOp& op);
  Status remove(const RowOp& op);
  Result<bool> exists(const TableInfo& table, std::int64_t rowid, const std::vector<Value>& row);

  const SqliteOptions options_;
  std::unique_ptr<Database> database_;
  OpenedDatabase marker_;
  Schema schema_;
  std::unique_ptr<SideEffects> effects_;
  std::unique_ptr<Applier> applier_;
};

/// The change of one row as an SQL statement, for people.
std::string statement_of(const Schema& schema, const RowOp& op);

}  // namespace troth::participant::sqlite
