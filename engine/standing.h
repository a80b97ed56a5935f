#pragma once
// Whether this node takes new work, and whether it may promise anything at all.

#include <optional>
#include <string>

#include "troth/result.h"

namespace troth {

/// Owned by an engine and touched by its thread alone. A node that has stopped stays so until its
/// process ends.
class Standing {
 public:
  void drain() { draining_ = true; }
  bool draining() const { return draining_; }

  /// Its log does not hold what a peer has seen of it.
  void lose_memory() { stopped_ = true; }
  /// Its database or its log failed. False: it is not the first failure.
  bool fail_for(const Error& error) {
    stopped_ = true;
    if (failure_) return false;
    failure_ = error;
    return true;
  }
  /// Nothing is promised and nothing is said any more.
  bool stopped() const { return stopped_; }
  /// Why, unless it lost its memory.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  bool draining_ = false;
  bool stopped_ = false;
  std::optional<Error> failure_;
};

}  // namespace troth
