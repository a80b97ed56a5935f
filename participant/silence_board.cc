#include "participant/silence_board.h"

#include <fmt/format.h>

namespace troth::participant {

std::optional<Error> SilenceBoard::take(const SilentStatement& silent) {
  using Stage = SilentStatement::Stage;
  const MutexLock lock(mutex_);
  if (silent.stage == Stage::kCameBack) {
    text_.reset();
    return std::nullopt;
  }
  text_ = fmt::format("statement {} ignores its limit: SQLite has not returned for {} ms",
                      silent.statement,
                      std::chrono::duration_cast<std::chrono::milliseconds>(silent.since).count());
  if (silent.stage == Stage::kSilent) return std::nullopt;
  return Error{ErrorCode::kTimeout, *text_ + "; this process ends so that a restart recovers"};
}

std::optional<std::string> SilenceBoard::text() const {
  const MutexLock lock(mutex_);
  return text_;
}

}  // namespace troth::participant
