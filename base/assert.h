#pragma once
// Broken invariants. On in every build: a process with a broken invariant must stop, because its
// memory cannot be trusted and recovery reads the disk. Never for bad input or operating errors.

#include <fmt/format.h>

#include <string>

namespace troth {

/// Prints the failed condition with its facts to stderr and aborts (SIGABRT).
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line,
                                   const std::string& facts);

}  // namespace troth

/// `TROTH_ASSERT(lsn > last, "gtid {} state {} lsn {}", gtid, state, lsn);`
#define TROTH_ASSERT(condition, ...)                                                         \
  do {                                                                                       \
    if (!(condition)) [[unlikely]]                                                           \
      ::troth::assertion_failed(#condition, __FILE__, __LINE__, ::fmt::format(__VA_ARGS__)); \
  } while (false)
