#pragma once

#include <string>

#include "troth/ids.h"

namespace troth::diagnosis {

/// Without the peer's name and address, which the table shows beside it.
std::string short_error(const NodeName& peer, const std::string& error);

}  // namespace troth::diagnosis
