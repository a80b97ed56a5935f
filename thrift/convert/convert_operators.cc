#include "thrift/convert/convert_operators.h"

namespace troth::thrift {

v1::Operator to_wire(const Operator& by) {
  v1::Operator out;
  out.__set_name(by.name);
  out.__set_reason(by.reason);
  return out;
}

v1::ResolveTransactionRequest to_wire(const ResolveRequest& request) {
  v1::ResolveTransactionRequest out;
  out.__set_id(request.id);
  out.__set_decision(request.decision == Decision::kCommit ? v1::ManualDecision::COMMIT
                                                           : v1::ManualDecision::ABORT);
  out.__set_by(to_wire(request.by));
  out.__set_revision(request.revision);
  out.__set_confirm(request.confirm);
  out.__set_dry_run(request.dry_run);
  return out;
}

v1::ForgetTransactionRequest to_wire(const ForgetRequest& request) {
  v1::ForgetTransactionRequest out;
  out.__set_id(request.id);
  out.__set_by(to_wire(request.by));
  out.__set_confirm(request.confirm);
  out.__set_dry_run(request.dry_run);
  return out;
}

v1::ResolveTransactionResponse to_wire(const ResolveReply& reply) {
  v1::ResolveTransactionResponse out;
  out.__set_gtid(reply.gtid.text());
  out.__set_applied(reply.applied);
  out.__set_revision(reply.revision);
  out.__set_lines(reply.lines);
  return out;
}

v1::DeclareLostRequest to_wire(const LostRequest& request) {
  v1::DeclareLostRequest out;
  out.__set_participant(request.participant.text());
  out.__set_forget(request.forget);
  out.__set_by(to_wire(request.by));
  out.__set_confirm(request.confirm);
  out.__set_dry_run(request.dry_run);
  return out;
}

v1::DeclareLostResponse to_wire(const LostReply& reply) {
  v1::DeclareLostResponse out;
  out.__set_applied(reply.applied);
  out.__set_transactions(reply.transactions);
  out.__set_lines(reply.lines);
  return out;
}

v1::ForgetPeerRequest to_wire(const ForgetPeerRequest& request) {
  v1::ForgetPeerRequest out;
  out.__set_peer(request.peer.text());
  out.__set_by(to_wire(request.by));
  out.__set_confirm(request.confirm);
  out.__set_dry_run(request.dry_run);
  return out;
}

v1::ForgetPeerResponse to_wire(const ForgetPeerReply& reply) {
  v1::ForgetPeerResponse out;
  out.__set_applied(reply.applied);
  out.__set_lines(reply.lines);
  return out;
}

v1::AuditEntry to_wire(const AuditEntry& entry) {
  v1::AuditEntry out;
  out.__set_when_unix_ms(entry.when.unix_ms);
  out.__set_action(entry.action);
  out.__set_result(entry.result);
  out.__set_subject(entry.subject);
  out.__set_by(to_wire(entry.by));
  return out;
}

Operator from_wire(v1::Operator&& by) {
  return {std::move(by.name), std::move(by.reason)};
}

// Never a default: a decision that is missing or not understood is refused.
Result<ResolveRequest> from_wire(v1::ResolveTransactionRequest&& w, const Where& where) {
  ResolveRequest out;
  if (!w.__isset.id || w.id.empty()) return where.missing("id");
  if (!w.__isset.decision) return where.missing("decision");
  if (w.decision != v1::ManualDecision::COMMIT && w.decision != v1::ManualDecision::ABORT)
    return where.invalid("decision", "is neither COMMIT nor ABORT");
  out.id = std::move(w.id);
  out.decision = w.decision == v1::ManualDecision::COMMIT ? Decision::kCommit : Decision::kAbort;
  out.by = from_wire(std::move(w.by));
  out.revision = std::move(w.revision);
  out.confirm = std::move(w.confirm);
  out.dry_run = w.dry_run;
  return out;
}

Result<ForgetRequest> from_wire(v1::ForgetTransactionRequest&& w, const Where& where) {
  ForgetRequest out;
  if (!w.__isset.id || w.id.empty()) return where.missing("id");
  out.id = std::move(w.id);
  out.by = from_wire(std::move(w.by));
  out.confirm = std::move(w.confirm);
  out.dry_run = w.dry_run;
  return out;
}

Result<ResolveReply> from_wire(v1::ResolveTransactionResponse&& w, const Where& where) {
  ResolveReply out;
  TROTH_ASSIGN_OR_RETURN(out.gtid, gtid_from_wire(w.__isset.gtid, w.gtid, where, "gtid"));
  out.applied = w.applied;
  out.revision = std::move(w.revision);
  out.lines = std::move(w.lines);
  return out;
}

Result<LostRequest> from_wire(v1::DeclareLostRequest&& w, const Where& where) {
  LostRequest out;
  TROTH_ASSIGN_OR_RETURN(
      out.participant, name_from_wire(w.__isset.participant, w.participant, where, "participant"));
  out.forget = w.forget;
  out.by = from_wire(std::move(w.by));
  out.confirm = std::move(w.confirm);
  out.dry_run = w.dry_run;
  return out;
}

LostReply from_wire(v1::DeclareLostResponse&& w) {
  return {w.applied, w.transactions, std::move(w.lines)};
}

Result<ForgetPeerRequest> from_wire(v1::ForgetPeerRequest&& w, const Where& where) {
  ForgetPeerRequest out;
  TROTH_ASSIGN_OR_RETURN(out.peer, name_from_wire(w.__isset.peer, w.peer, where, "peer"));
  out.by = from_wire(std::move(w.by));
  out.confirm = std::move(w.confirm);
  out.dry_run = w.dry_run;
  return out;
}

ForgetPeerReply from_wire(v1::ForgetPeerResponse&& w) {
  return {w.applied, std::move(w.lines)};
}

AuditEntry from_wire(v1::AuditEntry&& w) {
  return {{w.when_unix_ms},
          std::move(w.action),
          std::move(w.result),
          std::move(w.subject),
          from_wire(std::move(w.by))};
}

}  // namespace troth::thrift
