#pragma once
// Whether this node takes new work, and whether it may promise anything at all.

#include <optional>
#include <string>

#include "engine/quarantine.h"
#include "troth/result.h"

namespace troth {

/// Owned by an engine and touched by its thread alone. A node that has stopped stays so until its
/// process ends.
class Standing {
 public:
  void drain() { draining_ = true; }
  bool draining() const { return draining_; }

  /// Whether a peer says that this node's log lost its end.
  Quarantine& quarantine() { return quarantine_; }
  const Quarantine& quarantine() const { return quarantine_; }
  /// Its database or its log failed. False: it is not the first failure.
  bool fail_for(const Error& error) {
    if (failure_) return false;
    failure_ = error;
    return true;
  }
  /// The node makes no promise and sends nothing any more.
  bool stopped() const { return failure_.has_value() || quarantine_.active(); }
  /// Why it has stopped, for people; "" = it has not.
  std::string reason() const {
    if (quarantine_.active()) return quarantine_.reason();
    return failure_ ? failure_->context : "";
  }
  /// Why, unless it is in quarantine.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  bool draining_ = false;
  Quarantine quarantine_;
  std::optional<Error> failure_;
};

}  // namespace troth
