#include "participant/sqlite/missing_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace troth::participant::sqlite {

namespace {

constexpr std::string_view kCollation = "no such collation sequence: ";
constexpr std::string_view kFunctions[] = {"no such function: ", "unknown function: "};

std::optional<std::string> name_after(std::string_view message, std::string_view what) {
  if (message.rfind(what, 0) != 0) return std::nullopt;
  std::string name(message.substr(what.size()));
  if (name.size() > 2 && name.substr(name.size() - 2) == "()") name.resize(name.size() - 2);
  return name;
}

std::optional<std::string> missing_function(std::string_view message) {
  for (const auto what : kFunctions)
    if (auto name = name_after(message, what)) return name;
  return std::nullopt;
}

int compare(void*, int a_size, const void* a, int b_size, const void* b) {
  return std::string_view(static_cast<const char*>(a), static_cast<std::size_t>(a_size))
      .compare({static_cast<const char*>(b), static_cast<std::size_t>(b_size)});
}

void answer_null(sqlite3_context* context, int, sqlite3_value**) {
  sqlite3_result_null(context);
}

}  // namespace

bool stand_in_for_missing_code(sqlite3* db) {
  const std::string message = sqlite3_errmsg(db);
  if (const auto name = name_after(message, kCollation))
    return sqlite3_create_collation(db, name->c_str(), SQLITE_UTF8, nullptr, &compare) == SQLITE_OK;
  if (const auto name = missing_function(message))
    return sqlite3_create_function(db, name->c_str(), -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                   nullptr, &answer_null, nullptr, nullptr) == SQLITE_OK;
  return false;
}

std::optional<AbortReason> refusal_of_missing_code(const std::string& message) {
  const auto refused = [](AbortCode code, const char* kind, const std::string& name) {
    return AbortReason{code,
                       fmt::format("the schema needs the {} {} of an application, which this "
                                   "participant lacks; change such rows where it is known, while "
                                   "the participant is stopped",
                                   kind, name),
                       {},
                       -1};
  };
  if (const auto name = name_after(message, kCollation))
    return refused(AbortCode::kRefusedCollation, "collation", *name);
  if (const auto name = missing_function(message))
    return refused(AbortCode::kRefusedFunction, "function", *name);
  return std::nullopt;
}

}  // namespace troth::participant::sqlite
