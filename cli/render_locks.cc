// Locks, for people.
#include <fmt/format.h>

#include "cli/render.h"

namespace troth::cli {

using namespace protocol;

namespace {

std::string gives_up(std::optional<Duration> in) {
  return in ? fmt::format(", gives up in {}", age_text(*in)) : "";
}

std::string line_of(const LockParty& party, bool holds, const std::string& behind) {
  return fmt::format("  {} {:<3}  {}  {}for {}{}{}\n", holds ? "holds" : "waits", party.mode,
                     party.gtid, holds && !party.state.empty() ? party.state + " " : "",
                     age_text(party.lasts), gives_up(party.gives_up_in),
                     behind.empty() ? "" : ", behind " + behind);
}

std::string more(std::uint64_t total, std::size_t shown, const char* verb) {
  return total <= shown ? "" : fmt::format("  {} more {}\n", total - shown, verb);
}

}  // namespace

std::string describe_resources(const std::vector<LockedResource>& resources) {
  std::string out;
  for (const auto& seen : resources) {
    out += (out.empty() ? "" : "\n") + printable(seen.resource) + "\n";
    for (const auto& holder : seen.holders) out += line_of(holder, true, "");
    out += more(seen.holders_total, seen.holders.size(), "hold it");
    for (const auto& waiter : seen.waiters) {
      const bool obvious = seen.holders.size() == 1 && seen.holders[0].gtid.text() == waiter.behind;
      out += line_of(waiter, false, obvious ? "" : waiter.behind);
    }
    out += more(seen.waiters_total, seen.waiters.size(), "wait");
  }
  return out;
}

std::string describe_locks(const TransactionDetail& detail) {
  std::string out;
  for (const auto& seen : detail.locks) {
    for (const auto& holder : seen.holders)
      if (holder.gtid == detail.summary.gtid)
        out += fmt::format("  holds {:<3}  {}\n", holder.mode, printable(seen.resource));
    for (const auto& waiter : seen.waiters)
      if (waiter.gtid == detail.summary.gtid)
        out += fmt::format("  waits {:<3}  {}{}{}\n", waiter.mode, printable(seen.resource),
                           waiter.behind.empty() ? "" : ", behind " + waiter.behind,
                           gives_up(waiter.gives_up_in));
  }
  if (detail.more_locks) out += "  and more\n";
  if (!out.empty()) out = "\nlocks\n" + out;
  if (detail.blocked_total == 0 && detail.gave_up == 0) return out;
  out += fmt::format(
      "\nblocks {} now{}\n",
      detail.blocked_total == 0   ? "nobody"
      : detail.blocked_total == 1 ? "1 transaction"
                                  : fmt::format("{} transactions", detail.blocked_total),
      detail.gave_up == 0 ? ""
                          : fmt::format("; {} gave up waiting for it and {} aborted",
                                        detail.gave_up, detail.gave_up == 1 ? "was" : "were"));
  for (const auto& waiter : detail.blocked)
    out += fmt::format("  {}  for {} at {}: {}\n", waiter.gtid, age_text(waiter.lasts),
                       waiter.participant, printable(waiter.resource));
  return out + more(detail.blocked_total, detail.blocked.size(), "wait");
}

}  // namespace troth::cli
