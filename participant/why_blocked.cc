#include "participant/why_blocked.h"

#include <fmt/format.h>

#include <vector>

namespace troth::participant {

using namespace protocol;

namespace {

std::string joined(const std::vector<NodeName>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name.text();
  return out;
}

}  // namespace

std::string why_blocked(const BranchEntry& entry, const PeerLinks& links, Now now) {
  const auto& branch = entry.branch;
  const auto& coordinator = branch.coordinator();
  const bool reachable = links.is_connected(coordinator);
  constexpr const char* kSafe = " No data is lost; its rows stay locked until then.";
  if (entry.quorum) {
    const auto& quorum = *entry.quorum;
    const auto members = quorum.setup().members.size();
    const auto silent = quorum.silent();
    if (quorum.role() == QuorumBallot::Role::kFollowing)
      return fmt::format(
          "This node voted yes; {} leads it{}. If that falls silent, the members "
          "decide by majority ({} of {}).{}",
          quorum.position().last_elected.round > 1 ? quorum.position().last_elected.node
                                                   : coordinator,
          reachable || quorum.position().last_elected.round > 1 ? "" : ", unreachable",
          quorum.quorum(), members, kSafe);
    const bool enough = members - silent.size() >= quorum.quorum();
    return fmt::format("{} of {} members {}: {}. {} must answer for a decision; ballot {} is {}.{}",
                       silent.size(), members, enough ? "have not answered yet" : "unreachable",
                       joined(silent), quorum.quorum(), text_of(quorum.ballot()),
                       to_string(quorum.role()), kSafe);
  }
  if (branch.inquiries().continuity_not_proven())
    return fmt::format(
        "{} cannot prove what it decided (its log was adopted from a copy). The rows stay locked "
        "until an operator resolves it: troth txn resolve {} --dry-run --commit|--abort",
        coordinator, branch.gtid());
  if (branch.inquiries().asked()) {
    const auto silent = branch.inquiries().asked()->silent();
    if (!silent.empty())
      return fmt::format(
          "{} of {} other members unreachable: {}; coordinator {} down {}. Any of "
          "them may know, or may not have voted.{}",
          silent.size(), branch.prepared_record().members.size() - 1, joined(silent), coordinator,
          links.since_when(coordinator, now), kSafe);
    return fmt::format(
        "All members prepared, coordinator {} down {}: only {} knows. (Three-phase "
        "commit would end it by a majority.){}",
        coordinator, links.since_when(coordinator, now), coordinator, kSafe);
  }
  return fmt::format("This node voted yes and must wait for {}, which is {}.{}", coordinator,
                     reachable ? "reachable and being asked" : "unreachable", kSafe);
}

}  // namespace troth::participant
