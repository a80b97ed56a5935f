#pragma once
// Randomness from the kernel, for identities and jitter seeds. The pure folders receive random
// values as arguments.

#include <cstdint>
#include <string>

namespace troth {

/// From getrandom(2), for ids, keys and nonces; at most 256. Aborts if the kernel refuses, because an
/// identity must not repeat.
std::string random_bytes(std::size_t count);
/// 1 to 1024, for the epoch of a start.
std::uint32_t random_epoch_step();
/// 64 bits from getrandom(2), to seed jitter.
std::uint64_t random_seed();

}  // namespace troth
