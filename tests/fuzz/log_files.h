#pragma once
// What the targets that open whole logs share.

#include <cstring>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/support/memory_disk.h"

namespace troth::fuzz {

/// Inputs of the log targets; longer ones are left to the others.
inline constexpr std::size_t kMostBytes = 4096;

/// Cuts most of the reserved zeros off every segment of `dir`, but none that an input may have
/// written. Reading stops there anyway, and a fuzzer that compares 64 KiB of zeros is a slow one.
inline void cut_reserved_zeros(tests::MemoryDisk& disk, const std::string& dir) {
  const auto names = disk.list(dir).value();
  for (const auto& name : names) {
    if (!name.ends_with(".log")) continue;
    const auto file = disk.open(dir + "/" + name, OpenMode::kReadWrite).value();
    std::string zeros;
    const auto size = file->size().value();
    auto used = size;
    for (std::uint64_t step = 4096; step >= 8; step /= 8) {
      zeros.assign(step, '\0');
      while (used >= step) {
        const auto bytes = file->read_at(used - step, step).value();
        if (std::memcmp(bytes.data(), zeros.data(), step) != 0) break;
        used -= step;
      }
    }
    if (used + kMostBytes < size) static_cast<void>(file->truncate(used + kMostBytes));
  }
}

}  // namespace troth::fuzz
