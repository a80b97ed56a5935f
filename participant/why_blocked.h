#pragma once
// Why a branch is in doubt, for a person.

#include <string>

#include "participant/peer_links.h"

namespace troth::participant {

/// One or two sentences: what is missing, and what would end it. The branch is in doubt.
std::string why_blocked(const BranchEntry& entry, const PeerLinks& links, Now now);

}  // namespace troth::participant
