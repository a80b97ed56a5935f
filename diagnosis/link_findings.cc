// Findings from a node's report about its peers, and from the peers' own answers.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "diagnosis/node_findings.h"
#include "diagnosis/sentences.h"
#include "diagnosis/short_error.h"

namespace troth::diagnosis {

namespace {

std::string peer_text(const LinkStatus& link) {
  return fmt::format("{} {}", link.role == Role::kParticipant ? "participant" : "coordinator",
                     link.peer);
}

/// The peer whose name the address of `link` leads to: "this is p2, not p1".
std::string leads_to(const LinkStatus& link) {
  constexpr std::string_view kThisIs = "this is ", kLeads = " leads to ";
  const auto& error = link.last_error;
  if (const auto begin = error.find(kThisIs); begin != std::string::npos)
    return error.substr(begin + kThisIs.size(),
                        error.find_first_of(", ", begin + kThisIs.size()) - begin - kThisIs.size());
  if (const auto begin = error.find(kLeads); begin != std::string::npos)
    return error.substr(begin + kLeads.size());
  return "";
}

/// Their addresses are exchanged: each leads to the other.
const LinkStatus* exchanged_with(const NodeStatus& status, const LinkStatus& link) {
  const auto other = leads_to(link);
  for (const auto& candidate : status.links)
    if (candidate.peer.text() == other && leads_to(candidate) == link.peer.text())
      return &candidate;
  return nullptr;
}

/// How the settings of a node name its peer.
std::string setting_of(const LinkStatus& link) {
  return link.role == Role::kParticipant ? "participant" : "coordinator";
}

std::string how_it_is_read(const NodeStatus& status, const LinkStatus& link) {
  const bool reloads =
      status.role == Role::kCoordinator && !link.configured_in.starts_with("flag ");
  return reloads ? " and send it SIGHUP" : " and start it again";
}

/// "c1.conf:7 (the settings of c1)"
std::string where_it_is_set(const NodeStatus& status, const std::vector<std::string>& origins) {
  std::string out;
  for (const auto& origin : origins)
    if (!origin.empty()) out += (out.empty() ? "" : " and ") + origin;
  return out.empty() ? fmt::format("the settings of {}", status.name)
                     : fmt::format("{} (the settings of {})", out, status.name);
}

std::string next_for_address(const NodeStatus& status, const LinkStatus& link,
                             const std::string& address = "HOST:PORT") {
  return fmt::format("correct {} = {}={} in {}{}", setting_of(link), link.peer, address,
                     where_it_is_set(status, {link.configured_in}), how_it_is_read(status, link));
}

std::string next_for(const NodeStatus& status, const LinkStatus& link, RuleId rule) {
  switch (rule) {
    case RuleId::kPeerLostMemory:
      return fmt::format(
          "put the newest log of {} back, if there is one; if not, follow the page: it begins anew "
          "under a new name",
          link.peer);
    case RuleId::kPeerQuarantined:
      return fmt::format("troth status -e {}, which names the witness; then follow the page",
                         link.address);
    case RuleId::kPeerDisputes:
      return fmt::format(
          "compare the log ids and cluster ids of {} and {} (troth status -o json); one was put "
          "back, or an address is wrong",
          status.name, link.peer);
    case RuleId::kPeerStopped:
      return fmt::format("do not restart it; troth doctor -e {}, which says what to do there",
                         link.address);
    case RuleId::kPeerSilent:
      return fmt::format(
          "see whether the process of {} is stopped, or its disk or the network hangs; kill -9 "
          "and start it again is safe",
          link.peer);
    case RuleId::kAddressWrong:
      return next_for_address(status, link);
    case RuleId::kPeerNotNamed:
      return fmt::format("name {} in the settings of {} and start {} again", status.name, link.peer,
                         link.peer);
    case RuleId::kPeerNotProven:
      return fmt::format(
          "see which program listens at {} and whether the directories of {} and {} hold the keys "
          "that their init made",
          link.address, status.name, link.peer);
    case RuleId::kVersionsApart:
      return fmt::format("install a release that is at most one apart from that of {}",
                         status.name);
    case RuleId::kParticipantDown:
      if (!link.configured_in.empty())
        return fmt::format(
            "start it again, or correct {} if it is not at {}; if it refuses: troth doctor "
            "--data-dir DIR of {}",
            link.configured_in, link.address, link.peer);
      return fmt::format("start it again; if it refuses: troth doctor --data-dir DIR of {}",
                         link.peer);
    default:
      return fmt::format("start {} again with the same data directory", link.peer);
  }
}

RuleId rule_of(const NodeStatus& status, const LinkStatus& link) {
  const auto rule = rule_of_link_error(link.last_error);
  if (rule != RuleId::kSound) return rule;
  if (link.role != Role::kParticipant) return RuleId::kCoordinatorDown;
  return status.role == Role::kCoordinator ? RuleId::kParticipantDown : RuleId::kMemberDown;
}

std::string cause_of(const NodeStatus& status, const LinkStatus& link, RuleId rule) {
  if (rule == RuleId::kPeerLostMemory) return link.last_error;
  if (status.role != Role::kCoordinator) return "not connected: " + link.last_error;
  return fmt::format(
      "{} cannot reach it at {}: {}", status.name, link.address,
      link.last_error.empty() ? "not connected yet" : short_error(link.peer, link.last_error));
}

void find_down(const NodeStatus& status, const LinkStatus& link, std::vector<Finding>& out) {
  if (link.retired) {
    out.push_back({RuleId::kPeerRetired, peer_text(link),
                   fmt::format("retired: the settings of {} name it no more; troth peer forget {} "
                               "ends that it is shown",
                               status.name, link.peer),
                   ""});
    return;
  }
  const auto rule = rule_of(status, link);
  Finding finding{rule, peer_text(link), cause_of(status, link, rule), next_for(status, link, rule),
                  link.peer.text()};
  finding.since = link.since;
  if (rule == RuleId::kAddressWrong)
    if (const auto* other = exchanged_with(status, link)) {
      finding.cause = fmt::format("the addresses of {} and {} are exchanged in the settings of {}",
                                  std::min(link.peer, other->peer),
                                  std::max(link.peer, other->peer), status.name);
      finding.about = finding.cause;
      const auto& [first, second] =
          std::minmax(link, *other, [](const auto& a, const auto& b) { return a.peer < b.peer; });
      finding.next = fmt::format(
          "exchange the addresses of {} = {} and {} in {}{}", setting_of(link), first.peer,
          second.peer, where_it_is_set(status, {first.configured_in, second.configured_in}),
          how_it_is_read(status, first));
    }
  if (rule == RuleId::kPeerLostMemory && link.role != Role::kParticipant)
    finding.page_instead = "lost-coordinator";
  if (rule == RuleId::kPeerStopped &&
      link.last_error.find("the database refuses") != std::string::npos)
    finding.page_instead = "held";
  out.push_back(std::move(finding));
}

/// The participant's own answer, or why there is none.
void find_seen(const NodeFacts& facts, const LinkStatus& link, const Result<NodeFacts>& seen,
               std::vector<Finding>& out) {
  const auto& status = facts.status;
  const auto who = peer_text(link);
  if (!seen && rule_of_link_error(seen.error().context) == RuleId::kPeerSilent) {
    out.push_back({RuleId::kAnswersNot, who,
                   fmt::format("it does not answer: {}", seen.error().context),
                   fmt::format("see whether the process of {} is stopped, or its disk or the "
                               "network hangs; again in some seconds",
                               link.peer),
                   link.peer.text()});
  } else if (!seen) {
    out.push_back({RuleId::kNotReachedFromHere, who,
                   fmt::format("{} is connected to it, this computer is not: {}", status.name,
                               seen.error().context),
                   fmt::format("run doctor where {} can be reached", link.address),
                   link.peer.text()});
  } else if (seen->status.version != status.version) {
    out.push_back(
        {RuleId::kVersionsDiffer, who,
         fmt::format("runs v{}, the coordinator v{}", seen->status.version, status.version),
         "finish the upgrade"});
  }
}

void find_connected(const LinkStatus& link, std::vector<Finding>& out) {
  constexpr Duration kSlow = std::chrono::milliseconds(250);
  if (link.rtt && *link.rtt > kSlow)
    out.push_back({RuleId::kPeerSlow, peer_text(link),
                   fmt::format("slow: its last call took {} ms", whole_ms(*link.rtt)),
                   "look at its disk and CPU", link.peer.text()});
  if (link.draining)
    out.push_back({RuleId::kPeerDrained, peer_text(link),
                   "drained by an operator: nothing new touches it",
                   fmt::format("troth participant resume {}", link.peer), link.peer.text()});
}

// A node that has just started has tried nothing yet: nobody is down because of that.
bool tries_first(const NodeStatus& status, const LinkStatus& link) {
  constexpr Duration kFirstTries = std::chrono::seconds(2);
  return !link.connected && !link.retired && link.last_error.empty() && status.up < kFirstTries;
}

}  // namespace

std::string short_error(const NodeName& peer, const std::string& error) {
  const auto colon = error.find(": ");
  return error.starts_with(fmt::format("cannot reach {} at ", peer)) && colon != std::string::npos
             ? error.substr(colon + 2)
             : error;
}

void find_links(const NodeFacts& facts, const Others& others, std::vector<Finding>& out) {
  for (const auto& link : facts.status.links) {
    if (tries_first(facts.status, link)) continue;
    if (!link.connected) {
      find_down(facts.status, link, out);
      continue;
    }
    if (!link.last_error.empty())
      out.push_back({RuleId::kAddressMoved, peer_text(link), link.last_error,
                     next_for_address(facts.status, link, link.address), link.peer.text()});
    if (facts.status.role == Role::kCoordinator) find_connected(link, out);
    const auto seen = others.find(link.peer);
    if (seen != others.end()) find_seen(facts, link, seen->second, out);
  }
}

}  // namespace troth::diagnosis
