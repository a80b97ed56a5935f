#include "os/clock.h"

#ifdef TROTH_FAILPOINTS
#include <cstdlib>
#endif

namespace troth {

namespace {
// Test builds only: a computer whose clock is wrong.
std::int64_t offset_ms() {
#ifdef TROTH_FAILPOINTS
  static const char* const text = std::getenv("TROTH_TEST_CLOCK_OFFSET_MS");
  if (text != nullptr) return std::atoll(text);
#endif
  return 0;
}
}  // namespace

MonotonicTime SystemClock::now() const {
  return {
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

WallTime SystemClock::wall_now() const {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count() + offset_ms()};
}

}  // namespace troth
