#pragma once
// Randomness from the kernel, for identities and jitter seeds. The pure folders receive random
// values as arguments.

#include <string>

#include "base/ids.h"

namespace troth {

/// 128 bits from getrandom(2); aborts if the kernel refuses, because an identity must not repeat.
LogId random_log_id();
/// Likewise, for keys and nonces; at most 256.
std::string random_bytes(std::size_t count);
/// 1 to 1024, for the epoch of a start.
std::uint32_t random_epoch_step();
/// 64 bits from getrandom(2), to seed jitter.
std::uint64_t random_seed();

}  // namespace troth
