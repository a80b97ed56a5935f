#include "history/sqlite_handle.h"

#include <fmt/format.h>

#include <utility>

namespace troth::history {

Result<std::unique_ptr<SqliteHandle>> SqliteHandle::open(const std::string& path) {
  sqlite3* db = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &db, kFlags, nullptr);
  std::unique_ptr<SqliteHandle> out(new SqliteHandle(db, path));
  if (code != SQLITE_OK) return tl::unexpected(out->error("opening"));
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 2000);
  // FULL: what durable() says must survive a power cut.
  for (const char* pragma :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -4096"})
    TROTH_TRY(out->run(pragma));
  return out;
}

SqliteHandle::~SqliteHandle() {
  drop_statements();
  sqlite3_close(db_);
}

void SqliteHandle::drop_statements() {
  for (const auto& [sql, stmt] : std::exchange(statements_, {})) sqlite3_finalize(stmt);
}

Status SqliteHandle::run(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return tl::unexpected(error(sql.substr(0, 40)));
}

Result<SqliteHandle::Use> SqliteHandle::use(const std::string& sql) {
  auto& stmt = statements_[sql];
  if (stmt == nullptr && sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                            SQLITE_PREPARE_PERSISTENT, &stmt, nullptr) != SQLITE_OK)
    return tl::unexpected(error(sql.substr(0, 40)));
  return Use(stmt);
}

SqliteHandle::Use& SqliteHandle::Use::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(stmt_, at, value);
  return *this;
}

SqliteHandle::Use& SqliteHandle::Use::bind(int at, std::string_view bytes) {
  sqlite3_bind_blob64(stmt_, at, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

std::string SqliteHandle::Use::bytes(int at) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(stmt_, at));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(stmt_, at))};
}

Error SqliteHandle::error(std::string_view what) const {
  const int code = db_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(db_);
  const auto kind = code == SQLITE_FULL                               ? ErrorCode::kNoSpace
                    : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorCode::kCorruption
                                                                      : ErrorCode::kIo;
  return {kind, fmt::format("{}: {}: {}", path_, what,
                            db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_))};
}

}  // namespace troth::history
