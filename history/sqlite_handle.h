#pragma once
// One connection to the history's SQLite file, with cached statements. Internal to this folder.

#include <sqlite3.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "troth/result.h"

namespace troth::history {

/// Used by one thread at a time.
class SqliteHandle {
 public:
  static Result<std::unique_ptr<SqliteHandle>> open(const std::string& path);
  ~SqliteHandle();
  SqliteHandle(const SqliteHandle&) = delete;
  SqliteHandle& operator=(const SqliteHandle&) = delete;

  Status run(const std::string& sql);
  /// A statement in use; it is reset when this goes.
  class Use {
   public:
    explicit Use(sqlite3_stmt* stmt) : stmt_(stmt) {}
    Use(Use&& other) noexcept : stmt_(std::exchange(other.stmt_, nullptr)) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
      if (stmt_ == nullptr) return;
      sqlite3_reset(stmt_);
      sqlite3_clear_bindings(stmt_);
    }
    /// Counts from 1. A bound value must live until the step.
    Use& bind(int at, std::int64_t value);
    Use& bind(int at, std::string_view bytes);
    int step() { return sqlite3_step(stmt_); }
    std::int64_t integer(int at) const { return sqlite3_column_int64(stmt_, at); }
    std::string bytes(int at) const;

   private:
    sqlite3_stmt* stmt_;
  };
  /// Compiled once.
  Result<Use> use(const std::string& sql);
  /// Tables come and go, and each has statements of its own. No Use may be in use.
  void keep_few_statements() {
    constexpr std::size_t kFew = 256;
    if (statements_.size() > kFew) drop_statements();
  }
  /// Before a table goes that its statements name.
  void drop_statements();
  const std::string& path() const { return path_; }
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(db_); }
  Error error(std::string_view what) const;

 private:
  SqliteHandle(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

  sqlite3* db_;
  const std::string path_;
  std::map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace troth::history
