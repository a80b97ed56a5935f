#include "participant/sqlite/format_function.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "participant/sqlite/allocation_budget.h"
#include "participant/sqlite/connection.h"

namespace troth::participant::sqlite {

namespace {

// How many characters the %c conversions of a format write, read as SQLite reads it.
class CharacterCount {
 public:
  CharacterCount(const char* format, int arguments, sqlite3_value** values)
      : at_(format), arguments_(arguments), values_(values) {}

  std::int64_t count() {
    std::int64_t sum = 0;
    for (; *at_ != '\0'; ++at_) {
      if (*at_ != '%') continue;
      ++at_;
      const auto precision = read_numbers();
      const std::string type(1, *at_);
      if (*at_ == '\0' || kTypes.find(type) == std::string::npos) break;  // SQLite ends here
      if (type == "%" || type == "n") continue;
      ++next_;
      if (type == "c") sum += std::max<std::int64_t>(1, precision);
    }
    return sum;
  }

 private:
  static inline const std::string kTypes = "dsgzqQwcouxXfeEGin%pr";

  // Flags, width and precision. Returns the precision.
  std::int64_t read_numbers() {
    std::int64_t precision = 0;
    static const std::string kFlags = "-+ #!0,";
    while (*at_ != '\0' && kFlags.find(*at_) != std::string::npos) ++at_;
    number();
    if (*at_ == '.') {
      ++at_;
      precision = number();
    }
    while (*at_ == 'l') ++at_;
    return precision;
  }
  std::int64_t number() {
    if (*at_ == '*') {
      ++at_;
      const auto value = next_ < arguments_ ? sqlite3_value_int(values_[next_]) : 0;
      ++next_;
      return std::abs(std::int64_t{value});
    }
    std::uint32_t value = 0;  // it overflows as SQLite's does
    for (; *at_ >= '0' && *at_ <= '9'; ++at_)
      value = value * 10 + static_cast<std::uint32_t>(*at_ - '0');
    return value & 0x7fffffff;
  }

  const char* at_;
  const int arguments_;
  sqlite3_value** const values_;
  int next_ = 1;  // argument; the first is the format
};

// SQLite's own function, called on a connection where nothing replaces it.
class Stock {
 public:
  static Result<std::unique_ptr<Stock>> open() {
    constexpr int kFlags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_MEMORY;
    TROTH_ASSIGN_OR_RETURN(auto db, Connection::open(":memory:", kFlags, nullptr));
    return std::make_unique<Stock>(std::move(db));
  }
  explicit Stock(std::unique_ptr<Connection> db) : db_(std::move(db)) {}

  void call(sqlite3_context* context, int arguments, sqlite3_value** values) {
    const int limit = sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1);
    if (AllocationBudget::time_is_up()) return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    const auto* format =
        arguments == 0 ? nullptr : reinterpret_cast<const char*>(sqlite3_value_text(values[0]));
    if (format == nullptr || *format == '\0') return;
    if (CharacterCount(format, arguments, values).count() > limit)
      return sqlite3_result_error_toobig(context);
    sqlite3_limit(db_->get(), SQLITE_LIMIT_LENGTH, limit);
    if (!answer(context, arguments, values, "printf(?")) return;
    // NULL: the text is too long, or nothing stands before a conversion that SQLite does not know.
    if (answer(nullptr, arguments, values, "printf('.'||?")) sqlite3_result_error_toobig(context);
  }

 private:
  // True: the answer is NULL. Anything else goes to `context`.
  bool answer(sqlite3_context* context, int arguments, sqlite3_value** values, const char* call) {
    auto* statement = prepared(arguments, call);
    bool bound = statement != nullptr;
    for (int i = 0; i < arguments; ++i)
      bound = bound && sqlite3_bind_value(statement, i + 1, values[i]) == SQLITE_OK;
    const int rc = !bound ? sqlite3_errcode(db_->get()) : sqlite3_step(statement);
    const bool is_null = rc == SQLITE_ROW && sqlite3_column_type(statement, 0) == SQLITE_NULL;
    if (context != nullptr && rc != SQLITE_ROW) {
      sqlite3_result_error_code(context, rc);
    } else if (context != nullptr && !is_null) {
      sqlite3_result_value(context, sqlite3_column_value(statement, 0));
    }
    sqlite3_reset(statement);
    if (statement != nullptr) sqlite3_clear_bindings(statement);
    return is_null;
  }

  sqlite3_stmt* prepared(int arguments, const char* call) {
    auto& one = statements_[{arguments, call}];
    if (one.get() != nullptr) return one.get();
    std::string sql = std::string("SELECT ") + call;
    for (int i = 1; i < arguments; ++i) sql += ",?";
    if (auto compiled = db_->prepare(sql + ")", true)) one = std::move(*compiled);
    return one.get();
  }

  std::unique_ptr<Connection> db_;
  std::map<std::pair<int, const char*>, PreparedStatement> statements_;
};

using Shared = std::shared_ptr<Stock>;

void format(sqlite3_context* context, int arguments, sqlite3_value** values) {
  (*static_cast<Shared*>(sqlite3_user_data(context)))->call(context, arguments, values);
}

}  // namespace

Status install_format_function(sqlite3* db) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  TROTH_ASSIGN_OR_RETURN(auto opened, Stock::open());
  const Shared stock = std::move(opened);
  for (const char* name : {"printf", "format"})
    // SQLite destroys the argument also if it refuses.
    if (sqlite3_create_function_v2(db, name, -1, kFlags, new Shared(stock), format, nullptr,
                                   nullptr,
                                   [](void* p) { delete static_cast<Shared*>(p); }) != SQLITE_OK)
      return fail(error_of(db, std::string("cannot install ") + name + "()"));
  return {};
}

}  // namespace troth::participant::sqlite
