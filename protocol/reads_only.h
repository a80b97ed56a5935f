#pragma once
// Which statements certainly write nothing. What is not recognised counts as writing.

#include <string_view>
#include <vector>

#include "troth/values.h"

namespace troth::protocol {

/// True if every statement is a plain SELECT or VALUES. WITH may introduce an INSERT, so it counts
/// as writing.
bool read_only(const std::vector<Statement>& statements);

}  // namespace troth::protocol
