#include "engine/quarantine.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth {

using protocol::ClaimRecord;

std::optional<ClaimRecord> Quarantine::raise(ClaimRecord claim, WallTime now) {
  const auto found = claims_.find(claim.witness);
  if (found != claims_.end()) {
    const auto& known = found->second;
    const bool covered =
        known.seen.durable >= claim.seen.durable && known.seen.epoch >= claim.seen.epoch;
    if (known.standing == ClaimRecord::Standing::kRaised || covered) return std::nullopt;
  }
  claim.when = now;
  claims_[claim.witness] = claim;
  return claim;
}

bool Quarantine::active() const {
  for (const auto& [witness, claim] : claims_)
    if (claim.standing != ClaimRecord::Standing::kDismissed) return true;
  return false;
}

Lsn Quarantine::reaches(Lsn durable) const {
  for (const auto& [witness, claim] : claims_)
    if (claim.standing != ClaimRecord::Standing::kDismissed)
      durable = std::min(durable, claim.own_end);
  return durable;
}

std::string Quarantine::reason() const {
  for (const auto& [witness, claim] : claims_)
    if (claim.standing != ClaimRecord::Standing::kDismissed)
      return fmt::format(
          "in quarantine: {} has seen this log reach LSN {} in epoch {}, but it ended at LSN {}. "
          "Nothing is voted or decided. Put the newest log back; if {} is wrong, stop this node "
          "and run `dismiss --name {}`; page: docs/runbooks/quarantine.md",
          witness, claim.seen.durable, claim.seen.epoch, claim.own_end, witness, witness);
  return "";
}

}  // namespace troth
