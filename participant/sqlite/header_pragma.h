#pragma once
// PRAGMA user_version and application_id: two numbers in the file's header that migration tools
// keep beside their tables. SQLite changes and undoes them with its transaction, so they are part
// of one here too.

#include <optional>
#include <string_view>

namespace troth::participant::sqlite {

struct HeaderPragma {
  bool sets = false;  ///< else it reads the number
};
/// Nothing if `sql` is anything else.
std::optional<HeaderPragma> header_pragma(std::string_view sql);
/// Is it one of the two names, as SQLite compares them?
bool is_header_number(std::string_view name);

}  // namespace troth::participant::sqlite
