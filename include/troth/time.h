#pragma once
// Durations and instants. Protocol time is monotonic: wall clock jumps change nothing (failures.md
// 45).

#include <chrono>
#include <compare>
#include <cstdint>

namespace troth {

using Duration = std::chrono::nanoseconds;

/// Whole milliseconds, the rest cut off: as durations are shown.
inline std::int64_t whole_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// An instant of one process's monotonic clock. Never leaves the process; never stored.
struct MonotonicTime {
  Duration since_start{0};
  friend auto operator<=>(const MonotonicTime&, const MonotonicTime&) = default;
  friend MonotonicTime operator+(MonotonicTime t, Duration d) { return {t.since_start + d}; }
  friend Duration operator-(MonotonicTime a, MonotonicTime b) {
    return a.since_start - b.since_start;
  }
};

/// Milliseconds since 1970-01-01 UTC: for people, retention and logs only, never for a protocol
/// decision.
struct WallTime {
  std::int64_t unix_ms = 0;
  friend auto operator<=>(const WallTime&, const WallTime&) = default;
  friend Duration operator-(WallTime a, WallTime b) {
    return std::chrono::milliseconds(a.unix_ms - b.unix_ms);
  }
};

}  // namespace troth
