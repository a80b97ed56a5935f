#pragma once
// How long a link waits before it tries again. Internal to PeerLink; used by the holder of the link.

#include <algorithm>
#include <random>

#include "thrift/peer/peer_links.h"

namespace troth::thrift {

/// Owns both back-offs. Each pause is up to half shorter than it could be, so that links which
/// failed together do not try again together.
class LinkPauses {
 public:
  LinkPauses(const PeerLinksOptions& options, std::uint64_t seed)
      : options_(options), random_(static_cast<std::minstd_rand::result_type>(seed)) {}

  Duration after_failure() {
    unreachable_ = std::clamp(unreachable_ * 2, options_.backoff_min, options_.backoff_max);
    return jittered(unreachable_);
  }
  void connected() { unreachable_ = Duration{0}; }

  Duration after_busy() {
    constexpr Duration kMax = std::chrono::milliseconds(200);
    busy_ = std::clamp(busy_ * 2, options_.busy_backoff, kMax);
    return jittered(busy_);
  }
  void delivered() { busy_ = Duration{0}; }

 private:
  Duration jittered(Duration time) {
    std::uniform_real_distribution<double> factor(0.5, 1.0);
    return std::chrono::duration_cast<Duration>(time * factor(random_));
  }

  const PeerLinksOptions& options_;
  Duration unreachable_{0};
  Duration busy_{0};
  std::minstd_rand random_;
};

}  // namespace troth::thrift
