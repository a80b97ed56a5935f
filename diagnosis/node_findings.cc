#include "diagnosis/node_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "diagnosis/sentences.h"
#include "os/table_printer.h"

namespace troth::diagnosis {

using cli::age_text;

namespace {

bool is_local(const std::string& address) {
  return address.empty() || address.starts_with("127.") || address.starts_with("localhost:") ||
         address.starts_with("[::1]");
}

std::string first_word(const std::string& text) {
  return text.substr(0, text.find(' '));
}

/// The gtid that a sentence names, "" = none.
std::string gtid_in(const std::string& text) {
  constexpr std::size_t kLength = 26;
  for (std::size_t i = 0; i + kLength <= text.size(); ++i)
    if ((i == 0 || text[i - 1] == ' ') && Gtid::parse(text.substr(i, kLength)))
      return text.substr(i, kLength);
  return "";
}

std::string next_for_alarm(const NodeFacts& facts, RuleId rule, const std::string& alarm) {
  const auto where = at(facts);
  switch (rule) {
    case RuleId::kUnprovable:
      return fmt::format("troth txn resolve {} --abort --dry-run{}   which says whom to ask first",
                         first_word(alarm), where);
    case RuleId::kNewerLogExists:
      return "stop it and put the newest log back, if there is one; if not, decide each branch "
             "that the participants name";
    case RuleId::kUnconfirmed:
      return fmt::format("troth txn list --in-doubt{}   which names them", where);
    case RuleId::kPrecommittedBefore:
      return "start its participants, all of them; it ends by itself";
    case RuleId::kMixed:
    case RuleId::kByHand:
      return fmt::format("troth txn list --in-doubt{}", where);
    case RuleId::kQuarantine:
      return "find out whether its disk was restored; then put the newest log back, or settle the "
             "claim with dismiss or confirm";
    case RuleId::kPeerLostMemory:
      return fmt::format(
          "put the newest log of {} back, if there is one; if not, follow the page: it begins anew "
          "under a new name, and troth peer forget {} ends this",
          first_word(alarm), first_word(alarm));
    case RuleId::kPeerDisputes:
      return "find out which of the two logs was put back; correct the address or the settings if "
             "it is another cluster's";
    case RuleId::kNodeFailed:
      return fmt::format("repair what the sentence names, then start {} again", facts.status.name);
    case RuleId::kFilesChanged:
      return "do not stop it before those are copied; then stop it, put the copies back and start "
             "it again, as the page says";
    case RuleId::kHeld:
      return fmt::format(
          "stop {} and run troth-participant repair --data-dir DIR --database FILE, which changes "
          "nothing and shows the work; then follow the page",
          facts.status.name);
    case RuleId::kKeysFull:
      return "raise max-retained-keys or lower key-retention in its settings, and start it again";
    case RuleId::kStatementStuck:
      return fmt::format("troth participant show {}; wait, or kill -9 and start it again",
                         facts.status.name);
    default:
      return fmt::format(
          "do not restart anything empty; compare the databases. It is shown until {} is started "
          "again: do that when all is repaired",
          described(facts.status));
  }
}

bool is_coordinator(const NodeStatus& status, const std::string& peer) {
  return std::any_of(status.links.begin(), status.links.end(), [&](const LinkStatus& link) {
    return link.peer.text() == peer && link.role == Role::kCoordinator;
  });
}

void find_cluster(const NodeFacts& facts, std::vector<Finding>& out) {
  if (counter(facts.status, "default_cluster") == 0 || is_local(facts.address)) return;
  out.push_back({RuleId::kDefaultCluster, described(facts.status),
                 "its cluster id is \"default\": nodes of any other such cluster may greet it",
                 "give the nodes of the next cluster an id: init --cluster ID"});
}

// Off loopback a port without TLS is refused, unless the settings say that it is meant.
void find_insecure(const NodeFacts& facts, std::vector<Finding>& out) {
  if (facts.status.security.transport != "insecure") return;
  out.push_back({RuleId::kInsecure, described(facts.status),
                 "other machines reach it without TLS: insecure = true",
                 "give it a certificate (troth help cert), set tls-dir, and take insecure away"});
}

void find_certificate(const NodeFacts& facts, std::vector<Finding>& out) {
  constexpr Duration kDay = std::chrono::hours(24);
  constexpr Duration kSoon = 30 * kDay;
  constexpr Duration kVerySoon = 7 * kDay;
  const auto& security = facts.status.security;
  const auto clock = static_cast<std::int64_t>(counter(facts.status, "wall_clock_unix_ms"));
  const auto now = facts.now.value_or(WallTime{clock});
  if (!security.certificate_until || now.unix_ms == 0) return;
  const Duration left = *security.certificate_until - now;
  if (left > kSoon) return;
  const bool urgent = left <= kVerySoon;
  out.push_back(
      {urgent ? RuleId::kCertificateUrgent : RuleId::kCertificateEnds, described(facts.status),
       fmt::format(
           "its {} {}", security.certificate,
           left <= Duration{0} ? "has expired" : fmt::format("expires in {}", age_text(left))),
       fmt::format("troth cert renew {}, and bring the files to its tls-dir: it takes them "
                   "over by itself",
                   facts.status.name)});
}

void find_clock(const NodeFacts& facts, std::vector<Finding>& out) {
  constexpr Duration kMuch = std::chrono::seconds(10);
  const auto theirs = static_cast<std::int64_t>(counter(facts.status, "wall_clock_unix_ms"));
  if (theirs == 0 || !facts.now) return;
  const Duration ahead = WallTime{theirs} - *facts.now;
  if (std::chrono::abs(ahead) < kMuch) return;
  out.push_back(
      {RuleId::kClockOff, described(facts.status),
       fmt::format("its clock is {} {} this computer's (or was set after it started)",
                   age_text(std::chrono::abs(ahead)), ahead > Duration{0} ? "ahead of" : "behind"),
       "set the clock right; nothing needs a restart"});
}

}  // namespace

std::string described(const NodeStatus& status) {
  return fmt::format("{} {}", status.role == Role::kCoordinator ? "coordinator" : "participant",
                     status.name);
}

std::string at(const NodeFacts& facts) {
  return facts.address.empty() ? "" : " -e " + facts.address;
}

std::uint64_t counter(const NodeStatus& status, std::string_view name) {
  for (const auto& [key, value] : status.counters)
    if (key == name) return value;
  return 0;
}

void find_alarms(const NodeFacts& facts, std::vector<Finding>& out) {
  for (const auto& alarm : facts.status.alarms) {
    const auto rule = rule_of_alarm(alarm);
    Finding finding{rule, described(facts.status), alarm, next_for_alarm(facts, rule, alarm)};
    finding.about = rule == RuleId::kPeerLostMemory ? first_word(alarm) : gtid_in(alarm);
    if (rule == RuleId::kPeerLostMemory && is_coordinator(facts.status, finding.about))
      finding.page_instead = "lost-coordinator";
    out.push_back(std::move(finding));
  }
}

void find_state(const NodeFacts& facts, std::vector<Finding>& out) {
  const auto& status = facts.status;
  const auto who = described(status);
  const auto has = [&](RuleId rule) {
    return std::any_of(out.begin(), out.end(), [&](const Finding& f) { return f.rule == rule; });
  };
  if (status.state == "quarantine" && !has(RuleId::kQuarantine))
    out.push_back({RuleId::kQuarantine, who,
                   "a peer has seen more of its log than there is: it decides nothing",
                   next_for_alarm(facts, RuleId::kQuarantine, "")});
  if (status.state == "failed" && !has(RuleId::kNodeFailed) && !has(RuleId::kHeld) &&
      !has(RuleId::kFilesChanged))
    out.push_back({RuleId::kNodeFailed, who, "its log or its database failed",
                   next_for_alarm(facts, RuleId::kNodeFailed, "")});
  if (status.state != "ready" && status.state != "quarantine" && status.state != "failed")
    out.push_back({RuleId::kNotReady, who, "it is " + status.state, "wait, or look at its log"});
  if (counter(status, "log_full") > 0)
    out.push_back({RuleId::kLogFull, who,
                   "no room is left for its log: new work is refused (LOG_FULL)",
                   "make room on its disk; never delete segments"});
  if (counter(status, "descriptors_short") > 0)
    out.push_back({RuleId::kDescriptorsShort, who,
                   "more than nine tenths of its file descriptors are in use",
                   "close connections, or raise LimitNOFILE= of its unit and start it again"});
  find_cluster(facts, out);
  find_insecure(facts, out);
  find_certificate(facts, out);
  find_clock(facts, out);
}

}  // namespace troth::diagnosis
