// Status and one transaction, for people.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cli/findings_view.h"
#include "cli/render.h"

namespace troth::cli {

using namespace protocol;

namespace {

WallTime wall_now() {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

std::string health(const LinkStatus& link) {
  std::string out = link.connected ? "up" : link.retired ? "retired" : "DOWN";
  if (!link.connected && !link.retired && link.since)
    out += fmt::format(" {}", age_text(std::max(Duration{0}, wall_now() - *link.since)));
  return link.draining ? out + " (drained)" : out;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

// "+12.352 ms committing": the times are aligned to the right.
std::string timeline(const std::vector<std::string>& events) {
  const auto time_of = [](const std::string& event) {
    const auto end = event.find("  ");
    return end == std::string::npos ? 0 : end;
  };
  std::size_t widest = 0;
  for (const auto& event : events) widest = std::max(widest, time_of(event));
  std::string out;
  for (const auto& event : events)
    out += std::string(2 + widest - time_of(event), ' ') + printable(event) + "\n";
  return out;
}

std::string links_table(const Arguments& arguments, const NodeStatus& status) {
  const bool all_coordinators =
      std::all_of(status.links.begin(), status.links.end(),
                  [](const LinkStatus& link) { return link.role != Role::kParticipant; });
  TablePrinter table({status.role == Role::kCoordinator ? "PARTICIPANT"
                      : all_coordinators                ? "COORDINATOR"
                                                        : "PEER",
                      "ADDRESS", "HEALTH", "RTT", "QUEUED", "LAST ERROR"});
  for (const auto& link : status.links)
    table.add({link.peer.text(), or_dash(link.address), health(link), rtt_text(link),
               std::to_string(link.queued),
               link.connected ? "-" : or_dash(short_error(link.peer, link.last_error))});
  return table.empty() ? "" : table.print(arguments.headers, terminal_width()) + "\n";
}

// OK findings need no words here: the tables above show them.
std::string verdict(const Arguments& arguments, const NodeStatus& status,
                    std::vector<diagnosis::Finding> findings) {
  const bool coordinator = status.role == Role::kCoordinator;
  const bool told = std::any_of(findings.begin(), findings.end(), [](const auto& finding) {
    return finding.rule == diagnosis::RuleId::kInDoubtBlocked ||
           finding.rule == diagnosis::RuleId::kWaitsForOthers;
  });
  std::erase_if(findings,
                [](const auto& finding) { return finding.row().level == diagnosis::Level::kOk; });
  auto out = describe(arguments, findings);
  if (told) return out;
  if (status.in_doubt == 0)
    return out + (coordinator ? "nothing is in doubt.\n" : "no branch is in doubt.\n");
  return out + fmt::format("{} {}{} in doubt or not yet confirmed, oldest {}.\n", status.in_doubt,
                           coordinator ? "transaction" : "branch",
                           status.in_doubt == 1 ? ""
                           : coordinator        ? "s"
                                                : "es",
                           age_text(status.oldest_in_doubt));
}

std::string network_line(const NodeSecurity& security) {
  if (security.transport.empty()) return "";  // an older node
  if (security.transport == "loopback")
    return "NETWORK  plain TCP, which only this machine reaches\n";
  std::string out = "NETWORK  " + security.transport;
  if (!security.certificate.empty()) out += "   " + security.certificate;
  return out + "\n";
}

}  // namespace

std::string rtt_text(const LinkStatus& link) {
  if (!link.rtt) return "-";
  return fmt::format("{:.1f} ms", std::chrono::duration<double, std::milli>(*link.rtt).count());
}

std::string describe(const Arguments& arguments, const NodeStatus& status,
                     const std::vector<diagnosis::Finding>& findings) {
  const bool coordinator = status.role == Role::kCoordinator;
  const auto counter = [&](const char* name) {
    for (const auto& [key, value] : status.counters)
      if (key == name) return value;
    return std::uint64_t{0};
  };
  std::string out = fmt::format(
      "{}  {}   {}   v{}   up {}   epoch {}\n", coordinator ? "COORDINATOR" : "PARTICIPANT",
      status.name, status.state, status.version, age_text(status.up), status.position.epoch);
  out += fmt::format("LOG  durable through LSN {}   {} records, {} fsyncs, {} segment{}\n",
                     status.position.durable, counter("records"), counter("fsyncs"),
                     counter("log_segments"), counter("log_segments") == 1 ? "" : "s");
  out += network_line(status.security);
  out += coordinator ? fmt::format("TRANSACTIONS  {} committed   {} aborted   {} live\n\n",
                                   counter("committed"), counter("aborted"), counter("live"))
                     : fmt::format(
                           "BRANCHES  {} prepares   {} one-phase   {} waiting for locks   {} "
                           "flushes\n\n",
                           counter("prepares"), counter("one_phase"), counter("waiting_for_locks"),
                           counter("flushes"));
  return out + links_table(arguments, status) + verdict(arguments, status, findings);
}

std::string describe(const Arguments& arguments, const TransactionDetail& detail) {
  const auto& summary = detail.summary;
  std::string out =
      fmt::format("transaction  {}\nstate        {}{}\n", summary.gtid, summary.state,
                  summary.decision.empty() ? "" : fmt::format(" (decision {})", summary.decision));
  if (!summary.protocol.empty())
    out +=
        fmt::format("protocol     {}\nage          {}\n", summary.protocol, age_text(summary.age));
  if (summary.attempts > 0 || summary.next_retry)
    out += fmt::format("tries        {}{}\n", summary.attempts,
                       summary.next_retry ? ", the next in " + age_text(*summary.next_retry) : "");
  if (!summary.comment.empty()) out += fmt::format("comment      {}\n", printable(summary.comment));
  if (!detail.revision.empty()) out += fmt::format("revision     {}\n", detail.revision);
  if (!detail.branches.empty()) {
    TablePrinter table({"PARTICIPANT", "VOTE", "STATE", "LAST ERROR"});
    for (const auto& branch : detail.branches)
      table.add({branch.participant.text(), or_dash(branch.vote), branch.state,
                 or_dash(short_error(branch.participant, branch.last_error))});
    out += fmt::format("\n{}", table.print(arguments.headers, terminal_width()));
    for (const auto& branch : detail.branches)
      for (const auto& statement : branch.statements)
        out += fmt::format("  at {}  {}\n", branch.participant, printable(statement));
  }
  if (!detail.events.empty()) out += "\n";
  out += timeline(detail.events);
  out += describe_locks(detail);
  out += "\n" + printable(detail.explanation) + "\n";
  // No node will answer: the explanation says what to type.
  if (detail.explanation.find("until an operator resolves it") != std::string::npos) return out;
  if (!summary.next_retry || summary.waiting_for.empty()) return out;
  std::string names;
  for (const auto& name : summary.waiting_for) names += (names.empty() ? "" : ", ") + name.text();
  return out + fmt::format("next: see that {} {}, then\n  troth txn retry {}{}\n", names,
                           summary.waiting_for.size() == 1 ? "answers" : "answer", summary.gtid,
                           at_endpoint(arguments));
}

}  // namespace troth::cli
