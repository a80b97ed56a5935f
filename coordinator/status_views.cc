#include "coordinator/status_views.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/version.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

// Decided here, or only its participants know.
bool is_undelivered(const Transaction& txn) {
  const auto* commit = txn.global();
  if (commit == nullptr) return txn.one_phase().state() == OnePhaseCommit::State::kUncertain;
  return commit->state() == GlobalCommit::State::kCommitting ||
         commit->state() == GlobalCommit::State::kPrecommitting;
}

}  // namespace

NodeStatus StatusViews::status(Now now) const {
  NodeStatus status;
  status.name = core_.options.name;
  status.role = Role::kCoordinator;
  status.version = version();
  status.state = core_.standing.quarantine().active() ? "quarantine"
                 : core_.standing.stopped()           ? "failed"
                 : core_.standing.draining()          ? "draining"
                                                      : "ready";
  status.position = {core_.options.log_id, core_.options.epoch, core_.log.durable()};
  status.appended = core_.log.appended();
  status.up = now.monotonic - started_;
  status.alarms = core_.reports.alarms().texts();
  parts_.lost.add_alarms(status.alarms);
  add_links(status);
  for (const auto& [gtid, txn] : parts_.table) {
    if (!is_undelivered(txn)) continue;
    ++status.in_doubt;
    status.oldest_in_doubt = std::max(status.oldest_in_doubt, txn.shown_age(now));
  }
  add_counters(status, now);
  status.phases = core_.meters.phases();
  return status;
}

void StatusViews::add_links(NodeStatus& status) const {
  for (const auto& [name, address] : core_.options.participants) {
    if (core_.forgotten.count(name) != 0) continue;
    const auto* link = core_.links.find(name);
    LinkStatus shown = link == nullptr ? LinkStatus{} : *link;
    shown.peer = name;
    if (shown.address.empty()) shown.address = address;
    shown.draining = parts_.desk.book().is_drained(name);
    shown.role = Role::kParticipant;
    shown.retired = !shown.connected && core_.unnamed.count(name) != 0 &&
                    parts_.lost.what_is_owed(name).empty();
    shown.refusal = parts_.peers.refusal_of(name);
    if (shown.refusal.empty() && !shown.last_error.starts_with("cannot reach"))
      shown.refusal = parts_.peers.objection_to(name);
    status.links.push_back(std::move(shown));
  }
}

void StatusViews::add_counters(NodeStatus& status, Now now) const {
  const auto& open = parts_.conversations.all();
  const auto& recent = parts_.outcomes.all();
  for (const auto& [name, value] : core_.reports.counters().all())
    status.counters.emplace_back(name, value);
  status.counters.emplace_back("alarms_not_kept", core_.reports.alarms().not_kept());
  status.counters.emplace_back("live", parts_.table.size() + open.size());
  status.counters.emplace_back("open", open.size());
  constexpr std::size_t kLately = 100;
  std::size_t seen = 0, aborted = 0;
  for (auto at = recent.size(); at > 0 && seen < kLately; --at, ++seen)
    aborted += recent.at(at - 1).outcome == Outcome::kAborted ? 1 : 0;
  status.counters.emplace_back("recent_committed", seen - aborted);
  status.counters.emplace_back("recent_aborted", aborted);
  status.counters.emplace_back("log_full", core_.log.has_room() ? 0 : 1);
  status.counters.emplace_back("default_cluster",
                               parts_.peers.cluster() == kDefaultCluster ? 1 : 0);
  status.counters.emplace_back("wall_clock_unix_ms", now.wall.unix_ms);
  status.counters.emplace_back("in_doubt", status.in_doubt);
}

TransactionSummary StatusViews::summary_of(const Transaction& txn, Now now) const {
  TransactionSummary summary;
  std::optional<MonotonicTime> wake;
  if (const auto* two = txn.global()) {
    summary.gtid = two->gtid();
    summary.state = std::string(to_string(two->state()));
    summary.protocol = std::string(to_string(two->setup().protocol));
    const auto state = two->state();
    if (state == GlobalCommit::State::kCommitting) summary.decision = "commit";
    if (state == GlobalCommit::State::kAborting) summary.decision = "abort";
    summary.waiting_for = two->waiting_for();
    summary.attempts = static_cast<std::int32_t>(two->attempts());
    wake = two->next_wake();
  } else {
    const auto& one = txn.one_phase();
    summary.gtid = one.gtid();
    summary.state = std::string(to_string(one.state()));
    summary.protocol = "one_phase";
    summary.waiting_for.push_back(one.setup().participant);
    summary.attempts = static_cast<std::int32_t>(one.attempts());
    wake = one.next_wake();
  }
  summary.age = txn.shown_age(now);
  if (wake) summary.next_retry = std::max(Duration{0}, *wake - now.monotonic);
  summary.comment = txn.comment();
  return summary;
}

TransactionSummary StatusViews::summary_of(const Gtid& gtid, const Conversations::Open& open,
                                           Now now) const {
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = "open";
  summary.protocol = "interactive";
  summary.age = now.monotonic - open.since;
  if (const auto* at = open.machine.runs_at()) summary.waiting_for.push_back(*at);
  summary.comment = open.request.comment;
  return summary;
}

TransactionSummary StatusViews::summary_of_ended(const Gtid& gtid,
                                                 const RememberedOutcomes::View& known,
                                                 Now now) const {
  if (parts_.desk.book().is_unconfirmed(gtid)) return parts_.lost.summary_of(gtid, now);
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = known.outcome == Outcome::kCommitted ? "committed" : "aborted";
  summary.decision = known.outcome == Outcome::kCommitted ? "commit" : "abort";
  summary.protocol = gtid.decider() == Decider::kParticipant ? "one_phase"
                     : known.three_phase                     ? "three_phase"
                                                             : "two_phase";
  summary.age = now.monotonic - known.ended;
  if (known.reason != nullptr) summary.comment = known.reason->detail;
  if (known.comment != nullptr)
    summary.comment = summary.comment.empty()
                          ? *known.comment
                          : fmt::format("{} [{}]", summary.comment, *known.comment);
  return summary;
}

}  // namespace troth::coordinator
