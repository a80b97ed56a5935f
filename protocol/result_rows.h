#pragma once
// The rows of a first answer, kept so that a repeated request receives them again.

#include <string>
#include <string_view>
#include <vector>

#include "protocol/outcome.h"
#include "troth/requests.h"

namespace troth::protocol {

/// Larger answers are repeated without rows.
inline constexpr std::size_t kMostKeptRows = 4096;

/// "" = no statement returned rows, or they take more than kMostKeptRows bytes.
std::string encode_rows(const std::vector<BranchResult>& results);
/// Empty if there are none, or if they do not decode: rows are a convenience, the outcome is not.
std::vector<BranchResult> decode_rows(std::string_view rows);

}  // namespace troth::protocol
