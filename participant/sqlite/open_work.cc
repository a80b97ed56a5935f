#include "participant/sqlite/open_work.h"

#include <fmt/format.h>

namespace troth::participant::sqlite {

bool OpenWork::hold(const Gtid& gtid, std::uint64_t bytes) {
  const auto found = held_.find(gtid);
  const auto others = sum_ - (found == held_.end() ? 0 : found->second);
  if (bytes > kLittle && others > 0 && others + bytes > limit_) return false;
  count(gtid, bytes);
  return true;
}

void OpenWork::count(const Gtid& gtid, std::uint64_t bytes) {
  release(gtid);
  if (bytes == 0) return;
  held_[gtid] = bytes;
  sum_ += bytes;
}

AbortReason OpenWork::refusal() const {
  return {AbortCode::kBusy,
          fmt::format("branches that are not decided keep {} bytes of changed rows in memory "
                      "(setting open-work-limit: {}): try again when some have ended",
                      sum_, limit_),
          {},
          -1};
}

void OpenWork::release(const Gtid& gtid) {
  const auto found = held_.find(gtid);
  if (found == held_.end()) return;
  sum_ -= found->second;
  held_.erase(found);
}

}  // namespace troth::participant::sqlite
