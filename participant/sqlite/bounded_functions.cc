#include "participant/sqlite/bounded_functions.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_set>

#include "participant/sqlite/allocation_budget.h"
#include "participant/sqlite/connection.h"
#include "participant/sqlite/format_function.h"

namespace troth::participant::sqlite {

namespace {

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

std::string_view text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

std::string_view blob_of(sqlite3_value* value) {
  const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
  return {bytes == nullptr ? "" : bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

// memmem(), not std::string_view::find(): only the former is linear.
std::size_t find_bytes(std::string_view text, std::string_view pattern, std::size_t from) {
  const auto* at = memmem(text.data() + from, text.size() - from, pattern.data(), pattern.size());
  return at == nullptr ? std::string_view::npos
                       : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

// Asks the clock now and then. After the limit of the statement the function ends with an error.
class Pace {
 public:
  bool time_is_up() {
    constexpr std::uint32_t kAskEvery = 1U << 14;
    return ++steps_ % kAskEvery == 0 && AllocationBudget::time_is_up();
  }

 private:
  std::uint32_t steps_ = 0;
};

void instr(sqlite3_context* context, int /*n*/, sqlite3_value** args) {
  const int type = sqlite3_value_type(args[0]);
  const int pattern_type = sqlite3_value_type(args[1]);
  if (type == SQLITE_NULL || pattern_type == SQLITE_NULL) return;
  const bool bytes = type == SQLITE_BLOB && pattern_type == SQLITE_BLOB;
  const auto text = bytes ? blob_of(args[0]) : text_of(args[0]);
  const auto pattern = bytes ? blob_of(args[1]) : text_of(args[1]);
  if (pattern.empty()) return sqlite3_result_int(context, 1);
  if (text.empty()) return sqlite3_result_int(context, 0);
  auto at = find_bytes(text, pattern, 0);
  // SQLite looks at the starts of characters only, and at the first byte.
  if (!bytes && at != std::string_view::npos && at != 0 && continues_character(text[at]))
    at = std::string_view::npos;
  if (at == std::string_view::npos) return sqlite3_result_int(context, 0);
  std::int64_t position = 1;
  for (std::size_t i = 1; i <= at; ++i)
    if (bytes || !continues_character(text[i])) ++position;
  sqlite3_result_int64(context, position);
}

void replace(sqlite3_context* context, int /*n*/, sqlite3_value** args) {
  const auto is_null = [&](int i) { return sqlite3_value_type(args[i]) == SQLITE_NULL; };
  if (is_null(0) || is_null(1)) return;
  const auto text = text_of(args[0]);
  const auto pattern = text_of(args[1]);
  if (pattern.empty() || pattern.front() == '\0') return sqlite3_result_value(context, args[0]);
  if (is_null(2)) return;  // looked at only now, as SQLite does
  const auto by = text_of(args[2]);
  if (text.empty()) return sqlite3_result_text(context, "", 0, SQLITE_STATIC);
  const auto limit = static_cast<std::size_t>(
      sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1));
  std::string out;
  Pace pace;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end && out.size() <= limit) {
    // One by one while they follow each other: that is cheaper than a search for each.
    while (static_cast<std::size_t>(end - at) >= pattern.size() && *at == pattern.front() &&
           std::memcmp(at, pattern.data(), pattern.size()) == 0 && out.size() <= limit) {
      if (pace.time_is_up()) return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
      out.append(by);
      at += pattern.size();
    }
    const auto* found = static_cast<const char*>(
        memmem(at, static_cast<std::size_t>(end - at), pattern.data(), pattern.size()));
    if (pace.time_is_up()) return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    const auto* const next = found == nullptr ? end : found;
    out.append(at, next);
    at = next;
  }
  if (out.size() > limit) return sqlite3_result_error_toobig(context);
  sqlite3_result_text64(context, out.data(), out.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

// The first character, as SQLite counts them: a lead byte and what continues it.
std::size_t first_character(std::string_view text) {
  std::size_t length = 1;
  if (static_cast<unsigned char>(text[0]) < 0xc0) return length;
  while (length < text.size() && continues_character(text[length])) ++length;
  return length;
}

// The characters that trim() takes off. SQLite compares byte sequences at an end of the text with
// every character of the list; this looks once for each length.
class Characters {
 public:
  explicit Characters(std::string_view text) {
    while (!text.empty()) {
      const auto length = first_character(text);
      all_.insert(text.substr(0, length));
      longest_ = std::max(longest_, length);
      text.remove_prefix(length);
    }
  }
  // SQLite takes the first of its list that fits; characters differ in their lead byte, so at most
  // one fits.
  std::size_t at_front(std::string_view text) const {
    for (std::size_t n = 1; n <= std::min(longest_, text.size()); ++n)
      if (all_.count(text.substr(0, n)) != 0) return n;
    return 0;
  }
  std::size_t at_back(std::string_view text) const {
    for (std::size_t n = 1; n <= std::min(longest_, text.size()); ++n)
      if (all_.count(text.substr(text.size() - n)) != 0) return n;
    return 0;
  }

 private:
  std::unordered_set<std::string_view> all_;
  std::size_t longest_ = 0;
};

constexpr int kFront = 1, kBack = 2;

void trim(sqlite3_context* context, int /*n*/, sqlite3_value** args) {
  if (sqlite3_value_type(args[0]) == SQLITE_NULL || sqlite3_value_type(args[1]) == SQLITE_NULL)
    return;
  const auto sides = static_cast<int>(reinterpret_cast<std::intptr_t>(sqlite3_user_data(context)));
  auto text = text_of(args[0]);
  const auto set = text_of(args[1]);
  const Characters characters(set.substr(0, set.find('\0')));  // as SQLite reads it
  Pace pace;
  while ((sides & kFront) != 0) {
    const auto n = characters.at_front(text);
    if (n == 0) break;
    text.remove_prefix(n);
    if (pace.time_is_up()) return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
  }
  while ((sides & kBack) != 0) {
    const auto n = characters.at_back(text);
    if (n == 0) break;
    text.remove_suffix(n);
    if (pace.time_is_up()) return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
  }
  sqlite3_result_text64(context, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
}

}  // namespace

Status install_bounded_functions(sqlite3* db) {
  // As SQLite declares its own: a schema may use them in indexes and CHECK constraints.
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  struct Function {
    const char* name;
    int arguments;
    void (*function)(sqlite3_context*, int, sqlite3_value**);
    int data;
  };
  constexpr Function functions[] = {{"instr", 2, instr, 0},
                                    {"replace", 3, replace, 0},
                                    {"trim", 2, trim, kFront | kBack},
                                    {"ltrim", 2, trim, kFront},
                                    {"rtrim", 2, trim, kBack}};
  for (const auto& one : functions)
    if (sqlite3_create_function_v2(db, one.name, one.arguments, kFlags,
                                   reinterpret_cast<void*>(static_cast<std::intptr_t>(one.data)),
                                   one.function, nullptr, nullptr, nullptr) != SQLITE_OK)
      return fail(error_of(db, std::string("cannot install ") + one.name + "()"));
  return install_format_function(db);
}

}  // namespace troth::participant::sqlite
