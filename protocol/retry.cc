#include "protocol/retry.h"

#include <algorithm>

namespace troth::protocol {

Duration backoff(const RetryPolicy& policy, std::uint32_t attempt, const Gtid& gtid) {
  const std::uint32_t doublings = attempt > 1 ? std::min<std::uint32_t>(attempt - 1, 30) : 0;
  Duration pause = policy.first;
  for (std::uint32_t i = 0; i < doublings && pause < policy.max; ++i) pause *= 2;
  pause = std::min(pause, policy.max);
  std::uint64_t seed = gtid.low() ^ (gtid.high() * 31) ^ (std::uint64_t{attempt} << 40);
  seed = (seed ^ (seed >> 31)) * 0x9e3779b97f4a7c15ull;
  const auto quarter = pause.count() / 4;
  const auto spread =
      quarter == 0
          ? 0
          : static_cast<Duration::rep>((seed >> 33) % static_cast<std::uint64_t>(quarter + 1));
  return pause + Duration{spread};
}

Duration participants_share(Duration time_left) {
  constexpr Duration kMostForTheWay = std::chrono::milliseconds(200);
  if (time_left <= Duration{0}) return Duration{0};
  return time_left - std::min(time_left / 10, kMostForTheWay);
}

}  // namespace troth::protocol
