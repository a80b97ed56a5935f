#pragma once
// The five modes of multi-granularity locking and how they get along.

#include <cstddef>
#include <cstdint>

namespace troth::participant {

enum class LockMode : std::uint8_t { kIS, kIX, kS, kSIX, kX };
inline constexpr std::size_t kLockModes = 5;

/// The weakest mode that includes both.
LockMode combined(LockMode a, LockMode b);
/// May two owners hold these on one resource at the same time?
bool compatible(LockMode a, LockMode b);

}  // namespace troth::participant
