#pragma once
// How findings look on a terminal.

#include <string>
#include <vector>

#include "base/arguments.h"
#include "diagnosis/finding.h"

namespace troth::cli {

/// For people: a line for each, and what to know and to do under those that are not OK.
std::string describe(const Arguments& arguments, const std::vector<diagnosis::Finding>& findings);
bool any_failure(const std::vector<diagnosis::Finding>& findings);

}  // namespace troth::cli
