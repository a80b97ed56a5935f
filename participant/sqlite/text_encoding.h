#pragma once
// Text of a database that stores UTF-16. Rows are captured, logged and put in place as UTF-8, and so
// are parameters: what does not survive the way there and back is refused or locked coarsely.

#include <sqlite3.h>

#include <string_view>

namespace troth::participant::sqlite {

/// Does `value`, if it is text in UTF-16, come back bit by bit from its conversion to UTF-8? Leaves
/// it as it is.
bool survives_utf8(const sqlite3_value* value);
/// Does SQLite store `text`, given as UTF-8, in UTF-16 as this very text?
bool survives_utf16(std::string_view text);

}  // namespace troth::participant::sqlite
