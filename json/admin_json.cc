#include "json/admin_json.h"

#include <fmt/format.h>

#include <cmath>

#include "base/utf8.h"

namespace troth::http {

using nlohmann::ordered_json;
using namespace protocol;

namespace {

ordered_json names(const std::vector<NodeName>& list) {
  auto out = ordered_json::array();
  for (const auto& name : list) out.push_back(name.text());
  return out;
}

std::string role_name(std::optional<Role> role) {
  if (!role) return "";
  return *role == Role::kCoordinator ? "coordinator" : "participant";
}

/// -1: nothing.
std::int64_t ms_or_none(std::optional<Duration> duration) {
  return duration ? whole_ms(*duration) : -1;
}

std::int64_t rtt_us(const LinkStatus& link) {
  if (!link.rtt) return -1;
  return std::chrono::duration_cast<std::chrono::microseconds>(*link.rtt).count();
}

ordered_json with_schema(const char* schema, const ordered_json& body) {
  ordered_json out{{"schema", schema}};
  out.update(body);
  return out;
}

}  // namespace

ordered_json to_json(const LinkStatus& link) {
  return {{"peer", link.peer.text()},
          {"role", role_name(link.role)},
          {"address", link.address},
          {"connected", link.connected},
          {"since_unix_ms", link.since ? link.since->unix_ms : 0},
          {"draining", link.draining},
          {"retired", link.retired},
          {"configured_in", link.configured_in},
          {"rtt_us", rtt_us(link)},
          {"queued", link.queued},
          {"sent", link.messages_sent},
          {"dropped", link.messages_dropped},
          {"last_error", link.last_error}};
}

ordered_json to_json(const NodeStatus& status) {
  ordered_json out{{"name", status.name.text()},
                   {"role", role_name(status.role)},
                   {"state", status.state},
                   {"version", status.version},
                   {"up_ms", whole_ms(status.up)},
                   {"log_id", status.position.log_id.text()},
                   {"epoch", status.position.epoch.value},
                   {"durable_lsn", status.position.durable.value},
                   {"in_doubt", status.in_doubt},
                   {"oldest_in_doubt_ms", whole_ms(status.oldest_in_doubt)}};
  const auto& security = status.security;
  out["security"] = {{"transport", security.transport},
                     {"certificate", security.certificate},
                     {"certificate_until_unix_ms",
                      security.certificate_until ? security.certificate_until->unix_ms : 0}};
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
  ordered_json out{
      {"txn_id", summary.gtid.text()}, {"state", summary.state},
      {"protocol", summary.protocol},  {"age_ms", whole_ms(summary.age)},
      {"decision", summary.decision},  {"waiting_for", names(summary.waiting_for)},
      {"attempts", summary.attempts},  {"next_retry_ms", ms_or_none(summary.next_retry)},
      {"comment", summary.comment}};
  if (summary.ended_unix_ms == 0) return out;
  out["participants"] = names(summary.participants);
  out["key"] = summary.idempotency_key;
  out["ended_unix_ms"] = summary.ended_unix_ms;
  out["reason_code"] = summary.reason_code;
  return out;
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
  auto locks = ordered_json::array();
  for (const auto& resource : detail.locks) locks.push_back(to_json(resource));
  out["locks"] = std::move(locks);
  out["more_locks"] = detail.more_locks;
  auto blocked = ordered_json::array();
  for (const auto& waiter : detail.blocked) blocked.push_back(to_json(waiter));
  out["blocked"] = std::move(blocked);
  out["blocked_total"] = detail.blocked_total;
  out["gave_up"] = detail.gave_up;
  return out;
}

ordered_json to_json(const LockedResource& resource) {
  const auto parties = [](const std::vector<LockParty>& list, bool holds) {
    auto out = ordered_json::array();
    for (const auto& party : list) {
      ordered_json item{{"txn_id", party.gtid.text()},
                        {"mode", party.mode},
                        {"state", party.state},
                        {"for_ms", whole_ms(party.lasts)}};
      if (!holds)
        item.update({{"behind", party.behind}, {"gives_up_ms", ms_or_none(party.gives_up_in)}});
      out.push_back(std::move(item));
    }
    return out;
  };
  return {{"resource", resource.resource},
          {"holders", parties(resource.holders, true)},
          {"holders_total", resource.holders_total},
          {"waiters", parties(resource.waiters, false)},
          {"waiters_total", resource.waiters_total}};
}

ordered_json to_json(const BlockedTransaction& blocked) {
  return {{"participant", blocked.participant.text()},
          {"txn_id", blocked.gtid.text()},
          {"resource", blocked.resource},
          {"for_ms", whole_ms(blocked.lasts)},
          {"gives_up_ms", ms_or_none(blocked.gives_up_in)}};
}

ordered_json locks_view(const LockPage& page) {
  auto rows = ordered_json::array();
  for (const auto& resource : page.resources) rows.push_back(to_json(resource));
  return with_schema("troth.locks/1", {{"resources", std::move(rows)},
                                       {"next_after", page.next},
                                       {"locks", page.locks},
                                       {"waiting", page.waiting}});
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

ordered_json to_json(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return nullptr;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) {
    if (std::isfinite(*real)) return *real;  // JSON has no number for the others
    return {{"real", *real < 0 ? "-infinity" : "infinity"}};
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (is_utf8(*text)) return *text;
    return {{"text_hex", hex(*text)}};  // JSON has no string for it
  }
  return {{"blob", hex(std::get<Blob>(value).bytes)}};
}

ordered_json to_json(const TransactionOutcome& outcome) {
  ordered_json out;
  out["txn_id"] = outcome.gtid.is_nil() ? "" : outcome.gtid.text();
  out["outcome"] = outcome.forgotten_since ? "FORGOTTEN" : std::string(to_string(outcome.outcome));
  if (outcome.forgotten_since && outcome.forgotten_since->unix_ms != 0)
    out["forgotten_since_unix_ms"] = outcome.forgotten_since->unix_ms;
  if (outcome.reason.code != AbortCode::kNone || !outcome.reason.detail.empty()) {
    out["reason"] = {{"code", std::string(to_string(outcome.reason.code))},
                     {"detail", outcome.reason.detail},
                     {"participant", outcome.reason.participant.text()},
                     {"statement", outcome.reason.statement},
                     {"retryable", is_retryable(outcome.reason.code)}};
  }
  if (outcome.replayed) out["replayed"] = true;
  if (outcome.applied) out["applied"] = true;
  auto results = ordered_json::array();
  for (const auto& branch : outcome.results) {
    auto statements = ordered_json::array();
    for (const auto& result : branch.results) {
      auto rows = ordered_json::array();
      for (const auto& row : result.rows) {
        auto cells = ordered_json::array();
        for (const auto& value : row) cells.push_back(to_json(value));
        rows.push_back(std::move(cells));
      }
      statements.push_back(
          {{"columns", result.columns}, {"rows", std::move(rows)}, {"changes", result.changes}});
    }
    results.push_back({{"on", branch.participant.text()}, {"statements", std::move(statements)}});
  }
  out["results"] = std::move(results);
  return out;
}

ordered_json to_json(const SubmitReply& reply) {
  if (!reply.refusal) return to_json(reply.outcome);
  const auto& refusal = *reply.refusal;
  return {{"outcome", "REFUSED"},
          {"error",
           {{"code", std::string(to_string(refusal.error.code))},
            {"message", refusal.error.context},
            {"retry_after_ms",
             std::chrono::duration_cast<std::chrono::milliseconds>(refusal.retry_after).count()}}}};
}

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes)
    out += fmt::format("{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  return out;
}

ordered_json submit_view(const SubmitReply& reply) {
  return with_schema("troth.submit/1", to_json(reply));
}

ordered_json outcome_view(const TransactionOutcome& outcome) {
  return with_schema("troth.outcome/1", to_json(outcome));
}

ordered_json retry_view(std::int64_t retried) {
  return with_schema("troth.txn.retry/1", {{"retried", retried}});
}

ordered_json lost_view(const std::string& participant, const LostReply& reply) {
  return with_schema("troth.participant.lost/1", {{"participant", participant},
                                                  {"applied", reply.applied},
                                                  {"transactions", reply.transactions},
                                                  {"lines", reply.lines}});
}

ordered_json forget_peer_view(const std::string& peer, const ForgetPeerReply& reply) {
  return with_schema("troth.peer.forget/1",
                     {{"peer", peer}, {"applied", reply.applied}, {"lines", reply.lines}});
}

ordered_json drain_view(const std::string& participant, bool draining) {
  return with_schema("troth.participant.drain/1",
                     {{"participant", participant}, {"draining", draining}});
}

ordered_json error_view(std::string_view code, const std::string& what, const std::string& hint) {
  ordered_json out{{"schema", "troth.error/1"}};
  if (!code.empty()) out["code"] = code;
  out["error"] = what;
  if (!hint.empty()) out["try"] = hint;
  return out;
}

std::string dump(const ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace troth::http
