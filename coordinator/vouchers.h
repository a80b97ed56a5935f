#pragma once
// Which participants have shown that this log has not lost its end. A log that was put back to an
// earlier state of the same life does not show it by itself. A participant that has seen more of it
// says so when it greets. Until all have greeted, a missing record of an earlier start proves
// nothing.

#include <set>

#include "base/ids.h"
#include "coordinator/engine_options.h"

namespace troth::coordinator {

/// Owned by the engine and touched by its thread alone.
class Vouchers {
 public:
  explicit Vouchers(const EngineOptions& options) : options_(options) {}

  /// No participant has greeted in this start yet.
  void begin(MonotonicTime now) { began_ = now; }
  /// The peer has greeted or has answered a greeting, and misses nothing in this log.
  void add(const NodeName& peer) { vouched_.insert(peer); }
  bool has(const NodeName& peer) const { return vouched_.count(peer) != 0; }
  /// A participant in doubt blocks others, so it gets an answer after a while.
  bool patience_is_over(MonotonicTime now) const { return began_ + options_.voucher_grace <= now; }

 private:
  const EngineOptions& options_;
  std::set<NodeName> vouched_;
  MonotonicTime began_;
};

}  // namespace troth::coordinator
