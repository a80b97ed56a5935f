#pragma once
// Alarms and errors of links travel as sentences. This file finds the rule of a sentence by words
// that no other sentence has. tests/diagnosis checks that the sources still contain them.

#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/rules.h"

namespace troth::diagnosis {

struct Sign {
  std::string_view words;
  RuleId rule;
};

/// Of alarms, the first that is found counts.
const std::vector<Sign>& alarm_signs();
/// Of the last error of a link that is down.
const std::vector<Sign>& link_signs();

/// kOtherAlarm if no sign is found.
RuleId rule_of_alarm(std::string_view sentence);
/// kSound if no sign is found: then nothing but "down" is known.
RuleId rule_of_link_error(std::string_view sentence);

}  // namespace troth::diagnosis
