#include "recovery/ended_claims.h"

#include <algorithm>
#include <iterator>

namespace troth::recovery {

// A claim about ended gtids stays true, however late it arrives. So all claims of an epoch are
// merged, in any order.
bool EndedClaims::add(EndedClaim claim) {
  const auto [at, is_new] = claims_.try_emplace(claim.made_in, claim);
  if (is_new) {
    while (claims_.size() > kMostEpochs) {
      forget_one_phase_before(std::next(claims_.begin())->first);
      claims_.erase(claims_.begin());
    }
    return true;
  }
  auto& known = at->second;
  known.from = std::max(known.from, claim.from);
  if (claim.below <= known.below && known.unfinished.empty()) return false;
  auto unfinished = neither_ended(known, claim);
  if (claim.below <= known.below && unfinished == known.unfinished) return false;
  known.below = std::max(known.below, claim.below);
  known.unfinished = std::move(unfinished);
  return true;
}

// Listed by both, or listed by one and not below the `ended_below` of the other.
std::vector<Gtid> EndedClaims::neither_ended(const EndedClaim& known, const EndedClaim& news) {
  std::vector<Gtid> out;
  std::set_union(known.unfinished.begin(), known.unfinished.end(), news.unfinished.begin(),
                 news.unfinished.end(), std::back_inserter(out));
  std::erase_if(out, [&](const Gtid& gtid) { return says(known, gtid) || says(news, gtid); });
  return out;
}

bool EndedClaims::says(const EndedClaim& claim, const Gtid& gtid) {
  return gtid < claim.below &&
         !std::binary_search(claim.unfinished.begin(), claim.unfinished.end(), gtid);
}

bool EndedClaims::ended(const Gtid& gtid) const {
  const Epoch epoch = gtid.epoch();
  if (gtid.decider() == Decider::kParticipant) {
    if (epoch < forgotten_before_) return true;
    const auto own = claims_.find(epoch);
    return own != claims_.end() && says(own->second, gtid);
  }
  for (auto at = claims_.rbegin(); at != claims_.rend() && epoch <= at->first; ++at)
    if (at->second.from <= epoch && says(at->second, gtid)) return true;
  return false;
}

const EndedClaim& EndedClaims::newest() const {
  static const EndedClaim kNone;
  return claims_.empty() ? kNone : claims_.rbegin()->second;
}

void EndedClaims::forget_one_phase_before(Epoch epoch) {
  forgotten_before_ = std::max(forgotten_before_, epoch);
}

}  // namespace troth::recovery
