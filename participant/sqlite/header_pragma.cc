#include "participant/sqlite/header_pragma.h"

#include <string>

#include "participant/sqlite/schema.h"
#include "participant/sqlite/statement_words.h"

namespace troth::participant::sqlite {

bool is_header_number(std::string_view name) {
  const auto folded = folded_name(std::string(name));
  return folded == "user_version" || folded == "application_id";
}

std::optional<HeaderPragma> header_pragma(std::string_view sql) {
  if (folded_name(std::string(take_word(sql))) != "pragma") return std::nullopt;
  auto name = take_word(sql);
  auto next = take_word(sql);
  if (next == "." && folded_name(std::string(name)) == "main") {
    name = take_word(sql);
    next = take_word(sql);
  }
  if (!is_header_number(name)) return std::nullopt;
  return HeaderPragma{next == "=" || next == "("};
}

}  // namespace troth::participant::sqlite
