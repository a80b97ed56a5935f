// Adoption of earlier epochs, and what operators see.
#include <fmt/format.h>

#include <algorithm>

#include "base/version.h"
#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

void Engine::adopt(recovery::ParticipantTables tables, MonotonicTime now) {
  started_ = now;
  adopted_ = tables.adopted;
  ended_below_ = horizon_logged_ = tables.ended_below;
  for (const auto& peer : tables.peers) {
    peers_.adopt(peer);
    if (!peer.address.empty()) transport_.learn_address(peer.name, peer.address);
  }
  operators_.adopt(std::move(tables.operators));
  if (!operators_.heuristics().empty()) {
    unfinished_by_hand_ = true;
    truth_at_ = now;
  }
  for (auto& [gtid, prepared] : tables.prepared) {
    auto& entry =
        start_entry(gtid, Branch::recovered_prepared(settings(), prepared.record, now), {now, {}});
    entry.recovered = true;
    entry.priority = prepared.record.priority;
    entry.before_adoption = prepared.before_adoption;
    join_quorum(entry, prepared.position, {now, {}});
    schedule(entry);
  }
  for (auto& [gtid, remembered] : tables.remembered) {
    const auto kind =
        gtid.decider() == Decider::kParticipant ? Branch::Kind::kOnePhase : Branch::Kind::kTwoPhase;
    if (!remembered.idempotency_key.empty()) {
      auto& key = keys_[remembered.idempotency_key];
      key.gtid = gtid;
      key.digest = remembered.body_digest;
      key.decided = remembered.decided;
      key.retention = remembered.key_retention;
      key.outcome = remembered.outcome;
      key.reason = remembered.reason;
    }
    if (gtid.tag() == CoordinatorTag::of(options_.log_id))
      continue;  // a local one: nobody will ask
    start_entry(gtid,
                remembered.outcome == Outcome::kCommitted
                    ? Branch::recovered_committed(settings(), gtid, kind)
                    : Branch::tombstone(settings(), gtid, remembered.reason, true),
                {now, {}});
  }
  // What earlier starts left in the log counts towards the next checkpoint.
  if (tables.first_record.value != 0)
    checkpoint_end_ = std::min(checkpoint_end_, tables.first_record);
}

void Engine::forget_old_keys(Now now) {
  std::erase_if(keys_, [&](const auto& item) {
    const auto& key = item.second;
    const auto age = std::chrono::milliseconds(now.wall.unix_ms - key.decided.unix_ms);
    return key.outcome != Outcome::kPending && age > key.retention;
  });
}

NodeStatus Engine::status(Now now) const {
  NodeStatus status;
  status.name = options_.name;
  status.role = Role::kParticipant;
  status.version = version();
  status.state = stopped_ ? "failed" : draining_ ? "draining" : "ready";
  status.position = {options_.log_id, options_.epoch, log_.durable()};
  status.appended = log_.appended();
  status.up_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - started_).count();
  status.alarms = alarms_.texts();
  show_heuristics(status);
  // Who was never met may be known from a branch.
  const auto role_of = [&](const NodeName& peer) -> std::optional<Role> {
    if (peers_.knows(peer)) return peers_.role_of(peer);
    for (const auto& [gtid, entry] : branches_) {
      if (entry.branch.coordinator() == peer) return Role::kCoordinator;
      for (const auto& member : entry.branch.members())
        if (member.name == peer) return Role::kParticipant;
    }
    return std::nullopt;
  };
  for (const auto& [name, link] : links_) {
    status.links.push_back(link);
    status.links.back().role = role_of(name);
    status.links.back().refusal = peers_.refusal_of(name);
  }
  std::uint64_t waiting = 0;
  for (const auto& [gtid, entry] : branches_) {
    if (!entry.waits_for.empty()) ++waiting;
    if (!entry.branch.in_doubt()) continue;
    ++status.in_doubt;
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - entry.since).count();
    status.oldest_in_doubt_ms = std::max<std::int64_t>(status.oldest_in_doubt_ms, age);
  }
  for (const auto& [name, value] : counters_.all()) status.counters.emplace_back(name, value);
  status.counters.emplace_back("alarms_not_kept", alarms_.not_kept());
  status.counters.emplace_back("waiting_for_locks", waiting);
  status.counters.emplace_back("in_doubt", status.in_doubt);
  status.counters.emplace_back("branches_live", live_);
  status.counters.emplace_back("log_full", log_.has_room() ? 0 : 1);
  status.counters.emplace_back("wall_clock_unix_ms", now.wall.unix_ms);
  status.counters.emplace_back("branches_remembered", branches_.size() - live_);
  return status;
}

TransactionSummary Engine::summary_of(const Gtid& gtid, const Entry& entry, Now now) const {
  TransactionSummary summary;
  const auto state = entry.branch.state();
  summary.gtid = gtid;
  summary.state = std::string(to_string(state));
  summary.protocol = entry.branch.kind() == Branch::Kind::kTwoPhase
                         ? std::string(to_string(entry.branch.protocol()))
                         : "one_phase";
  summary.age_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - entry.since).count();
  if (state == Branch::State::kCommitting || state == Branch::State::kCommitted)
    summary.decision = "commit";
  if (state == Branch::State::kAborted) summary.decision = "abort";
  if (entry.branch.in_doubt()) summary.waiting_for.push_back(entry.branch.coordinator());
  if (entry.branch.asked())
    for (const auto& name : entry.branch.asked()->silent()) summary.waiting_for.push_back(name);
  if (entry.quorum && entry.branch.in_doubt())
    for (const auto& name : entry.quorum->silent())
      if (name != entry.branch.coordinator()) summary.waiting_for.push_back(name);
  summary.attempts = static_cast<std::int32_t>(entry.branch.attempts());
  if (const auto wake = entry.branch.next_wake())
    summary.next_retry_ms = std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::milliseconds>(*wake - now.monotonic).count());
  summary.comment = entry.waits_for.empty() ? "" : "waits for " + entry.waits_for;
  if (const auto* record = operators_.find(gtid)) {
    summary.state = heuristic_state(*record);
    summary.comment = describe_heuristic(*record);
  }
  return summary;
}

Result<TransactionPage> Engine::list(const ListRequest& request, Now now) const {
  Gtid after;
  if (!request.after.empty()) {
    const auto parsed = Gtid::parse(request.after);
    if (!parsed)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("\"{}\" is no cursor that this participant gave", request.after));
    after = *parsed;
  }
  const auto filter = request.filter;
  TransactionPage page;
  auto& out = page.transactions;
  for (const auto& [gtid, entry] : branches_) {
    if (!request.after.empty() && gtid <= after) continue;
    if (operators_.find(gtid) != nullptr) continue;  // below
    const bool over = entry.branch.is_over();
    const bool wanted = filter == TransactionFilter::kAll ||
                        (filter == TransactionFilter::kInDoubt && entry.branch.in_doubt()) ||
                        (filter == TransactionFilter::kActive && !over) ||
                        (filter == TransactionFilter::kRecent && over);
    if (wanted) out.push_back(summary_of(gtid, entry, now));
  }
  for (const auto& [gtid, record] : operators_.heuristics())
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

const Engine::Entry* Engine::find(const std::string& id, std::string& problem) const {
  const Entry* match = nullptr;
  for (const auto& [gtid, entry] : branches_) {
    if (!names(id, gtid)) continue;
    if (match != nullptr) {
      problem = fmt::format("more than one transaction starts or ends with \"{}\"", id);
      return nullptr;
    }
    match = &entry;
  }
  if (match == nullptr) problem = fmt::format("no transaction starts or ends with \"{}\" here", id);
  return match;
}

std::string Engine::vote_of(const Entry& entry) {
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

Result<TransactionDetail> Engine::show(const std::string& id, Now now) const {
  std::string problem;
  const auto* entry = find(id, problem);
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
  detail.revision = revision_of(*entry);
  detail.events = timeline(*entry);
  show_blocked(entry->branch.gtid(), detail, now);
  if (entry->branch.in_doubt()) {
    detail.explanation = why_blocked(*entry, now);
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

Result<std::int64_t> Engine::retry(const std::string& id, const Operator& by, Now now) {
  std::string problem;
  const Entry* only = id.empty() ? nullptr : find(id, problem);
  if (!id.empty() && only == nullptr) return fail(ErrorCode::kNotFound, problem);
  std::int64_t poked = 0;
  for (auto& [gtid, entry] : branches_) {
    if (only != nullptr && &entry != only) continue;
    if (!entry.branch.in_doubt()) continue;
    step(entry, Branch::RetryNow{}, now);
    if (entry.quorum) step_quorum(entry, QuorumBallot::Suspect{}, now);
    ++poked;
  }
  if (!operators_.heuristics().empty()) ask_for_truth(now);
  audit("retry", id, "ok", by, now);
  return poked;
}

}  // namespace troth::participant
