#pragma once
// The seam through which everything outside the pure folders asks for the time. Second
// implementation: simulator.

#include "troth/time.h"

namespace troth {

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime now() const = 0;
  virtual WallTime wall_now() const = 0;
};

/// CLOCK_MONOTONIC and CLOCK_REALTIME.
class SystemClock final : public Clock {
 public:
  MonotonicTime now() const override;
  WallTime wall_now() const override;
};

}  // namespace troth
