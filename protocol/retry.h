#pragma once
// Back-off between repeated messages: bounded, growing, jittered. Jitter is computed, not drawn, so
// that the machines stay pure.

#include <cstdint>

#include "base/ids.h"
#include "troth/time.h"

namespace troth::protocol {

struct RetryPolicy {
  Duration first{std::chrono::milliseconds(200)};  ///< pause before the first repetition
  Duration max{std::chrono::seconds(5)};           ///< no pause is longer than this (+25 %)
};

/// Pause after `attempt` tries (1 = the first): doubles up to max, spread by up to +25 % with
/// (gtid, attempt) as seed.
Duration backoff(const RetryPolicy& policy, std::uint32_t attempt, const Gtid& gtid);

/// How much of the time left the participant gets: it ends its lock waits and its work early enough
/// that its answer, which says why, arrives before the coordinator's deadline.
Duration participants_share(Duration time_left);

}  // namespace troth::protocol
