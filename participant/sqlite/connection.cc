#include "participant/sqlite/connection.h"

#include <fmt/format.h>

#include "participant/sqlite/allocation_budget.h"
#include "participant/sqlite/value_work.h"

namespace troth::participant::sqlite {

Error error_of(sqlite3* db, std::string_view what) {
  ErrorCode code = ErrorCode::kIo;
  switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_FULL:
      code = ErrorCode::kNoSpace;
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      code = ErrorCode::kBusy;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      code = ErrorCode::kCorruption;
      break;
    case SQLITE_CANTOPEN:
      code = ErrorCode::kNotFound;
      break;
    case SQLITE_READONLY:
      code = ErrorCode::kUnsupported;
      break;
    default:
      break;
  }
  return {code, fmt::format("{}: {}", what, sqlite3_errmsg(db))};
}

void PreparedStatement::bind(int index, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    sqlite3_bind_null(stmt_, index);
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(stmt_, index, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_bind_double(stmt_, index, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text64(stmt_, index, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
  } else {
    const auto& bytes = std::get<Blob>(value).bytes;
    // A blob without bytes still is a blob, not NULL: the pointer must not be null.
    sqlite3_bind_blob64(stmt_, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                        SQLITE_STATIC);
  }
}

Value value_of(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_value_int64(value));
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      return std::string(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
      const auto length = static_cast<std::size_t>(sqlite3_value_bytes(value));
      return Blob{length == 0 ? std::string() : std::string(bytes, length)};
    }
    default:
      return std::monostate{};
  }
}

Value PreparedStatement::column(int index) const {
  return value_of(sqlite3_column_value(stmt_, index));
}

std::string PreparedStatement::text(int index) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, index));
  return text == nullptr
             ? std::string()
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(stmt_, index)));
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, int flags,
                                                     const char* vfs) {
  install_allocation_budgets();
  sqlite3* db = nullptr;
  const int rc = sqlite3_open_v2(path.c_str(), &db, flags, vfs);
  auto connection = std::unique_ptr<Connection>(new Connection(db));
  if (rc != SQLITE_OK) return fail(error_of(db, fmt::format("cannot open {}", path)));
  sqlite3_extended_result_codes(db, 1);
  return connection;
}

Connection::~Connection() {
  sqlite3_close_v2(db_);
}

Status Connection::set_traits(const Traits& traits) {
  traits_ = traits;
  if (traits.extensions.empty()) return {};
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  Status loaded;
  for (const auto& file : traits.extensions) {
    char* message = nullptr;
    const int rc = sqlite3_load_extension(db_, file.c_str(), nullptr, &message);
    const std::string why = message == nullptr ? sqlite3_errstr(rc) : message;
    sqlite3_free(message);
    if (rc == SQLITE_OK) continue;
    loaded = fail(ErrorCode::kInvalidArgument,
                  fmt::format("cannot load the extension {}: {}", file, why));
    break;
  }
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  return loaded;
}

Status Connection::execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return fail(error_of(db_, sql));
  return {};
}

Result<PreparedStatement> Connection::prepare(std::string_view sql, bool persistent,
                                              std::string_view* rest) {
  sqlite3_stmt* stmt = nullptr;
  const char* tail = nullptr;
  const unsigned flags = persistent ? SQLITE_PREPARE_PERSISTENT : 0;
  const int rc =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), flags, &stmt, &tail);
  if (rc != SQLITE_OK) {
    const bool bad_sql = (rc & 0xff) == SQLITE_ERROR || (rc & 0xff) == SQLITE_AUTH;
    return fail(bad_sql ? ErrorCode::kInvalidArgument : error_of(db_, "").code,
                sqlite3_errmsg(db_));
  }
  if (rest != nullptr) *rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
  return PreparedStatement(stmt);
}

Result<std::int64_t> Connection::integer(const std::string& sql) {
  TROTH_ASSIGN_OR_RETURN(auto stmt, prepare(sql));
  const int rc = stmt.step();
  if (rc == SQLITE_DONE) return fail(ErrorCode::kNotFound, sql + ": no row");
  if (rc != SQLITE_ROW) return fail(error_of(db_, sql));
  return stmt.integer(0);
}

Result<std::string> Connection::text(const std::string& sql) {
  TROTH_ASSIGN_OR_RETURN(auto stmt, prepare(sql));
  const int rc = stmt.step();
  if (rc == SQLITE_DONE) return fail(ErrorCode::kNotFound, sql + ": no row");
  if (rc != SQLITE_ROW) return fail(error_of(db_, sql));
  return stmt.text(0);
}

void set_statement_limits(sqlite3* db) {
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, static_cast<int>(ValueWork::kLongest));
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 1 << 20);
  sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 1000);
  sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 500);
  sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 250'000);
  sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, static_cast<int>(ValueWork::kLongestPattern));
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
}

std::string quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace troth::participant::sqlite
