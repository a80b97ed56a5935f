// Interactive transactions of the client library.
#include <troth_idl/Coordinator.h>

#include "thrift/client/client_impl.h"

namespace troth {

namespace {

TROTH_METHOD(kBegin, Coordinator, beginTransaction, BeginResponse);
TROTH_METHOD(kExecute, Coordinator, execute, ExecuteResponse);
TROTH_METHOD(kCommit, Coordinator, commit, CommitResponse);
TROTH_METHOD(kRollback, Coordinator, rollback, RollbackResponse);

/// A reply with the refusal in it, or the error that left the effect unknown.
template <class Reply, class Response>
std::optional<Result<Reply>> not_done(Called<Response>& called) {
  if (called.lost) return Result<Reply>(fail(std::move(*called.lost)));
  if (!called.declared) return std::nullopt;
  if (!called.declared->nothing_done())
    return Result<Reply>(fail(std::move(called.declared->error)));
  Reply reply;
  reply.refusal = to_refusal(*called.declared);
  return Result<Reply>(std::move(reply));
}

template <class Response>
Result<SubmitReply> outcome_of(Called<Response> called) {
  if (auto refused = not_done<SubmitReply>(called)) return std::move(*refused);
  SubmitReply reply;
  TROTH_ASSIGN_OR_RETURN(reply.outcome, from_wire(std::move(called.response.outcome), Where()));
  return reply;
}

}  // namespace

Result<BeginReply> Client::begin(const BeginRequest& request) {
  auto wire = to_wire(request);
  if (request.client_name.empty()) wire.__set_context(impl_->context());
  auto called = impl_->call(kBegin, wire, impl_->options_.call_timeout);
  if (auto refused = not_done<BeginReply>(called)) return std::move(*refused);
  BeginReply reply;
  const auto& answer = called.response;
  TROTH_ASSIGN_OR_RETURN(reply.gtid,
                         gtid_from_wire(answer.__isset.gtid, answer.gtid, Where(), "gtid"));
  reply.deadline = std::chrono::milliseconds(answer.deadline_ms);
  reply.idle_timeout = std::chrono::milliseconds(answer.idle_timeout_ms);
  return reply;
}

Result<ExecuteReply> Client::execute(const Gtid& gtid, const BranchRequest& request) {
  v1::ExecuteRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_gtid(gtid.text());
  wire.__set_participant(request.participant.text());
  wire.__set_statements(to_wire(request.statements));
  auto called = impl_->call(kExecute, wire, impl_->options_.interactive_timeout);
  if (auto refused = not_done<ExecuteReply>(called)) return std::move(*refused);
  return from_wire(std::move(called.response), Where());
}

Result<SubmitReply> Client::commit(const Gtid& gtid) {
  v1::CommitRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_gtid(gtid.text());
  return outcome_of(impl_->call(kCommit, wire, impl_->options_.call_timeout));
}

Result<SubmitReply> Client::rollback(const Gtid& gtid) {
  v1::RollbackRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_gtid(gtid.text());
  return outcome_of(impl_->call(kRollback, wire, impl_->options_.call_timeout));
}

}  // namespace troth
