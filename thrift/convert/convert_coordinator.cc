#include "thrift/convert/convert_coordinator.h"

#include "base/utf8.h"
#include "thrift/convert/convert_error.h"

namespace troth::thrift {

namespace {
constexpr std::size_t kMaxKeyBytes = 128;
constexpr std::size_t kMaxCommentBytes = 4096;

// Clients in other languages decode text_value, and could not read the rest of the answer. Between
// daemons it stays text_value, as in 0.1.
void set_apart_other_text(v1::StatementResult& result) {
  for (auto& row : result.rows)
    for (auto& value : row) {
      if (!value.__isset.text_value || is_utf8(value.text_value)) continue;
      value.__set_text_bytes(value.text_value);
      value.text_value.clear();
      value.__isset.text_value = false;
    }
}
}  // namespace

v1::CallContext context_to_wire(const SubmitRequest& request) {
  v1::CallContext out;
  if (!request.traceparent.empty()) out.__set_traceparent(request.traceparent);
  if (!request.client_name.empty()) out.__set_client_name(request.client_name);
  return out;
}

v1::Transaction to_wire(const SubmitRequest& request) {
  v1::Transaction out;
  out.__isset.branches = true;
  out.branches.reserve(request.branches.size());
  for (const auto& branch : request.branches) {
    auto& wire = out.branches.emplace_back();
    wire.__set_participant(branch.participant.text());
    wire.statements = to_wire(branch.statements);  // __set_statements would copy them
    wire.__isset.statements = true;
  }
  if (!request.idempotency_key.empty()) out.__set_idempotency_key(request.idempotency_key);
  if (request.deadline > Duration{0}) out.__set_deadline_ms(to_ms(request.deadline));
  if (request.protocol) out.__set_protocol(to_wire(*request.protocol));
  out.__set_answer_at(to_wire(request.answer_at));
  if (!request.comment.empty()) out.__set_comment(request.comment);
  if (request.retries > 0) out.__set_retries(static_cast<std::int32_t>(request.retries));
  return out;
}

void to_wire(TransactionOutcome&& outcome, v1::TransactionOutcome& out) {
  if (!outcome.gtid.is_nil()) {
    out.gtid = outcome.gtid.text();
    out.__isset.gtid = true;
  }
  out.__set_outcome(to_wire(outcome.outcome));
  if (outcome.reason != AbortReason{}) out.__set_reason(to_wire(outcome.reason));
  if (!outcome.results.empty()) {
    out.__isset.results = true;
    out.results.reserve(outcome.results.size());
    for (auto& branch : outcome.results) {
      auto& wire = out.results.emplace_back();
      wire.__set_participant(branch.participant.text());
      wire.results.reserve(branch.results.size());
      for (auto& result : branch.results) {
        to_wire(std::move(result), wire.results.emplace_back());
        set_apart_other_text(wire.results.back());
      }
      wire.__isset.results = true;
    }
  }
  out.__set_replayed(outcome.replayed);
  if (outcome.applied) out.__set_applied(true);
  if (outcome.forgotten_since) out.__set_forgotten_since_unix_ms(outcome.forgotten_since->unix_ms);
  out.__set_attempts(static_cast<std::int32_t>(outcome.attempts));
}

v1::TransactionOutcome to_wire(TransactionOutcome outcome) {
  v1::TransactionOutcome out;
  to_wire(std::move(outcome), out);
  return out;
}

v1::Refusal to_wire(const Refusal& refusal) {
  v1::Refusal out;
  if (refusal.code != AbortCode::kNone) out.__set_code(std::string(to_string(refusal.code)));
  out.__set_message(refusal.error.context);
  if (refusal.retry_after > Duration{0}) out.__set_retry_after_ms(to_ms(refusal.retry_after));
  out.__set_error(std::string(to_string(refusal.error.code)));
  return out;
}

void to_wire(SubmitReply&& reply, v1::SubmitBatchItem& out) {
  if (reply.refusal) return out.__set_refusal(to_wire(*reply.refusal));
  to_wire(std::move(reply.outcome), out.outcome);
  out.__isset.outcome = true;
}

v1::BeginRequest to_wire(const BeginRequest& request) {
  v1::BeginRequest out;
  if (!request.traceparent.empty()) out.context.__set_traceparent(request.traceparent);
  if (!request.client_name.empty()) out.context.__set_client_name(request.client_name);
  out.__isset.context = true;
  if (request.deadline > Duration{0}) out.__set_deadline_ms(to_ms(request.deadline));
  if (request.idle_timeout > Duration{0}) out.__set_idle_timeout_ms(to_ms(request.idle_timeout));
  out.__set_answer_at(to_wire(request.answer_at));
  if (!request.comment.empty()) out.__set_comment(request.comment);
  if (!request.retry_of.is_nil()) out.__set_retry_of(request.retry_of.text());
  if (request.detached) out.__set_detached(true);
  if (request.protocol) out.__set_protocol(to_wire(*request.protocol));
  return out;
}

Result<BeginRequest> from_wire(v1::BeginRequest&& w, const Where& where) {
  BeginRequest out;
  if (w.deadline_ms < 0) return where.invalid("deadline_ms", "is negative");
  if (w.idle_timeout_ms < 0) return where.invalid("idle_timeout_ms", "is negative");
  out.deadline = std::chrono::milliseconds(w.deadline_ms);
  out.idle_timeout = std::chrono::milliseconds(w.idle_timeout_ms);
  if (w.__isset.answer_at) {
    TROTH_ASSIGN_OR_RETURN(out.answer_at, from_wire(w.answer_at, Where(where, "answer_at")));
  }
  if (w.comment.size() > kMaxCommentBytes)
    return where.invalid("comment", "is longer than 4096 bytes");
  out.comment = std::move(w.comment);
  if (w.__isset.retry_of) {
    TROTH_ASSIGN_OR_RETURN(out.retry_of, gtid_from_wire(true, w.retry_of, where, "retry_of"));
  }
  out.detached = w.detached;
  if (w.__isset.protocol) {
    TROTH_ASSIGN_OR_RETURN(out.protocol, from_wire(w.protocol, Where(where, "protocol")));
  }
  out.traceparent = std::move(w.context.traceparent);
  out.client_name = std::move(w.context.client_name);
  return out;
}

v1::ExecuteResponse to_wire(const ExecuteReply& reply) {
  v1::ExecuteResponse out;
  out.results = to_wire(reply.results);
  out.__isset.results = true;
  for (auto& result : out.results) set_apart_other_text(result);
  if (reply.ended) out.__set_ended(to_wire(*reply.ended));
  return out;
}

Result<ExecuteReply> from_wire(v1::ExecuteResponse&& w, const Where& where) {
  ExecuteReply out;
  TROTH_ASSIGN_OR_RETURN(out.results, from_wire(std::move(w.results), where, "results"));
  if (w.__isset.ended) {
    TROTH_ASSIGN_OR_RETURN(out.ended, from_wire(std::move(w.ended), Where(where, "ended")));
  }
  return out;
}

v1::GetServerInfoResponse to_wire(const ServerInfo& info) {
  v1::GetServerInfoResponse out;
  out.__set_version(info.version);
  out.__set_idl_version(info.idl_version);
  out.__set_name(info.name.text());
  out.__set_role(to_wire(info.role));
  out.__set_features(info.features);
  return out;
}

Status from_wire(v1::Transaction&& transaction, const v1::CallContext& context, const Where& where,
                 SubmitRequest& out) {
  if (transaction.branches.empty()) return where.missing("branches");
  out.branches.reserve(transaction.branches.size());
  for (std::size_t i = 0; i < transaction.branches.size(); ++i) {
    const Where in_branch(where, "branches", i);
    auto& wire = transaction.branches[i];
    if (wire.statements.empty()) return in_branch.missing("statements");
    auto& branch = out.branches.emplace_back();
    TROTH_ASSIGN_OR_RETURN(
        branch.participant,
        name_from_wire(wire.__isset.participant, wire.participant, in_branch, "participant"));
    TROTH_ASSIGN_OR_RETURN(branch.statements,
                           from_wire(std::move(wire.statements), in_branch, "statements"));
  }
  if (transaction.__isset.idempotency_key && transaction.idempotency_key.empty())
    return where.invalid("idempotency_key", "is empty; leave the field out for none");
  if (transaction.idempotency_key.size() > kMaxKeyBytes)
    return where.invalid("idempotency_key", "is longer than 128 bytes");
  if (transaction.comment.size() > kMaxCommentBytes)
    return where.invalid("comment", "is longer than 4096 bytes");
  if (transaction.retries < 0) return where.invalid("retries", "is negative");
  out.retries = static_cast<std::uint32_t>(transaction.retries);
  if (transaction.deadline_ms < 0) return where.invalid("deadline_ms", "is negative");
  out.idempotency_key = std::move(transaction.idempotency_key);
  out.deadline = std::chrono::milliseconds(transaction.deadline_ms);
  if (transaction.__isset.protocol) {
    TROTH_ASSIGN_OR_RETURN(out.protocol, from_wire(transaction.protocol, Where(where, "protocol")));
  }
  if (transaction.__isset.answer_at) {
    TROTH_ASSIGN_OR_RETURN(out.answer_at,
                           from_wire(transaction.answer_at, Where(where, "answer_at")));
  }
  out.comment = std::move(transaction.comment);
  out.traceparent = context.traceparent;
  out.client_name = context.client_name;
  return {};
}

Result<TransactionOutcome> from_wire(v1::TransactionOutcome&& outcome, const Where& where) {
  TransactionOutcome out;
  if (outcome.__isset.gtid) {
    TROTH_ASSIGN_OR_RETURN(out.gtid, gtid_from_wire(true, outcome.gtid, where, "gtid"));
  }
  if (!outcome.__isset.outcome) return where.missing("outcome");
  TROTH_ASSIGN_OR_RETURN(out.outcome, from_wire(outcome.outcome, Where(where, "outcome")));
  TROTH_ASSIGN_OR_RETURN(out.reason, from_wire(std::move(outcome.reason), Where(where, "reason")));
  for (std::size_t i = 0; i < outcome.results.size(); ++i) {
    const Where in_branch(where, "results", i);
    auto& wire = outcome.results[i];
    auto& branch = out.results.emplace_back();
    TROTH_ASSIGN_OR_RETURN(
        branch.participant,
        name_from_wire(wire.__isset.participant, wire.participant, in_branch, "participant"));
    TROTH_ASSIGN_OR_RETURN(branch.results,
                           from_wire(std::move(wire.results), in_branch, "results"));
  }
  out.replayed = outcome.replayed;
  out.applied = outcome.applied;
  if (outcome.__isset.forgotten_since_unix_ms)
    out.forgotten_since = WallTime{outcome.forgotten_since_unix_ms};
  if (outcome.attempts > 0) out.attempts = static_cast<std::uint32_t>(outcome.attempts);
  return out;
}

Refusal from_wire(v1::Refusal&& refusal) {
  Refusal out;
  out.error = {parse_error_code(refusal.error), std::move(refusal.message)};
  if (refusal.__isset.code) out.code = parse_abort_code(refusal.code);
  out.retry_after = std::chrono::milliseconds(refusal.retry_after_ms);
  return out;
}

Result<SubmitReply> from_wire(v1::SubmitBatchItem&& item, const Where& where) {
  SubmitReply out;
  if (item.__isset.refusal) {
    out.refusal = from_wire(std::move(item.refusal));
    return out;
  }
  TROTH_ASSIGN_OR_RETURN(out.outcome, from_wire(std::move(item.outcome), Where(where, "outcome")));
  return out;
}

Result<ServerInfo> from_wire(v1::GetServerInfoResponse&& info) {
  const Where where;
  ServerInfo out;
  out.version = std::move(info.version);
  out.idl_version = std::move(info.idl_version);
  TROTH_ASSIGN_OR_RETURN(out.name, name_from_wire(info.__isset.name, info.name, where, "name"));
  TROTH_ASSIGN_OR_RETURN(out.role, from_wire(info.role, Where(where, "role")));
  out.features = std::move(info.features);
  return out;
}

}  // namespace troth::thrift
