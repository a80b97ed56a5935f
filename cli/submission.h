#pragma once
// The words behind `troth submit`, and the files that they name, as requests.

#include <optional>
#include <vector>

#include "cli/commands.h"
#include "troth/requests.h"

namespace troth::cli {

struct Submission {
  std::vector<SubmitRequest> requests;
  int retries = 0;
  bool batch = false;  ///< all at once instead of one after the other
  std::optional<Duration> deadline;
  std::optional<CommitProtocol> protocol;
  AnswerAt answer_at = AnswerAt::kApplied;  ///< of requests that do not say
};

/// kInvalidArgument names the word or the place in the file. `traceparent` may be null.
Result<Submission> parse_submission(const Words& words, const char* traceparent);

}  // namespace troth::cli
