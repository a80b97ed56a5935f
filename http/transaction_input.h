#pragma once
// Transactions as people write them: --on NAME "SQL" --param V ..., or JSON.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/service.h"

namespace troth::http {

/// "int:5" "real:1.5" "text:x" "blob:HEX" "null"; a bare word is an integer or real if it looks
/// like one, else text.
Result<protocol::Value> parse_value(const std::string& text);
/// "rows = 1", "rows >= 1".
Result<protocol::Expectation> parse_expectation(const std::string& text);
/// One object, an array of objects, or one object a line. Errors name the place:
/// "transactions[2].branches[0].statements[1].sql is missing".
Result<std::vector<protocol::SubmitRequest>> parse_transactions(const std::string& json,
                                                                const std::string& source);
/// One JSON object in which no name is given twice.
Result<nlohmann::json> parse_object(const std::string& json, const std::string& source);

}  // namespace troth::http
