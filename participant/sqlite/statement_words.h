#pragma once
// The words of a statement, for the few that are recognised before SQLite compiles them.

#include <string_view>

namespace troth::participant::sqlite {

/// A word or a single character, behind white space and comments, which is taken off `sql`; empty at
/// the end.
std::string_view take_word(std::string_view& sql);

}  // namespace troth::participant::sqlite
