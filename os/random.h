#pragma once
// Randomness from the kernel, for identities and jitter seeds. The pure folders receive random
// values as arguments.

#include "base/ids.h"

namespace troth {

/// 128 bits from getrandom(2); aborts if the kernel refuses, because an identity must not repeat.
LogId random_log_id();
/// 64 bits from getrandom(2), to seed jitter.
std::uint64_t random_seed();

}  // namespace troth
