#pragma once
// What a branch did to rows, in hook order: by value, never as SQL text, so that replay needs no
// functions, no triggers and no luck (failures.md 62). Also the capture of those rows through the
// pre-update hook.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "participant/sqlite/blob_writes.h"
#include "participant/sqlite/schema.h"
#include "protocol/outcome.h"

namespace troth::participant::sqlite {

enum class RowOpKind : std::uint8_t {
  kInsert = 1,
  kUpdate = 2,
  kDelete = 3,
  kSequence = 4,  ///< the table's sqlite_sequence is at least new_rowid; no rows
};

struct RowOp {
  RowOpKind kind = RowOpKind::kInsert;
  std::uint32_t table = 0;                    ///< number in the schema
  std::int64_t old_rowid = 0, new_rowid = 0;  ///< 0 for WITHOUT ROWID tables
  /// Hidden rowids are redone as well. Not those of a record that a version up to 0.1 wrote, or
  /// that is older than a change of the schema: these branches have not locked them.
  bool keeps_rowid = true;
  std::vector<Value> old_row;  ///< for update and delete, by table column
  std::vector<Value> new_row;  ///< for insert and update
  /// Columns of an update whose value in both rows is a fingerprint (untouched.h).
  std::vector<std::uint32_t> untouched;
};

/// The content of a branch's PREPARED record.
struct Redo {
  std::vector<RowOp> operations;
  std::vector<LockRequest> locks;  ///< beyond locks_of(operations): what it has read
};
std::string encode_redo(const Schema& schema, const std::vector<RowOp>& operations,
                        const std::vector<LockRequest>& locks);
/// kCorruption, naming table and column, if one is gone or rows cannot be found again: the file was
/// changed while the agent was down.
Result<Redo> decode_redo(const Schema& schema, std::string_view bytes);
/// X locks of everything the operations touched (and S on foreign-key parents).
std::vector<LockRequest> locks_of(const Schema& schema, const std::vector<RowOp>& operations);

/// The pre-update hook of the writer connection. Captures between begin() and end(); costs nothing
/// in between.
class Capture {
 public:
  Capture(sqlite3* db, const Schema& schema);
  /// `used`: bytes that the branch captured earlier; it counts towards the limit.
  void begin(std::uint64_t max_bytes, std::uint64_t used = 0);
  /// Call it whenever the schema is loaded again.
  void schema_changed() { known_ = false; }
  /// Until resume() nothing is noted.
  void pause() { active_ = false; }
  void resume() { active_ = true; }
  std::uint64_t bytes() const { return bytes_; }
  /// Why the branch cannot go on (code kNone: it can): the limit, or a row that cannot be redone.
  const AbortReason& failure() const { return failure_; }
  /// Only the tables whose rows change are noted, for schema changes.
  void watch();
  /// Lower-case names, without SQLite's own and the agent's; since watch().
  const std::set<std::string>& watched() const { return watched_; }
  /// To be called once the last statement has run, before end().
  Status complete(Connection& db) { return blob_writes_.complete(db, schema_, operations_); }
  /// The rows since begin(); to be used only without failure().
  std::vector<RowOp> end();

 private:
  static void hook(void* self, sqlite3* db, int op, const char* database, const char* table,
                   sqlite3_int64 old_rowid, sqlite3_int64 new_rowid);
  void note(sqlite3* db, int op, const char* table, std::int64_t old_rowid, std::int64_t new_rowid);
  enum class Image { kOld, kNew };
  /// The row before or after the change that is being reported.
  std::vector<Value> image(sqlite3* db, const TableInfo& table, Image which, RowOpKind kind,
                           std::int64_t rowid);
  void cannot(AbortCode code, std::string detail);  // keeps the first reason

  const Schema& schema_;
  bool active_ = false;
  bool watching_ = false;
  std::set<std::string> watched_;
  std::vector<RowOp> operations_;
  BlobWrites blob_writes_;
  bool known_ = false;                     // is there a row before, under this schema?
  std::string last_name_;                  // of the table of the row before
  const TableInfo* last_table_ = nullptr;  // that table, if the schema has it
  std::uint64_t bytes_ = 0, max_bytes_ = 0;
  AbortReason failure_;
};

}  // namespace troth::participant::sqlite
