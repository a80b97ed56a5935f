#pragma once
// Findings as troth doctor -o json and /api/v1/findings show them.

#include <nlohmann/json.hpp>
#include <vector>

#include "diagnosis/finding.h"

namespace troth::http {

nlohmann::ordered_json findings_view(const std::vector<diagnosis::Finding>& findings);

}  // namespace troth::http
