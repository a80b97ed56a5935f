#include "participant/sqlite/header_pragma.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "participant/sqlite/schema.h"
#include "participant/sqlite/statement_analysis.h"

namespace troth::participant::sqlite {

namespace {

bool belongs_to_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// A word or a single character, behind white space and comments; empty at the end.
std::string_view take_token(std::string_view& sql) {
  sql = without_space(sql);
  const auto end = std::find_if_not(sql.begin(), sql.end(), belongs_to_word);
  const auto length =
      std::max<std::size_t>(static_cast<std::size_t>(end - sql.begin()), sql.empty() ? 0 : 1);
  const auto token = sql.substr(0, length);
  sql.remove_prefix(length);
  return token;
}

}  // namespace

bool is_header_number(std::string_view name) {
  const auto folded = folded_name(std::string(name));
  return folded == "user_version" || folded == "application_id";
}

std::optional<HeaderPragma> header_pragma(std::string_view sql) {
  if (folded_name(std::string(take_token(sql))) != "pragma") return std::nullopt;
  auto name = take_token(sql);
  auto next = take_token(sql);
  if (next == "." && folded_name(std::string(name)) == "main") {
    name = take_token(sql);
    next = take_token(sql);
  }
  if (!is_header_number(name)) return std::nullopt;
  return HeaderPragma{next == "=" || next == "("};
}

}  // namespace troth::participant::sqlite
