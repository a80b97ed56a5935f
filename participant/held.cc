#include "participant/held.h"

#include <fmt/format.h>

namespace troth::participant {

bool is_held_by(const Error& error) {
  return error.code == ErrorCode::kCorruption || error.code == ErrorCode::kInvalidArgument;
}

Error held(const Error& why) {
  return {
      ErrorCode::kCorruption,
      fmt::format("the database refuses what the log says: {}. Nothing is served and no lock is "
                  "given up; stop the participant and look with troth-participant repair; page: "
                  "docs/runbooks/held.md",
                  why.context)};
}

}  // namespace troth::participant
