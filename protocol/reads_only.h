#pragma once
// Which statements certainly write nothing, and which write only rows. A statement that is not
// recognised counts as more.

#include <string_view>
#include <vector>

#include "protocol/principal.h"
#include "troth/values.h"

namespace troth::protocol {

/// True if every statement is a plain SELECT or VALUES. WITH may introduce an INSERT, so it counts
/// as writing.
bool read_only(const std::vector<Statement>& statements);

/// The most that one of them does, by its first word. kDdl: anything but reading and writing rows.
Reach reach_of(const std::vector<Statement>& statements);

}  // namespace troth::protocol
