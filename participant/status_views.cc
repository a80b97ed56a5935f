#include "participant/status_views.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/version.h"
#include "participant/why_blocked.h"

namespace troth::participant {

using namespace protocol;

namespace {

std::string vote_of(const BranchEntry& entry) {
  if (entry.branch.kind() != Branch::Kind::kTwoPhase) return "";  // it decides by itself
  switch (entry.branch.state()) {
    case Branch::State::kPrepared:
    case Branch::State::kCommitting:
    case Branch::State::kCommitted:
      return "yes";
    case Branch::State::kReadOnly:
      return "read_only";
    case Branch::State::kExecuting:
    case Branch::State::kOpen:
    case Branch::State::kPreparing:  // not durable yet: nothing has been said
    case Branch::State::kAborted:    // by its own vote or by the decision
    case Branch::State::kForgotten:
      return "";
  }
  return "";
}

std::vector<std::string> timeline(const BranchEntry& entry) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < entry.steps_taken; ++i) {
    const auto& [at, state] = entry.steps[i];
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(at - entry.since);
    out.push_back(fmt::format("+{} ms  {}", age.count(), to_string(state)));
  }
  return out;
}

}  // namespace

NodeStatus StatusViews::status(Now now) const {
  NodeStatus status;
  status.name = options_.name;
  status.role = Role::kParticipant;
  status.version = version();
  status.state = standing_.quarantine().active() ? "quarantine"
                 : standing_.stopped()           ? "failed"
                 : standing_.draining()          ? "draining"
                                                 : "ready";
  status.position = {options_.log_id, options_.epoch, log_.durable()};
  status.appended = log_.appended();
  status.up = now.monotonic - started_;
  status.alarms = reports_.alarms().texts();
  show_heuristics(status);
  status.alarms.insert(status.alarms.end(), database_.alarms.begin(), database_.alarms.end());
  show_links(status);
  std::uint64_t waiting = 0;
  for (const auto& [gtid, entry] : table_) {
    if (!entry.waits_for.empty()) ++waiting;
    if (!entry.branch.in_doubt()) continue;
    ++status.in_doubt;
    status.oldest_in_doubt = std::max(status.oldest_in_doubt, entry.age(now));
  }
  for (const auto& [name, value] : reports_.counters().all())
    status.counters.emplace_back(name, value);
  status.counters.emplace_back("alarms_not_kept", reports_.alarms().not_kept());
  status.counters.emplace_back("waiting_for_locks", waiting);
  status.counters.emplace_back("in_doubt", status.in_doubt);
  status.counters.emplace_back("branches_live", table_.live());
  status.counters.emplace_back("log_full", log_.has_room() ? 0 : 1);
  status.counters.emplace_back("default_cluster", peers_.cluster() == kDefaultCluster ? 1 : 0);
  status.counters.emplace_back("wall_clock_unix_ms", now.wall.unix_ms);
  status.counters.emplace_back("database_bytes", database_.database_bytes);
  status.counters.emplace_back("database_wal_bytes", database_.wal_bytes);
  status.counters.emplace_back("branches_remembered", table_.size() - table_.live());
  return status;
}

void StatusViews::show_links(NodeStatus& status) const {
  // A peer that was never met may be known from a branch.
  const auto role_of = [&](const NodeName& peer) -> std::optional<Role> {
    if (const auto* known = peers_.find(peer)) return known->role;
    for (const auto& [gtid, entry] : table_) {
      if (entry.branch.coordinator() == peer) return Role::kCoordinator;
      for (const auto& member : entry.branch.prepared_record().members)
        if (member.name == peer) return Role::kParticipant;
    }
    return std::nullopt;
  };
  for (const auto& [name, link] : links_.all()) {
    status.links.push_back(link);
    auto& shown = status.links.back();
    shown.role = role_of(name);
    shown.retired = !link.connected && shown.role == Role::kCoordinator &&
                    !options_.coordinators.empty() && options_.coordinators.count(name) == 0 &&
                    what_is_owed(name, table_, by_hand_.book()).empty();
    shown.refusal = peers_.refusal_of(name);
    if (shown.refusal.empty() && !link.last_error.starts_with("cannot reach"))
      shown.refusal = peers_.objection_to(name);
  }
}

TransactionSummary StatusViews::summary_of(const Gtid& gtid, const BranchEntry& entry,
                                           Now now) const {
  TransactionSummary summary;
  const auto state = entry.branch.state();
  summary.gtid = gtid;
  summary.state = std::string(to_string(state));
  summary.protocol = entry.branch.kind() == Branch::Kind::kTwoPhase
                         ? std::string(to_string(entry.branch.prepared_record().protocol))
                         : "one_phase";
  summary.age = entry.age(now);
  if (state == Branch::State::kCommitting || state == Branch::State::kCommitted)
    summary.decision = "commit";
  if (state == Branch::State::kAborted) summary.decision = "abort";
  if (entry.branch.in_doubt()) summary.waiting_for.push_back(entry.branch.coordinator());
  if (entry.branch.inquiries().asked())
    for (const auto& name : entry.branch.inquiries().asked()->silent())
      summary.waiting_for.push_back(name);
  if (entry.quorum && entry.branch.in_doubt())
    for (const auto& name : entry.quorum->silent())
      if (name != entry.branch.coordinator()) summary.waiting_for.push_back(name);
  summary.attempts = static_cast<std::int32_t>(entry.branch.inquiries().attempts());
  if (const auto wake = entry.branch.next_wake())
    summary.next_retry = std::max(Duration{0}, *wake - now.monotonic);
  summary.comment = entry.waits_for.empty() ? "" : "waits for " + entry.waits_for;
  if (const auto* record = by_hand_.book().find(gtid)) {
    summary.state = heuristic_state(*record);
    summary.comment = describe_heuristic(*record);
  }
  return summary;
}

Result<TransactionPage> StatusViews::list(const ListRequest& request, Now now) const {
  Gtid after;
  if (!request.after.empty()) {
    const auto parsed = Gtid::parse(request.after);
    if (!parsed)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is no cursor that this participant gave", request.after));
    after = *parsed;
  }
  const auto filter = request.filter;
  if (filter == TransactionFilter::kEnded)
    return fail(ErrorCode::kUnsupported,
                "a participant keeps no history of ended transactions: ask a coordinator");
  TransactionPage page;
  auto& out = page.transactions;
  for (const auto& [gtid, entry] : table_) {
    if (!request.after.empty() && gtid <= after) continue;
    if (by_hand_.book().find(gtid) != nullptr) continue;  // below
    const bool over = entry.branch.is_over();
    const bool wanted = filter == TransactionFilter::kAll ||
                        (filter == TransactionFilter::kInDoubt && entry.branch.in_doubt()) ||
                        (filter == TransactionFilter::kActive && !over) ||
                        (filter == TransactionFilter::kRecent && over);
    if (wanted) out.push_back(summary_of(gtid, entry, now));
  }
  for (const auto& [gtid, record] : by_hand_.book().heuristics())
    if (filter != TransactionFilter::kActive && (request.after.empty() || after < gtid))
      out.push_back(summary_of(record, now));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.gtid < b.gtid; });
  const auto limit = std::max<std::size_t>(request.limit, 1);
  if (out.size() > limit) {
    out.resize(limit);
    page.next = out.back().gtid.text();
  }
  return page;
}

Result<TransactionDetail> StatusViews::show(const std::string& id, Now now) const {
  std::string problem;
  const auto* entry = table_.find(id, problem);
  if (auto heuristic = show_heuristic(id, now)) return heuristic;
  if (entry == nullptr) return fail(ErrorCode::kNotFound, problem);
  TransactionDetail detail;
  detail.summary = summary_of(entry->branch.gtid(), *entry, now);
  BranchDetail branch;
  branch.participant = options_.name;
  branch.state = detail.summary.state;
  branch.vote = vote_of(*entry);
  branch.attempts = detail.summary.attempts;
  if (entry->sql) branch.statements = *entry->sql;
  detail.branches.push_back(std::move(branch));
  detail.revision = revision_of(options_, *entry);
  detail.events = timeline(*entry);
  locks_.show_blocked(*entry, detail, now);
  if (entry->branch.in_doubt()) {
    detail.explanation = why_blocked(*entry, links_, now);
  } else if (!entry->waits_for.empty()) {
    detail.explanation = "It has not voted yet: it waits for " + entry->waits_for + ".";
  } else {
    detail.explanation = entry->branch.is_over() ? "It is over here."
                         : entry->branch.state() == Branch::State::kOpen
                             ? "Its client has not asked for the commit yet; its rows stay locked."
                             : "It is in progress.";
  }
  return detail;
}

Result<TransactionDetail> StatusViews::show_heuristic(const std::string& id, Now now) const {
  for (const auto& [gtid, record] : by_hand_.book().heuristics()) {
    if (!names(id, gtid)) continue;
    TransactionDetail detail;
    detail.summary = summary_of(record, now);
    detail.explanation = describe_heuristic(record);
    const auto* found = table_.find(gtid);
    if (found != nullptr) detail.events = timeline(*found);
    return detail;
  }
  return fail(ErrorCode::kNotFound, "");
}

void StatusViews::show_heuristics(NodeStatus& status) const {
  for (const auto& [gtid, record] : by_hand_.book().heuristics())
    status.alarms.push_back(describe_heuristic(record));
  status.counters.emplace_back("heuristic", by_hand_.book().heuristics().size());
}

TransactionSummary StatusViews::summary_of(const HeuristicRecord& record, Now now) const {
  TransactionSummary summary;
  summary.gtid = record.gtid;
  summary.state = heuristic_state(record);
  const auto* found = table_.find(record.gtid);
  summary.protocol = std::string(to_string(
      found == nullptr ? CommitProtocol::kTwoPhase : found->branch.prepared_record().protocol));
  summary.age = now.wall - record.when;
  summary.decision = record.decision == Decision::kCommit ? "commit" : "abort";
  if (record.truth == Outcome::kPending) summary.waiting_for.push_back(record.coordinator);
  summary.comment = fmt::format("by {}: {}", record.by.name, record.by.reason);
  return summary;
}

void StatusViews::measure(Measurements& out, Now now) const {
  const auto seen = status(now);
  const Labels database{{"database", options_.name.text()}};
  const auto counters = reports_.counters().all();
  const auto counter = [&](const char* name) {
    const auto found = counters.find(name);
    return found == counters.end() ? std::uint64_t{0} : found->second;
  };
  std::uint64_t waiting = 0;
  for (const auto& [gtid, entry] : table_)
    if (!entry.waits_for.empty()) ++waiting;
  out.add("agent_prepared_branches", database, seen.in_doubt);
  out.add("agent_oldest_prepared_age_seconds", database,
          std::chrono::duration<double>(seen.oldest_in_doubt).count());
  out.add("agent_live_branches", database, std::uint64_t{table_.live()});
  out.add("agent_waiting_branches", database, waiting);
  out.add("agent_remembered_branches", database, std::uint64_t{table_.size() - table_.live()});
  out.add("retained_keys", {}, std::uint64_t{keys_.size()});
  out.add("retained_keys_limit", {}, std::uint64_t{options_.max_retained_keys});
  out.add("agent_database_bytes", database, database_.database_bytes);
  out.add("agent_open_work_bytes", database, database_.open_bytes);
  out.add("agent_database_wal_bytes", database, database_.wal_bytes);
  out.add("agent_lock_waits_total", database, counter("lock_waits"));
  out.add("agent_flushes_total", database, counter("flushes"));
  for (const auto& [key, n] : by_hand_.desk().actions())
    out.add("operator_actions_total", {{"action", key.first}, {"result", key.second}}, n);
  std::uint64_t mixed = 0;
  for (const auto& [gtid, record] : by_hand_.book().heuristics())
    if (heuristic_state(record) == "heuristic_mixed") ++mixed;
  out.add("agent_heuristic_outcomes", {database.front(), {"kind", "mixed"}}, mixed);
  out.add("agent_heuristic_outcomes", {database.front(), {"kind", "other"}},
          by_hand_.book().heuristics().size() - mixed);
  for (const char* ended : {"prepared", "read_only", "committed", "aborted"})
    out.add("agent_branches_total", {database.front(), {"step", ended}}, counter(ended));
  for (const auto& [protocol, name] :
       {std::pair("2pc", "prepares"), std::pair("1pc", "one_phase"), std::pair("local", "local")})
    out.add("agent_requests_total", {database.front(), {"protocol", protocol}}, counter(name));
}

}  // namespace troth::participant
