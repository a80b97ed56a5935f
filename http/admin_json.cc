#include "http/admin_json.h"

namespace troth::http {

using nlohmann::ordered_json;
using namespace protocol;

namespace {

ordered_json names(const std::vector<NodeName>& list) {
  auto out = ordered_json::array();
  for (const auto& name : list) out.push_back(name.text());
  return out;
}

ordered_json with_schema(const char* schema, const ordered_json& body) {
  ordered_json out{{"schema", schema}};
  out.update(body);
  return out;
}

}  // namespace

ordered_json to_json(const LinkStatus& link) {
  return {{"peer", link.peer.text()},
          {"address", link.address},
          {"connected", link.connected},
          {"since_unix_ms", link.since_unix_ms},
          {"draining", link.draining},
          {"rtt_us", link.rtt_us},
          {"queued", link.queued},
          {"sent", link.messages_sent},
          {"dropped", link.messages_dropped},
          {"last_error", link.last_error}};
}

ordered_json to_json(const NodeStatus& status) {
  ordered_json out{{"name", status.name.text()},
                   {"role", status.role == Role::kCoordinator ? "coordinator" : "participant"},
                   {"state", status.state},
                   {"version", status.version},
                   {"up_ms", status.up_ms},
                   {"log_id", status.position.log_id.text()},
                   {"epoch", status.position.epoch.value},
                   {"durable_lsn", status.position.durable.value},
                   {"in_doubt", status.in_doubt},
                   {"oldest_in_doubt_ms", status.oldest_in_doubt_ms}};
  auto links = ordered_json::array();
  for (const auto& link : status.links) links.push_back(to_json(link));
  out["links"] = std::move(links);
  ordered_json counters = ordered_json::object();
  for (const auto& [name, value] : status.counters) counters[name] = value;
  out["counters"] = std::move(counters);
  out["alarms"] = status.alarms;
  return out;
}

ordered_json to_json(const TransactionSummary& summary) {
  return {{"txn_id", summary.gtid.text()}, {"state", summary.state},
          {"protocol", summary.protocol},  {"age_ms", summary.age_ms},
          {"decision", summary.decision},  {"waiting_for", names(summary.waiting_for)},
          {"attempts", summary.attempts},  {"next_retry_ms", summary.next_retry_ms},
          {"comment", summary.comment}};
}

ordered_json to_json(const TransactionDetail& detail) {
  auto out = to_json(detail.summary);
  auto branches = ordered_json::array();
  for (const auto& branch : detail.branches)
    branches.push_back({{"participant", branch.participant.text()},
                        {"vote", branch.vote},
                        {"state", branch.state},
                        {"attempts", branch.attempts},
                        {"last_error", branch.last_error},
                        {"statements", branch.statements}});
  out["branches"] = std::move(branches);
  out["explanation"] = detail.explanation;
  out["events"] = detail.events;
  out["revision"] = detail.revision;
  return out;
}

ordered_json status_view(const NodeStatus& status) {
  return with_schema("troth.status/1", to_json(status));
}

ordered_json transactions_view(const TransactionPage& page) {
  auto rows = ordered_json::array();
  for (const auto& summary : page.transactions) rows.push_back(to_json(summary));
  return with_schema("troth.txn.list/1",
                     {{"transactions", std::move(rows)}, {"next_after", page.next}});
}

ordered_json transaction_view(const TransactionDetail& detail) {
  return with_schema("troth.txn.show/1", to_json(detail));
}

ordered_json participants_view(const NodeStatus& coordinator) {
  auto rows = ordered_json::array();
  for (const auto& link : coordinator.links) rows.push_back(to_json(link));
  return with_schema("troth.participant.list/1", {{"participants", std::move(rows)}});
}

ordered_json to_json(const AuditEntry& entry) {
  return {
      {"when_unix_ms", entry.when.unix_ms}, {"action", entry.action}, {"result", entry.result},
      {"subject", entry.subject},           {"by", entry.by.name},    {"reason", entry.by.reason}};
}

ordered_json audit_view(const std::vector<AuditEntry>& entries) {
  auto rows = ordered_json::array();
  for (const auto& entry : entries) rows.push_back(to_json(entry));
  return with_schema("troth.audit/1", {{"entries", std::move(rows)}});
}

ordered_json resolve_view(const ResolveReply& reply) {
  return with_schema("troth.txn.resolve/1", {{"txn_id", reply.gtid.text()},
                                             {"applied", reply.applied},
                                             {"revision", reply.revision},
                                             {"lines", reply.lines}});
}

ordered_json error_view(const std::string& what, const std::string& hint) {
  ordered_json out{{"schema", "troth.error/1"}, {"error", what}};
  if (!hint.empty()) out["try"] = hint;
  return out;
}

std::string dump(const ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace troth::http
