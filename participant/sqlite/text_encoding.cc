#include "participant/sqlite/text_encoding.h"

#include <cstddef>
#include <memory>

#include "base/utf8.h"

namespace troth::participant::sqlite {

namespace {

// SQLite replaces these two when it reads them in UTF-8 to store them in UTF-16.
constexpr unsigned kReplaced = 0xFFFE;

bool is_well_formed(const unsigned char* bytes, std::size_t size, bool little_endian) {
  if (size % 2 != 0) return false;
  const auto unit = [&](std::size_t at) {
    const unsigned first = bytes[at], second = bytes[at + 1];
    return little_endian ? first | second << 8U : first << 8U | second;
  };
  for (std::size_t at = 0; at < size; at += 2) {
    const auto code = unit(at);
    if (code >= kReplaced) return false;
    if (code < 0xD800 || code >= 0xE000) continue;
    at += 2;
    if (code >= 0xDC00 || at >= size || unit(at) < 0xDC00 || unit(at) >= 0xE000) return false;
  }
  return true;
}

}  // namespace

bool survives_utf8(const sqlite3_value* value) {
  // The calls below may change how a value is stored.
  const std::unique_ptr<sqlite3_value, void (*)(sqlite3_value*)> copy(sqlite3_value_dup(value),
                                                                      &sqlite3_value_free);
  if (copy == nullptr || sqlite3_value_type(copy.get()) != SQLITE_TEXT) return copy != nullptr;
  if (sqlite3_value_encoding(copy.get()) == SQLITE_UTF8) return true;
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes16(copy.get()));
  const auto* bytes = static_cast<const unsigned char*>(sqlite3_value_blob(copy.get()));
  return size == 0 ||
         is_well_formed(bytes, size, sqlite3_value_encoding(copy.get()) == SQLITE_UTF16LE);
}

bool survives_utf16(std::string_view text) {
  constexpr std::string_view kReplacedTexts[] = {"\xef\xbf\xbe", "\xef\xbf\xbf"};
  for (const auto replaced : kReplacedTexts)
    if (text.find(replaced) != std::string_view::npos) return false;
  return is_utf8(text);
}

}  // namespace troth::participant::sqlite
