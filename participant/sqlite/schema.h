#pragma once
// The catalogue of one database as the agent needs it: what identifies a row, which keys are
// unique, which foreign keys tie tables together, and what cannot be promised. Loaded at the
// start and after every schema change.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "participant/locks/lock_table.h"
#include "participant/sqlite/connection.h"
#include "participant/sqlite/own_changes.h"
#include "protocol/statement.h"

namespace troth::participant::sqlite {

enum class Affinity : std::uint8_t { kBlob, kText, kNumeric, kInteger, kReal };
enum class Collation : std::uint8_t { kBinary, kNoCase, kRtrim, kCustom };
/// What names a row for locks and redo.
enum class RowIdentity : std::uint8_t {
  kIntegerPrimaryKey,  ///< the rowid, declared
  kPrimaryKeyValue,    ///< the values of a declared primary key; a row with NULL there by its rowid
  kRowid,              ///< no primary key: the rowid, kept stable by holding the write lock
};

struct ColumnInfo {
  std::string name;
  Affinity affinity = Affinity::kBlob;
  bool generated = false;
  bool virtual_column = false;
  bool in_foreign_key = false;  ///< of a child's key, or a parent's column that a child refers to
  Value older_rows_show;        ///< its default, where ALTER TABLE added it (added_column.h)
};

struct IndexInfo {
  std::uint32_t number = 0;  ///< in locks; 0 = the rowid
  std::string name;
  std::vector<int> columns;  ///< table column numbers; -2 = expression
  std::vector<Collation> collations;
  bool primary_key = false;
  bool expression = false;
};

struct ForeignKey {
  std::string parent;
  std::vector<int> columns;                 ///< of the child
  std::vector<std::string> parent_columns;  ///< empty = the parent's primary key
  bool has_action = false;                  ///< ON DELETE/UPDATE CASCADE, SET NULL, SET DEFAULT
  bool restricts = false;                   ///< ON DELETE/UPDATE RESTRICT
};

struct TableInfo {
  std::uint32_t number = 0;
  std::string name;
  std::vector<ColumnInfo> columns;
  RowIdentity identity = RowIdentity::kRowid;
  int rowid_column = -1;  ///< the INTEGER PRIMARY KEY column
  /// How statements name the rowid: that column, or a name that no column shadows. Empty if all
  /// three are shadowed, and for WITHOUT ROWID tables.
  std::string rowid_name;
  std::vector<int> primary_key;   ///< columns of kPrimaryKeyValue
  std::vector<IndexInfo> unique;  ///< every unique index (without the rowid)
  std::vector<ForeignKey> foreign_keys;
  bool without_rowid = false;
  bool strict = false;
  bool autoincrement = false;
  bool is_virtual = false;
  std::string module;                  ///< of a virtual table
  std::vector<std::uint32_t> shadows;  ///< of a virtual table: the tables that hold its rows
  std::optional<std::string> content;  ///< of an FTS table: its option "content", lower-case
  bool is_shadow = false;              ///< written by a virtual table only
  bool has_virtual_column = false;
  bool has_unique_expression =
      false;                 ///< or a collation we cannot fold: written under X on the table
  bool is_system = false;    ///< sqlite_*, troth_*
  bool is_sequence = false;  ///< sqlite_sequence: written by statements, each row by its name
  bool is_gone = false;      ///< was dropped since the start; keeps its number
  bool has_triggers = false;
  bool has_conflict_clause = false;  ///< perhaps: its text has the word ("ON CONFLICT REPLACE")
  bool may_defer = false;  ///< its text has the word "deferred": a hint that costs time only
  bool tied_by_foreign_key = false;  ///< a child, or a parent some child refers to
  bool plain_foreign_keys = true;    ///< all of them are immediate, without actions or RESTRICT
  /// A column of such a key is generated: it changes with columns that no statement names as key.
  bool has_generated_key = false;
  std::string in_redo;  ///< name and columns, as encode_redo() writes them
};

/// One CREATE statement of the file.
struct Definition {
  std::string type;  ///< "table", "index", "view", "trigger"
  std::string name;
  std::string sql;
};

struct RootPage {
  std::uint32_t table = 0;
  std::optional<std::uint32_t>
      index;                 ///< number of a unique index, or nothing for the table itself
  bool plain_index = false;  ///< an index that is not unique
};

/// The value of a key as bytes that are equal exactly when SQLite calls the values equal under
/// `affinity` and `collation`. Nothing if that cannot be known (a REAL for a TEXT column, a custom
/// collation): lock the table instead.
std::optional<std::string> canonical(const Value& value, Affinity affinity, Collation collation);
bool is_null(const Value& value);
/// Its primary key does not name the row, as there is none or NULL is in it.
bool named_by_rowid(const TableInfo& table, const std::vector<Value>& row);
/// Its table has a rowid that no column declares.
bool has_hidden_rowid(const TableInfo& table);

/// As SQLite compares names of tables.
std::string folded_name(std::string text);

class Schema {
 public:
  Schema() = default;
  /// `before`: what this process knew until now. A table keeps its number for as long as the
  /// process lives: locks, waiting branches and undecided rows know tables by number.
  static Result<Schema> load(Connection& db, const Schema* before = nullptr);

  const TableInfo* find(const std::string& name) const;
  const TableInfo& table(std::uint32_t number) const { return tables_[number]; }
  std::size_t size() const { return tables_.size(); }
  /// The file stores text in UTF-16 (text_encoding.h).
  bool stores_utf16() const { return stores_utf16_; }
  bool has_foreign_keys() const { return has_foreign_keys_; }
  /// Some definition contains the word "deferred", as DEFERRABLE INITIALLY DEFERRED does. So it is
  /// true if a foreign key may be violated until the branch ends, and sometimes otherwise.
  bool has_deferred_foreign_keys() const { return has_deferred_foreign_keys_; }
  /// SQLite's counter of schema changes; VACUUM raises it too.
  std::int64_t version() const { return version_; }
  bool notes_own_changes() const { return own_changes_.has_value(); }
  /// Whether rowids as of `version` of the schema still name the same rows.
  bool rowids_hold(std::int64_t version) const {
    return version == version_ || (own_changes_ && own_changes_->rowids_hold(version, version_));
  }
  /// `tables` and all tables that foreign keys tie to them, at any distance.
  std::set<std::uint32_t> tied_by_foreign_keys(std::set<std::uint32_t> tables) const;
  /// In the order of the file: after VACUUM, tables come first.
  const std::vector<Definition>& definitions() const { return definitions_; }
  const Traits& traits() const { return traits_; }

  /// The lock of the whole schema. Statements that change it take X, statements that read what
  /// belongs to no table take S. It is the lock of the marker's table, which no statement writes.
  /// Nothing if the agent does not own the file yet.
  std::optional<LockRequest> whole(LockMode mode) const;

  /// One state of a row: before or after an operation.
  struct Image {
    const TableInfo& table;
    std::int64_t rowid;
    const std::vector<Value>& row;
    bool is_new;        ///< as the branch leaves it
    bool rowid_is_new;  ///< it had no rowid before, or another one
  };
  /// X on every key of a row image, S on the parents' keys, IX on its table.
  void locks_for_row(const Image& image, std::vector<LockRequest>& out) const;

 private:
  explicit Schema(Traits traits) : traits_(std::move(traits)) {}
  void note_foreign_keys();
  void note_shadow(std::uint32_t number);
  /// The entry of a table in this schema: its old one, or a new one at the end.
  TableInfo& entry_for(const std::string& name);
  void lock_index(const TableInfo& table, const IndexInfo& index, const std::vector<Value>& row,
                  std::vector<LockRequest>& out) const;
  void lock_parents(const TableInfo& table, const std::vector<Value>& row,
                    std::vector<LockRequest>& out) const;

  std::vector<TableInfo> tables_;
  std::map<std::string, std::uint32_t> by_name_;  // lower-case; the gone ones too
  std::vector<Definition> definitions_;
  bool stores_utf16_ = false;
  Traits traits_;
  bool has_foreign_keys_ = false;
  bool has_deferred_foreign_keys_ = false;
  std::int64_t version_ = 0;
  std::optional<OwnChanges> own_changes_;
};

/// Key bytes of several columns; nothing if one is NULL (`null_key` is set) or cannot be made
/// canonical.
std::optional<std::string> canonical_key(const TableInfo& table, const IndexInfo& index,
                                         const std::vector<Value>& key, bool& null_key);

}  // namespace troth::participant::sqlite
