#pragma once
// Transactions as people write them: --on NAME "SQL" --param V ..., or JSON.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "protocol/ports.h"
#include "troth/result.h"

namespace troth::http {

/// "int:5" "real:1.5" "text:x" "blob:HEX" "null". A bare word is an integer or a real if it is
/// written as JSON writes one, otherwise text: 01234 and +5 are texts. kInvalidArgument: it does
/// not match its type, is a number that does not fit, or is NULL in capitals.
Result<Value> parse_value(const std::string& text);
/// "rows = 1", "rows >= 1".
Result<Expectation> parse_expectation(const std::string& text);
/// One object, an array of objects, or one object a line. Errors name the place:
/// "transactions[2].branches[0].statements[1].sql is missing". `default_answer_at`: of those that
/// do not say "wait".
Result<std::vector<SubmitRequest>> parse_transactions(
    const std::string& json, const std::string& source,
    AnswerAt default_answer_at = AnswerAt::kDecided);
/// One JSON object in which no name is given twice.
Result<nlohmann::json> parse_object(const std::string& json, const std::string& source);

}  // namespace troth::http
