#include "participant/sqlite/virtual_tables.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace troth::participant::sqlite {

namespace {

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Without the quotes of an SQL name or string.
std::string unquoted(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2) return std::string(text);
  const char open = text.front();
  const char close = open == '[' ? ']' : open;
  if (std::string_view("'\"`[").find(open) == std::string_view::npos || text.back() != close)
    return std::string(text);
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    out += text[i];
    if (text[i] == close && text[i + 1] == close) ++i;
  }
  return out;
}

}  // namespace

bool keeps_rows_in_shadows(const std::string& module) {
  constexpr const char* kModules[] = {"fts3", "fts4", "fts5", "rtree", "rtree_i32"};
  return std::find(std::begin(kModules), std::end(kModules), module) != std::end(kModules);
}

std::string module_of(const std::string& create) {
  const auto text = folded_name(create);
  for (auto at = text.find("using"); at != std::string::npos; at = text.find("using", at + 1)) {
    const auto end = at + std::string_view("using").size();
    if (at == 0 ||
        !(is_space(text[at - 1]) ||
          std::string_view("\"]`'").find(text[at - 1]) != std::string_view::npos) ||
        end >= text.size() || !is_space(text[end]))
      continue;
    const auto from = text.find_first_not_of(" \t\r\n\f", end);
    if (from == std::string::npos) break;
    return unquoted(
        std::string_view(text).substr(from, text.find_first_of("( \t\r\n\f;", from) - from));
  }
  return "";
}

std::optional<std::string> content_of(const std::string& create) {
  const auto text = folded_name(create);
  const auto open = text.find('(');
  for (auto from = open; from != std::string::npos; from = text.find(',', from + 1)) {
    const auto equals = text.find('=', from + 1);
    if (equals == std::string::npos) break;
    if (trimmed(std::string_view(text).substr(from + 1, equals - from - 1)) != "content") continue;
    const auto end = text.find_first_of(",)", equals);
    return unquoted(std::string_view(text).substr(equals + 1, end - equals - 1));
  }
  return std::nullopt;
}

Status VirtualTables::write_pending() {
  TROTH_TRY(db_.execute("SAVEPOINT troth_pending"));
  return db_.execute("RELEASE troth_pending");
}

Status VirtualTables::forget() {
  TROTH_TRY(db_.execute("SAVEPOINT troth_forget"));
  for (std::uint32_t number = 0; number < schema_.size(); ++number) {
    const auto& table = schema_.table(number);
    if (!table.is_virtual || table.is_gone || table.shadows.empty()) continue;
    // Writes nothing, but makes the table take part in the rollback.
    TROTH_TRY(db_.execute("DELETE FROM main." + quoted(table.name) + " WHERE 0"));
  }
  TROTH_TRY(db_.execute("ROLLBACK TO troth_forget"));
  return db_.execute("RELEASE troth_forget");
}

}  // namespace troth::participant::sqlite
