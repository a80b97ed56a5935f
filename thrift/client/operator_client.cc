// What operators ask of either daemon, in the client library.
#include <troth_idl/Admin.h>

#include <algorithm>

#include "thrift/client/client_impl.h"
#include "thrift/convert/convert_admin.h"
#include "thrift/convert/convert_lists.h"
#include "thrift/convert/convert_locks.h"
#include "thrift/convert/convert_operators.h"

namespace troth {

namespace {

TROTH_METHOD(kGetStatus, Admin, getStatus, GetStatusResponse);
TROTH_METHOD(kListTransactions, Admin, listTransactions, ListTransactionsResponse);
TROTH_METHOD(kShowTransaction, Admin, showTransaction, ShowTransactionResponse);
TROTH_METHOD(kRetryTransactions, Admin, retryTransactions, RetryTransactionsResponse);
TROTH_METHOD(kResolveTransaction, Admin, resolveTransaction, ResolveTransactionResponse);
TROTH_METHOD(kForgetTransaction, Admin, forgetTransaction, ResolveTransactionResponse);
TROTH_METHOD(kDeclareLost, Admin, declareLost, DeclareLostResponse);
TROTH_METHOD(kForgetPeer, Admin, forgetPeer, ForgetPeerResponse);
TROTH_METHOD(kListAudit, Admin, listAudit, ListAuditResponse);
TROTH_METHOD(kListLocks, Admin, listLocks, ListLocksResponse);
TROTH_METHOD(kDrainParticipant, Admin, drainParticipant, DrainParticipantResponse);

std::int32_t limit_to_wire(std::size_t limit) {
  return static_cast<std::int32_t>(std::min<std::size_t>(limit, 1 << 30));
}

}  // namespace

Result<NodeStatus> Client::status() {
  v1::GetStatusRequest wire;
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kGetStatus, std::move(wire)));
  return from_wire(std::move(response.status), Where());
}

Result<TransactionPage> Client::list_transactions(const ListRequest& request) {
  v1::ListTransactionsRequest wire;
  wire.__set_filter(to_wire(request.filter));
  wire.__set_limit(limit_to_wire(request.limit));
  if (!request.after.empty()) wire.__set_after(request.after);
  if (request.since.unix_ms != 0) wire.__set_since_unix_ms(request.since.unix_ms);
  if (!request.key.empty()) wire.__set_idempotency_key(request.key);
  if (!request.participant.empty()) wire.__set_participant(request.participant);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kListTransactions, std::move(wire)));
  TransactionPage out;
  out.next = std::move(response.next_after);
  TROTH_ASSIGN_OR_RETURN(out.transactions,
                         list_from_wire<TransactionSummary>(std::move(response.transactions),
                                                            Where(), "transactions"));
  return out;
}

Result<TransactionDetail> Client::show_transaction(const std::string& id) {
  v1::ShowTransactionRequest wire;
  wire.__set_id(id);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kShowTransaction, std::move(wire)));
  return from_wire(std::move(response.transaction), Where());
}

Result<std::int64_t> Client::retry_transactions(const std::string& id, const Operator& by) {
  v1::RetryTransactionsRequest wire;
  wire.__set_id(id);
  wire.__set_by(to_wire(by));
  TROTH_ASSIGN_OR_RETURN(const auto response, impl_->ask(kRetryTransactions, std::move(wire)));
  return response.poked;
}

Result<ResolveReply> Client::resolve(const ResolveRequest& request) {
  auto wire = to_wire(request);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kResolveTransaction, std::move(wire)));
  return from_wire(std::move(response), Where());
}

Result<ResolveReply> Client::forget(const ForgetRequest& request) {
  auto wire = to_wire(request);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kForgetTransaction, std::move(wire)));
  return from_wire(std::move(response), Where());
}

Result<LostReply> Client::declare_lost(const LostRequest& request) {
  auto wire = to_wire(request);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kDeclareLost, std::move(wire)));
  return from_wire(std::move(response));
}

Result<ForgetPeerReply> Client::forget_peer(const ForgetPeerRequest& request) {
  auto wire = to_wire(request);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kForgetPeer, std::move(wire)));
  return from_wire(std::move(response));
}

Result<std::vector<AuditEntry>> Client::audit(std::size_t limit) {
  v1::ListAuditRequest wire;
  wire.__set_limit(limit_to_wire(limit));
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kListAudit, std::move(wire)));
  std::vector<AuditEntry> out;
  for (auto& entry : response.entries) out.push_back(from_wire(std::move(entry)));
  return out;
}

Result<LockPage> Client::locks(const LockQuery& query) {
  v1::ListLocksRequest wire;
  if (!query.id.empty()) wire.__set_id(query.id);
  wire.__set_all(query.all);
  wire.__set_limit(limit_to_wire(query.limit));
  if (!query.after.empty()) wire.__set_after(query.after);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kListLocks, std::move(wire)));
  return from_wire(std::move(response), Where());
}

Status Client::drain_participant(const NodeName& name, bool drain, const Operator& by) {
  v1::DrainParticipantRequest wire;
  wire.__set_participant(name.text());
  wire.__set_drain(drain);
  wire.__set_by(to_wire(by));
  const auto response = impl_->ask(kDrainParticipant, std::move(wire));
  return response ? Status{} : Status(fail(response.error()));
}

}  // namespace troth
