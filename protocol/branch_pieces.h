#pragma once
// The executions of an interactive branch, one for each EXECUTE. They exist in memory only. A
// restart loses them, and later messages about them must be refused, never begun again.

#include <fmt/format.h>

#include <cstdint>

#include "troth/values.h"

namespace troth::protocol {

/// Owns how many were executed. Invariant: they are numbered from 1 and none is missing. A part of
/// one Branch, which is interactive once begin() was called.
class BranchPieces {
 public:
  void begin() { begun_ = true; }
  /// PREPARE has come: nothing more is executed.
  void finish() { begun_ = finishing_ = true; }

  bool begun() const { return begun_; }
  /// Executed piece by piece, and has not begun to prepare.
  bool under_way() const { return begun_ && !finishing_; }
  std::uint32_t executed() const { return executed_; }
  bool is_next(std::uint32_t number) const { return number == executed_ + 1; }
  void take_next() { ++executed_; }

  /// The reason for an abort: the coordinator counts on `wanted` pieces, and some are lost.
  AbortReason lost(std::uint32_t wanted) const {
    return {AbortCode::kStaleEpoch,
            fmt::format("{} executions were expected here and {} are held: this node restarted",
                        wanted, executed_),
            {},
            -1};
  }

 private:
  bool begun_ = false;
  bool finishing_ = false;
  std::uint32_t executed_ = 0;
};

}  // namespace troth::protocol
