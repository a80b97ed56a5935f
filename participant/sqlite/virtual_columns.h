#pragma once
// Tables with VIRTUAL generated columns. The pre-update hook knows the columns of a row by the
// place where they are stored, which leaves VIRTUAL ones out. Up to SQLite 3.40 it takes the place
// with the number of the INTEGER PRIMARY KEY for the rowid. So one stored column cannot be read if
// a VIRTUAL column is declared before the key.

#include <string>

#include "participant/sqlite/schema.h"

namespace troth::participant::sqlite {

/// Can every stored column be captured, by the linked SQLite?
bool can_capture(const TableInfo& table);
/// The reason and the way out, if not.
std::string why_not_captured(const TableInfo& table);

}  // namespace troth::participant::sqlite
