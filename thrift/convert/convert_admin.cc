#include "thrift/convert/convert_admin.h"

#include <algorithm>

#include "thrift/convert/convert_lists.h"
#include "thrift/convert/convert_locks.h"

namespace troth::thrift {

namespace {

v1::LinkStatus link_to_wire(const LinkStatus& link) {
  v1::LinkStatus out;
  out.__set_peer(link.peer.text());
  out.__set_address(link.address);
  out.__set_connected(link.connected);
  out.__set_since_unix_ms(link.since ? link.since->unix_ms : 0);
  out.__set_last_error(link.last_error);
  out.__set_messages_sent(to_i64(link.messages_sent));
  out.__set_batches_sent(to_i64(link.batches_sent));
  out.__set_messages_dropped(to_i64(link.messages_dropped));
  out.__set_queued(to_i64(link.queued));
  out.__set_rtt_us(
      link.rtt ? std::chrono::duration_cast<std::chrono::microseconds>(*link.rtt).count() : -1);
  out.__set_draining(link.draining);
  if (link.retired) out.__set_retired(true);
  if (!link.configured_in.empty()) out.__set_configured_in(link.configured_in);
  if (link.role) out.__set_role(to_wire(*link.role));
  return out;
}

Result<LinkStatus> link_from_wire(v1::LinkStatus&& w, const Where& where) {
  LinkStatus out;
  TROTH_ASSIGN_OR_RETURN(out.peer, name_from_wire(w.__isset.peer, w.peer, where, "peer"));
  out.address = std::move(w.address);
  out.connected = w.connected;
  if (w.since_unix_ms != 0) out.since = WallTime{w.since_unix_ms};
  out.last_error = std::move(w.last_error);
  out.messages_sent = count_from_wire(w.messages_sent);
  out.batches_sent = count_from_wire(w.batches_sent);
  out.messages_dropped = count_from_wire(w.messages_dropped);
  out.queued = count_from_wire(w.queued);
  if (w.__isset.rtt_us && w.rtt_us >= 0) out.rtt = from_ms(w.rtt_us) / 1000;
  out.draining = w.draining;
  out.retired = w.retired;
  out.configured_in = std::move(w.configured_in);
  if (w.__isset.role) {
    TROTH_ASSIGN_OR_RETURN(out.role, from_wire(w.role, Where(where, "role")));
  }
  return out;
}

void counters_from_wire(v1::NodeStatus& w, NodeStatus& out) {
  for (const auto& name : w.counter_order) {
    const auto it = w.counters.find(name);
    if (it == w.counters.end()) continue;
    out.counters.emplace_back(name, count_from_wire(it->second));
    w.counters.erase(it);
  }
  for (const auto& [name, value] : w.counters)
    out.counters.emplace_back(name, count_from_wire(value));
}

v1::PhaseLatency phase_to_wire(const PhaseLatency& phase) {
  v1::PhaseLatency out;
  out.__set_phase(phase.phase);
  out.__set_sum_ns(phase.sum.count());
  out.__isset.buckets_ns = true;
  for (const auto& [value, times] : phase.buckets_ns) out.buckets_ns[to_i64(value)] = to_i64(times);
  return out;
}

PhaseLatency phase_from_wire(v1::PhaseLatency&& w) {
  PhaseLatency out{std::move(w.phase), Duration(std::max<std::int64_t>(w.sum_ns, 0)), {}};
  for (const auto& [value, times] : w.buckets_ns)
    out.buckets_ns.emplace_back(count_from_wire(value), count_from_wire(times));
  return out;
}

v1::BranchDetail branch_to_wire(const BranchDetail& branch) {
  v1::BranchDetail out;
  out.__set_participant(branch.participant.text());
  out.__set_vote(branch.vote);
  out.__set_state(branch.state);
  out.__set_attempts(branch.attempts);
  out.__set_last_error(branch.last_error);
  out.__set_statements(branch.statements);
  return out;
}

Result<BranchDetail> branch_from_wire(v1::BranchDetail&& w, const Where& where) {
  BranchDetail out;
  TROTH_ASSIGN_OR_RETURN(
      out.participant, name_from_wire(w.__isset.participant, w.participant, where, "participant"));
  out.vote = std::move(w.vote);
  out.state = std::move(w.state);
  out.attempts = w.attempts;
  out.last_error = std::move(w.last_error);
  out.statements = std::move(w.statements);
  return out;
}

v1::NodeSecurity security_to_wire(const NodeSecurity& security) {
  v1::NodeSecurity out;
  out.__set_transport(security.transport);
  if (!security.certificate.empty()) out.__set_certificate(security.certificate);
  if (security.certificate_until)
    out.__set_certificate_until_unix_ms(security.certificate_until->unix_ms);
  return out;
}

}  // namespace

v1::NodeStatus to_wire(const NodeStatus& status) {
  v1::NodeStatus out;
  out.__set_name(status.name.text());
  out.__set_role(to_wire(status.role));
  out.__set_state(status.state);
  out.__set_position(to_wire(status.position));
  out.__set_appended_lsn(to_i64(status.appended.value));
  out.__set_up_ms(whole_ms(status.up));
  out.__set_version(status.version);
  out.__set_links(list_to_wire<v1::LinkStatus>(status.links, link_to_wire));
  out.__isset.counters = out.__isset.counter_order = true;
  for (const auto& [name, value] : status.counters) {
    out.counters[name] = to_i64(value);
    out.counter_order.push_back(name);
  }
  out.__set_in_doubt(to_i64(status.in_doubt));
  out.__set_oldest_in_doubt_ms(whole_ms(status.oldest_in_doubt));
  out.__set_alarms(status.alarms);
  out.__isset.phases = !status.phases.empty();
  for (const auto& phase : status.phases) out.phases.push_back(phase_to_wire(phase));
  if (!status.security.transport.empty()) out.__set_security(security_to_wire(status.security));
  return out;
}

Result<NodeStatus> from_wire(v1::NodeStatus&& w, const Where& where) {
  NodeStatus out;
  TROTH_ASSIGN_OR_RETURN(out.name, name_from_wire(w.__isset.name, w.name, where, "name"));
  TROTH_ASSIGN_OR_RETURN(out.role, from_wire(w.role, Where(where, "role")));
  out.state = std::move(w.state);
  TROTH_ASSIGN_OR_RETURN(out.position, from_wire(w.position, Where(where, "position")));
  out.appended = Lsn{count_from_wire(w.appended_lsn)};
  out.up = from_ms(w.up_ms);
  out.version = std::move(w.version);
  TROTH_ASSIGN_OR_RETURN(
      out.links, list_from_wire<LinkStatus>(std::move(w.links), where, "links", link_from_wire));
  counters_from_wire(w, out);
  out.in_doubt = count_from_wire(w.in_doubt);
  out.oldest_in_doubt = from_ms(w.oldest_in_doubt_ms);
  out.alarms = std::move(w.alarms);
  for (auto& phase : w.phases) out.phases.push_back(phase_from_wire(std::move(phase)));
  out.security.transport = std::move(w.security.transport);
  out.security.certificate = std::move(w.security.certificate);
  if (w.security.__isset.certificate_until_unix_ms)
    out.security.certificate_until = WallTime{w.security.certificate_until_unix_ms};
  return out;
}

v1::TransactionSummary to_wire(const TransactionSummary& summary) {
  v1::TransactionSummary out;
  out.__set_gtid(summary.gtid.text());
  out.__set_state(summary.state);
  out.__set_protocol(summary.protocol);
  out.__set_age_ms(whole_ms(summary.age));
  out.__set_decision(summary.decision);
  out.__isset.waiting_for = true;
  for (const auto& name : summary.waiting_for) out.waiting_for.push_back(name.text());
  out.__set_attempts(summary.attempts);
  out.__set_next_retry_ms(ms_or_none(summary.next_retry));
  out.__set_comment(summary.comment);
  if (summary.ended_unix_ms == 0) return out;
  out.__isset.participants = true;
  for (const auto& name : summary.participants) out.participants.push_back(name.text());
  out.__set_idempotency_key(summary.idempotency_key);
  out.__set_ended_unix_ms(summary.ended_unix_ms);
  out.__set_reason_code(summary.reason_code);
  return out;
}

Result<TransactionSummary> from_wire(v1::TransactionSummary&& w, const Where& where) {
  TransactionSummary out;
  TROTH_ASSIGN_OR_RETURN(out.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  out.state = std::move(w.state);
  out.protocol = std::move(w.protocol);
  out.age = from_ms(w.age_ms);
  out.decision = std::move(w.decision);
  for (const auto& text : w.waiting_for) {
    TROTH_ASSIGN_OR_RETURN(auto name, name_from_wire(true, text, where, "waiting_for"));
    out.waiting_for.push_back(std::move(name));
  }
  out.attempts = w.attempts;
  out.next_retry = ms_if(w.__isset.next_retry_ms, w.next_retry_ms);
  out.comment = std::move(w.comment);
  for (const auto& text : w.participants) {
    TROTH_ASSIGN_OR_RETURN(auto name, name_from_wire(true, text, where, "participants"));
    out.participants.push_back(std::move(name));
  }
  out.idempotency_key = std::move(w.idempotency_key);
  out.ended_unix_ms = w.ended_unix_ms;
  out.reason_code = std::move(w.reason_code);
  return out;
}

v1::TransactionDetail to_wire(const TransactionDetail& detail) {
  v1::TransactionDetail out;
  out.__set_summary(to_wire(detail.summary));
  out.__set_branches(list_to_wire<v1::BranchDetail>(detail.branches, branch_to_wire));
  out.__set_explanation(detail.explanation);
  out.__set_events(detail.events);
  out.__set_revision(detail.revision);
  out.__set_locks(list_to_wire<v1::LockedResource>(detail.locks,
                                                   [](const auto& item) { return to_wire(item); }));
  out.__set_more_locks(detail.more_locks);
  out.__set_blocked(list_to_wire<v1::BlockedTransaction>(
      detail.blocked, [](const auto& item) { return to_wire(item); }));
  out.__set_blocked_total(to_i64(detail.blocked_total));
  out.__set_gave_up(to_i64(detail.gave_up));
  return out;
}

Result<TransactionDetail> from_wire(v1::TransactionDetail&& w, const Where& where) {
  TransactionDetail out;
  if (!w.__isset.summary) return where.missing("summary");
  TROTH_ASSIGN_OR_RETURN(out.summary, from_wire(std::move(w.summary), Where(where, "summary")));
  TROTH_ASSIGN_OR_RETURN(out.branches, list_from_wire<BranchDetail>(std::move(w.branches), where,
                                                                    "branches", branch_from_wire));
  out.explanation = std::move(w.explanation);
  out.events = std::move(w.events);
  out.revision = std::move(w.revision);
  TROTH_ASSIGN_OR_RETURN(out.locks,
                         list_from_wire<LockedResource>(std::move(w.locks), where, "locks"));
  out.more_locks = w.more_locks;
  TROTH_ASSIGN_OR_RETURN(
      out.blocked, list_from_wire<BlockedTransaction>(std::move(w.blocked), where, "blocked"));
  out.blocked_total = count_from_wire(w.blocked_total);
  out.gave_up = count_from_wire(w.gave_up);
  return out;
}

v1::TransactionFilter::type to_wire(TransactionFilter filter) {
  switch (filter) {
    case TransactionFilter::kAll:
      return v1::TransactionFilter::ALL;
    case TransactionFilter::kInDoubt:
      return v1::TransactionFilter::IN_DOUBT;
    case TransactionFilter::kActive:
      return v1::TransactionFilter::ACTIVE;
    case TransactionFilter::kRecent:
      return v1::TransactionFilter::RECENT;
    case TransactionFilter::kEnded:
      return v1::TransactionFilter::ENDED;
  }
  return v1::TransactionFilter::ALL;
}

Result<TransactionFilter> from_wire(v1::TransactionFilter::type filter, const Where& where) {
  switch (filter) {
    case v1::TransactionFilter::UNKNOWN:
    case v1::TransactionFilter::ALL:
      return TransactionFilter::kAll;
    case v1::TransactionFilter::IN_DOUBT:
      return TransactionFilter::kInDoubt;
    case v1::TransactionFilter::ACTIVE:
      return TransactionFilter::kActive;
    case v1::TransactionFilter::RECENT:
      return TransactionFilter::kRecent;
    case v1::TransactionFilter::ENDED:
      return TransactionFilter::kEnded;
  }
  return where.invalid("", "is not a known value");
}

}  // namespace troth::thrift
