#include "cli/merge.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <set>

namespace troth::cli {

using namespace protocol;

namespace {

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Close>;
using Prepared = std::unique_ptr<sqlite3_stmt, Close>;

Error error_of(sqlite3* db) {
  return {ErrorCode::kInvalidArgument, sqlite3_errmsg(db)};
}

Result<Prepared> prepare(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* out = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), static_cast<int>(sql.size()), &out, nullptr) != SQLITE_OK)
    return fail(error_of(db));
  return Prepared(out);
}

void bind(sqlite3_stmt* statement, int at, const Value& value) {
  if (const auto* i = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(statement, at, *i);
  } else if (const auto* d = std::get_if<double>(&value)) {
    sqlite3_bind_double(statement, at, *d);
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    sqlite3_bind_text64(statement, at, s->data(), s->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (const auto* b = std::get_if<Blob>(&value)) {
    sqlite3_bind_blob64(statement, at, b->bytes.data(), b->bytes.size(), SQLITE_TRANSIENT);
  } else {
    sqlite3_bind_null(statement, at);
  }
}

Value column(sqlite3_stmt* statement, int at) {
  const auto bytes = static_cast<std::size_t>(sqlite3_column_bytes(statement, at));
  switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, at));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, at);
    case SQLITE_TEXT:
      return std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, at)), bytes);
    case SQLITE_BLOB:
      return Blob{std::string(static_cast<const char*>(sqlite3_column_blob(statement, at)), bytes)};
    default:
      return std::monostate{};
  }
}

std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// Column names that a table can have: not empty, none twice (SQLite ignores case).
std::vector<std::string> usable(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  std::set<std::string> taken;
  for (const auto& name : names) {
    auto candidate = name.empty() ? fmt::format("column{}", out.size()) : name;
    const auto lower = [](std::string text) {
      std::transform(text.begin(), text.end(), text.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      return text;
    };
    for (int n = 2; !taken.insert(lower(candidate)).second; ++n)
      candidate = fmt::format("{}_{}", name, n);
    out.push_back(std::move(candidate));
  }
  return out;
}

Status fill(sqlite3* db, const StatementResult& parts) {
  std::string columns, marks;
  for (const auto& name : usable(parts.columns)) {
    columns += (columns.empty() ? "" : ", ") + quoted(name);
    marks += marks.empty() ? "?" : ", ?";
  }
  TROTH_ASSIGN_OR_RETURN(const auto create, prepare(db, "CREATE TABLE parts(" + columns + ")"));
  if (sqlite3_step(create.get()) != SQLITE_DONE) return fail(error_of(db));
  TROTH_ASSIGN_OR_RETURN(const auto insert, prepare(db, "INSERT INTO parts VALUES(" + marks + ")"));
  for (const auto& row : parts.rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      bind(insert.get(), static_cast<int>(i + 1), row[i]);
    if (sqlite3_step(insert.get()) != SQLITE_DONE) return fail(error_of(db));
    sqlite3_reset(insert.get());
  }
  return {};
}

}  // namespace

Result<StatementResult> stacked(const std::vector<BranchResult>& branches) {
  StatementResult out;
  out.columns.push_back("participant");
  for (const auto& branch : branches) {
    if (branch.results.empty()) continue;
    const auto& result = branch.results.front();
    if (out.columns.size() == 1)
      out.columns.insert(out.columns.end(), result.columns.begin(), result.columns.end());
    if (result.columns.size() + 1 != out.columns.size())
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} returned {} columns, the others {}", branch.participant,
                              result.columns.size(), out.columns.size() - 1));
    for (const auto& row : result.rows) {
      std::vector<Value> with_name = {branch.participant.text()};
      with_name.insert(with_name.end(), row.begin(), row.end());
      out.rows.push_back(std::move(with_name));
    }
  }
  return out;
}

Result<StatementResult> merged(const StatementResult& parts, const std::string& select) {
  sqlite3* opened = nullptr;
  const int rc = sqlite3_open(":memory:", &opened);
  const Database db(opened);
  if (rc != SQLITE_OK) return fail(ErrorCode::kInternal, "SQLite cannot open a database in memory");
  TROTH_TRY(fill(db.get(), parts));
  TROTH_ASSIGN_OR_RETURN(const auto statement, prepare(db.get(), select));
  if (statement == nullptr || sqlite3_column_count(statement.get()) == 0)
    return fail(ErrorCode::kInvalidArgument, "--merge needs a SELECT over the table parts");
  StatementResult out;
  const int columns = sqlite3_column_count(statement.get());
  for (int i = 0; i < columns; ++i)
    out.columns.emplace_back(sqlite3_column_name(statement.get(), i));
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
    auto& row = out.rows.emplace_back();
    for (int i = 0; i < columns; ++i) row.push_back(column(statement.get(), i));
  }
  if (step != SQLITE_DONE) return fail(error_of(db.get()));
  return out;
}

bool is_complete_statement(const std::string& text) {
  return sqlite3_complete(text.c_str()) == 1;
}

}  // namespace troth::cli
