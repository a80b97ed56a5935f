// Transactions that do not end: in doubt, waiting for votes or locks, aborted in numbers.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "diagnosis/node_findings.h"
#include "diagnosis/sentences.h"
#include "os/table_printer.h"

namespace troth::diagnosis {

using cli::age_text;

namespace {

std::string joined(const std::set<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// The one coordinator that a participant's branches in doubt all wait for, if it is there: it
/// would have told them a decision.
const LinkStatus* undecided_at(const NodeStatus& status,
                               const std::vector<TransactionSummary>& in_doubt) {
  if (status.role == Role::kCoordinator || in_doubt.empty()) return nullptr;
  const LinkStatus* out = nullptr;
  for (const auto& link : status.links)
    if (link.connected && std::all_of(in_doubt.begin(), in_doubt.end(), [&](const auto& summary) {
          return summary.waiting_for == std::vector<NodeName>{link.peer};
        }))
      out = &link;
  return out;
}

std::string whom_it_blocks(const NodeFacts& facts) {
  if (facts.blocked == 0 && facts.gave_up == 0) return "";
  return fmt::format("for the oldest of them {} now and {} gave up",
                     facts.blocked == 1 ? "1 transaction waits"
                                        : fmt::format("{} transactions wait", facts.blocked),
                     facts.gave_up);
}

/// Without those that have a finding of their own.
std::vector<TransactionSummary> plainly_in_doubt(const NodeFacts& facts, std::uint64_t& count) {
  auto list = facts.in_doubt;
  count -= std::min<std::uint64_t>(
      count, std::erase_if(list, [&](const TransactionSummary& summary) {
        return std::any_of(facts.status.alarms.begin(), facts.status.alarms.end(),
                           [&](const std::string& alarm) {
                             return rule_of_alarm(alarm) == RuleId::kUnprovable &&
                                    alarm.starts_with(summary.gtid.text());
                           });
      }));
  std::erase_if(list, [](const TransactionSummary& summary) {
    return summary.state.starts_with("heuristic");
  });
  return list;
}

/// The id that is named in "waited too long for a row of items (7), held by ID [comment]".
std::string holder_in(const std::string& why) {
  constexpr std::string_view kHeldBy = ", held by ";
  const auto begin = why.find(kHeldBy);
  if (begin == std::string::npos) return "";
  const auto gtid = why.substr(begin + kHeldBy.size(), 26);
  return Gtid::parse(gtid) ? gtid : "";
}

void find_aborts(const NodeFacts& facts, std::vector<Finding>& out) {
  const auto committed = counter(facts.status, "recent_committed");
  const auto aborted = counter(facts.status, "recent_aborted");
  constexpr std::uint64_t kEnough = 10;
  if (aborted < kEnough || aborted * 20 < committed + aborted) return;
  const auto& why = facts.newest_abort;
  const auto holder = holder_in(why);
  out.push_back({RuleId::kFloodOfAborts, described(facts.status),
                 fmt::format("{} of the last {} transactions were aborted, the newest: {}", aborted,
                             committed + aborted, why.empty() ? "?" : why),
                 holder.empty() ? "troth txn list --recent"
                                : fmt::format("troth txn show {}: it held what they want; then "
                                              "troth txn list --recent",
                                              holder)});
}

}  // namespace

void find_doubts(const NodeFacts& facts, std::vector<Finding>& out) {
  constexpr Duration kSoon = std::chrono::seconds(2);
  const auto& status = facts.status;
  if (status.in_doubt == 0 || status.oldest_in_doubt < kSoon) return;
  auto count = status.in_doubt;
  const auto list = plainly_in_doubt(facts, count);
  if (list.empty() && !facts.in_doubt.empty()) return;
  Finding finding;
  finding.subject = described(status);
  finding.blocks = whom_it_blocks(facts);
  if (facts.now) finding.since = WallTime{facts.now->unix_ms - whole_ms(status.oldest_in_doubt)};
  const auto id = list.empty() ? "ID" : list.front().gtid.text();
  if (const auto* decider = undecided_at(status, list)) {
    finding.rule = RuleId::kWaitsForOthers;
    finding.cause = fmt::format("{} voted yes up to {} ago; {} is connected and has not decided",
                                count, age_text(status.oldest_in_doubt), decider->peer);
    finding.next = fmt::format("troth txn show {} -e {}   which says whose vote is missing", id,
                               decider->address);
    return out.push_back(std::move(finding));
  }
  std::set<std::string> names;
  for (const auto& summary : list)
    for (const auto& name : summary.waiting_for) names.insert(name.text());
  const auto blockers = joined(names);
  finding.rule = RuleId::kInDoubtBlocked;
  finding.about = blockers;
  finding.cause = fmt::format("{} in doubt or not confirmed for up to {}, blocked by {}", count,
                              age_text(status.oldest_in_doubt), blockers.empty() ? "?" : blockers);
  finding.next = fmt::format("repair {}, then troth txn retry --all; details: troth txn show {}{}",
                             blockers.empty() ? "what is named" : blockers, id, at(facts));
  out.push_back(std::move(finding));
}

// Missing votes: a participant or its disk is slow, or many transactions want the same rows.
void find_waits(const NodeFacts& facts, std::vector<Finding>& out) {
  constexpr Duration kSlow = std::chrono::milliseconds(700);
  constexpr std::uint64_t kManyWaiters = 5;
  const auto who = described(facts.status);
  std::map<std::string, std::pair<int, Duration>> waits;
  for (const auto& summary : facts.active)
    if (summary.state == "preparing" && summary.age > kSlow)
      for (const auto& name : summary.waiting_for) {
        auto& [n, oldest] = waits[name.text()];
        ++n;
        oldest = std::max(oldest, summary.age);
      }
  for (const auto& [name, wait] : waits)
    out.push_back(
        {RuleId::kWaitsForVote, who,
         fmt::format("{} transaction{} for up to {} for the vote of {}: it is slow, or rows are "
                     "held there",
                     wait.first, wait.first == 1 ? " waits" : "s wait", age_text(wait.second),
                     name),
         fmt::format("troth participant show {0}; troth participant locks {0}; its disk, its CPU",
                     name),
         name});
  if (const auto waiters = counter(facts.status, "waiting_for_locks"); waiters >= kManyWaiters)
    out.push_back({RuleId::kWaitsForLocks, who, fmt::format("{} branches wait for locks", waiters),
                   fmt::format("troth participant locks {}", facts.status.name)});
  find_aborts(facts, out);
}

}  // namespace troth::diagnosis
