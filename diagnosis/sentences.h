#pragma once
// Alarms and errors of links travel as sentences. Which rule a sentence belongs to, by the words
// that no other sentence has; tests/diagnosis checks that the sources still say them.

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
/// Of what a link that is down says.
const std::vector<Sign>& link_signs();

/// kOtherAlarm if no sign is found.
RuleId rule_of_alarm(std::string_view sentence);
/// kSound if no sign is found: then nothing but "down" is known.
RuleId rule_of_link_error(std::string_view sentence);

}  // namespace troth::diagnosis
