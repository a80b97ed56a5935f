#pragma once
// A thin RAII layer over the SQLite C API. Errors become Status with SQLite's own message.
// Single-threaded.

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/statement.h"
#include "troth/result.h"

namespace troth::participant::sqlite {

/// kNoSpace for SQLITE_FULL, kBusy for SQLITE_BUSY, kCorruption for damaged files, kIo otherwise.
Error error_of(sqlite3* db, std::string_view what);

class PreparedStatement {
 public:
  PreparedStatement() = default;
  explicit PreparedStatement(sqlite3_stmt* stmt) : stmt_(stmt) {}
  PreparedStatement(PreparedStatement&& other) noexcept
      : stmt_(std::exchange(other.stmt_, nullptr)) {}
  PreparedStatement& operator=(PreparedStatement&& other) noexcept {
    std::swap(stmt_, other.stmt_);
    return *this;
  }
  ~PreparedStatement() { sqlite3_finalize(stmt_); }

  sqlite3_stmt* get() const { return stmt_; }
  /// `index` counts from 1. Text and blobs must stay alive until reset().
  void bind(int index, const Value& value);
  void bind(int index, std::int64_t value) { sqlite3_bind_int64(stmt_, index, value); }
  /// Would bind a temporary that is gone at step().
  void bind(int index, const std::string& text) = delete;
  /// Copies.
  void bind_text(int index, std::string_view text) {
    sqlite3_bind_text64(stmt_, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  int step() { return sqlite3_step(stmt_); }
  /// May running it change the database? EXPLAIN of a write does not.
  bool writes() const {
    return sqlite3_stmt_readonly(stmt_) == 0 && sqlite3_stmt_isexplain(stmt_) == 0;
  }
  void reset() {
    sqlite3_reset(stmt_);
    sqlite3_clear_bindings(stmt_);
  }
  Value column(int index) const;
  std::int64_t integer(int index) const { return sqlite3_column_int64(stmt_, index); }
  std::string text(int index) const;

 private:
  sqlite3_stmt* stmt_ = nullptr;
};

Value value_of(sqlite3_value* value);

/// What an operator has set for one database, and what every connection to it needs.
struct Traits {
  bool foreign_keys = true;             ///< are they enforced?
  std::vector<std::string> extensions;  ///< files, loaded when the connection is opened
};

class Connection {
 public:
  /// `vfs` nullptr = the default one.
  static Result<std::unique_ptr<Connection>> open(const std::string& path, int flags,
                                                  const char* vfs);
  ~Connection();

  sqlite3* get() const { return db_; }
  Status execute(const std::string& sql);
  /// `rest`, if given, receives what follows the first statement.
  Result<PreparedStatement> prepare(std::string_view sql, bool persistent = false,
                                    std::string_view* rest = nullptr);
  /// First column of the first row as integer; kNotFound if there is no row.
  Result<std::int64_t> integer(const std::string& sql);
  Result<std::string> text(const std::string& sql);
  const Traits& traits() const { return traits_; }
  /// Right after open(): loads the extensions. An error names the file that cannot be loaded. SQL can
  /// load nothing, neither before nor afterwards.
  Status set_traits(const Traits& traits);
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

 private:
  explicit Connection(sqlite3* db) : db_(db) {}
  sqlite3* db_;
  Traits traits_;
};

/// Bounds what one statement of a client can make SQLite do.
void set_statement_limits(sqlite3* db);

/// "name" quoted as an SQL identifier.
std::string quoted(std::string_view name);

}  // namespace troth::participant::sqlite
