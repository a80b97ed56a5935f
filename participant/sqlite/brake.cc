#include "participant/sqlite/brake.h"

#include <cstddef>

namespace troth::participant::sqlite {

namespace {

constexpr std::array<int, 3> kLimits = {SQLITE_LIMIT_LENGTH, SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
                                        SQLITE_LIMIT_TRIGGER_DEPTH};

}  // namespace

void Brake::pull(sqlite3* db) {
  if (pulled()) return;
  db_ = db;
  for (std::size_t i = 0; i < kLimits.size(); ++i) before_[i] = sqlite3_limit(db, kLimits[i], 0);
}

void Brake::release() {
  if (!pulled()) return;
  for (std::size_t i = 0; i < kLimits.size(); ++i) sqlite3_limit(db_, kLimits[i], before_[i]);
  db_ = nullptr;
}

}  // namespace troth::participant::sqlite
