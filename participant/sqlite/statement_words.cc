#include "participant/sqlite/statement_words.h"

#include <algorithm>
#include <cctype>

#include "participant/sqlite/statement_analysis.h"

namespace troth::participant::sqlite {

std::string_view take_word(std::string_view& sql) {
  sql = without_space(sql);
  const auto end = std::find_if_not(sql.begin(), sql.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  });
  const auto length =
      std::max<std::size_t>(static_cast<std::size_t>(end - sql.begin()), sql.empty() ? 0 : 1);
  const auto word = sql.substr(0, length);
  sql.remove_prefix(length);
  return word;
}

}  // namespace troth::participant::sqlite
