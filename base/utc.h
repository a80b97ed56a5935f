#pragma once

#include <cstdint>
#include <string>

namespace troth {

/// "2026-11-29T11:42:00Z"
std::string utc_text(std::int64_t unix_ms);

}  // namespace troth
