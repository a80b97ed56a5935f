#include "troth/client.h"

#include <troth_idl/Admin.h>
#include <troth_idl/Coordinator.h>

#include <algorithm>
#include <thread>

#include "thrift/client/client_impl.h"
#include "thrift/convert/convert_admin.h"
#include "thrift/convert/convert_coordinator.h"
#include "thrift/convert/convert_error.h"
#include "thrift/convert/convert_locks.h"
#include "thrift/convert/convert_operators.h"

namespace troth {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr Duration kAnswerGrace = std::chrono::seconds(4);  // longer than the server's own
constexpr Duration kFirstBackoff = std::chrono::milliseconds(50);
constexpr Duration kMaxBackoff = std::chrono::seconds(1);

constexpr Method<v1::Coordinator_submit_pargs, v1::Coordinator_submit_presult, v1::SubmitResponse>
    kSubmit{"Coordinator", "submit"};
constexpr Method<v1::Coordinator_submitBatch_pargs, v1::Coordinator_submitBatch_presult,
                 v1::SubmitBatchResponse>
    kSubmitBatch{"Coordinator", "submitBatch"};
constexpr Method<v1::Coordinator_awaitOutcomes_pargs, v1::Coordinator_awaitOutcomes_presult,
                 v1::AwaitOutcomesResponse>
    kAwaitOutcomes{"Coordinator", "awaitOutcomes"};
constexpr Method<v1::Coordinator_getOutcome_pargs, v1::Coordinator_getOutcome_presult,
                 v1::GetOutcomeResponse>
    kGetOutcome{"Coordinator", "getOutcome"};
constexpr Method<v1::Coordinator_getServerInfo_pargs, v1::Coordinator_getServerInfo_presult,
                 v1::GetServerInfoResponse>
    kGetServerInfo{"Coordinator", "getServerInfo"};
constexpr Method<v1::Admin_getStatus_pargs, v1::Admin_getStatus_presult, v1::GetStatusResponse>
    kGetStatus{"Admin", "getStatus"};
constexpr Method<v1::Admin_listTransactions_pargs, v1::Admin_listTransactions_presult,
                 v1::ListTransactionsResponse>
    kListTransactions{"Admin", "listTransactions"};
constexpr Method<v1::Admin_showTransaction_pargs, v1::Admin_showTransaction_presult,
                 v1::ShowTransactionResponse>
    kShowTransaction{"Admin", "showTransaction"};
constexpr Method<v1::Admin_retryTransactions_pargs, v1::Admin_retryTransactions_presult,
                 v1::RetryTransactionsResponse>
    kRetryTransactions{"Admin", "retryTransactions"};
constexpr Method<v1::Admin_resolveTransaction_pargs, v1::Admin_resolveTransaction_presult,
                 v1::ResolveTransactionResponse>
    kResolveTransaction{"Admin", "resolveTransaction"};
constexpr Method<v1::Admin_forgetTransaction_pargs, v1::Admin_forgetTransaction_presult,
                 v1::ResolveTransactionResponse>
    kForgetTransaction{"Admin", "forgetTransaction"};
constexpr Method<v1::Admin_declareLost_pargs, v1::Admin_declareLost_presult,
                 v1::DeclareLostResponse>
    kDeclareLost{"Admin", "declareLost"};
constexpr Method<v1::Admin_listAudit_pargs, v1::Admin_listAudit_presult, v1::ListAuditResponse>
    kListAudit{"Admin", "listAudit"};
constexpr Method<v1::Admin_listLocks_pargs, v1::Admin_listLocks_presult, v1::ListLocksResponse>
    kListLocks{"Admin", "listLocks"};
constexpr Method<v1::Admin_drainParticipant_pargs, v1::Admin_drainParticipant_presult,
                 v1::DrainParticipantResponse>
    kDrainParticipant{"Admin", "drainParticipant"};

}  // namespace

v1::SubmitRequest Client::Impl::submit_to_wire(const SubmitRequest& request) const {
  v1::SubmitRequest wire;
  wire.context = context_to_wire(request);
  wire.__isset.context = true;
  if (request.client_name.empty() && !options_.client_name.empty())
    wire.context.__set_client_name(options_.client_name);
  wire.transaction = to_wire(request);  // __set_transaction would copy it
  wire.__isset.transaction = true;
  return wire;
}

Duration Client::Impl::patience(const SubmitRequest& request) const {
  return request.deadline > Duration{0} ? request.deadline + kAnswerGrace : options_.call_timeout;
}

Status Client::Impl::begin_submit(const SubmitRequest& request) {
  TROTH_TRY(connect());
  const auto wire = submit_to_wire(request);
  v1::Coordinator_submit_pargs args;
  args.request = &wire;
  const auto sent = connection_->send_call(kSubmit.service, kSubmit.name, args, patience(request));
  if (!sent) connection_.reset();
  return sent;
}

Result<SubmitReply> Client::Impl::finish_submit() {
  if (!connection_) return fail(ErrorCode::kIllegalState, "no submit was begun");
  v1::SubmitResponse response;
  v1::Coordinator_submit_presult result;
  result.success = &response;
  if (auto received = connection_->receive(kSubmit.name, result); !received) {
    connection_.reset();
    return fail(ErrorCode::kTimeout,
                received.error().context + "; the transaction may be committed or not");
  }
  SubmitReply reply;
  if (auto declared = declared_error(result)) {
    if (!declared->nothing_done())
      return fail(ErrorCode::kTimeout,
                  declared->error.context + "; the transaction may be committed or not");
    reply.refusal = to_refusal(*declared);
    return reply;
  }
  if (!result.__isset.success) return fail(ErrorCode::kTimeout, "the server gave an empty answer");
  TROTH_ASSIGN_OR_RETURN(reply.outcome, from_wire(std::move(response.outcome), Where()));
  return reply;
}

Result<SubmitReply> Client::Impl::submit(const SubmitRequest& request) {
  const auto wire = submit_to_wire(request);
  const Duration patience = this->patience(request);
  const auto until =
      SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(patience);
  struct Unpin {
    std::optional<std::string>& pinned;
    ~Unpin() { pinned.reset(); }
  } const unpin{pinned_};
  std::optional<Error> unknown;  // why an earlier attempt may have been executed
  for (Duration backoff = kFirstBackoff;; backoff = std::min(backoff * 2, kMaxBackoff)) {
    const Duration left = until - SteadyClock::now();
    auto called = call(kSubmit, wire, std::max<Duration>(left, std::chrono::milliseconds(1)));
    if (!called.lost && !called.declared) {
      SubmitReply reply;
      TROTH_ASSIGN_OR_RETURN(reply.outcome, from_wire(std::move(called.response.outcome), Where()));
      return reply;
    }
    const bool refused = called.declared && called.declared->nothing_done();
    const bool retry_later = refused && called.declared->retry_after > Duration{0};
    if (refused && (!unknown || !retry_later)) {
      SubmitReply reply;
      reply.refusal = to_refusal(*called.declared);
      return reply;
    }
    const bool may_have_acted = called.sent || (called.declared && !refused);
    Error why = called.lost ? std::move(*called.lost) : std::move(called.declared->error);
    if (!may_have_acted && !unknown) return fail(std::move(why));
    if (may_have_acted) {
      unknown = why;
      pinned_ = connected_to_;
    }
    const bool time_is_up = SteadyClock::now() + backoff >= until;
    if (request.idempotency_key.empty() || time_is_up)
      return fail(
          ErrorCode::kTimeout,
          fmt::format("{}; the transaction may be committed or not, ask the coordinator at {}",
                      unknown->context, *pinned_));
    std::this_thread::sleep_for(backoff);
  }
}

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Result<SubmitReply> Client::submit(const SubmitRequest& request) {
  return impl_->submit(request);
}

Status Client::begin_submit(const SubmitRequest& request) {
  return impl_->begin_submit(request);
}

Result<SubmitReply> Client::finish_submit() {
  return impl_->finish_submit();
}

int Client::submit_fd() const {
  return impl_->connection_ ? impl_->connection_->fd() : -1;
}

Result<std::vector<SubmitReply>> Client::submit_batch(const std::vector<SubmitRequest>& requests,
                                                      Duration wait) {
  v1::SubmitBatchRequest wire;
  wire.__set_context(impl_->context());
  wire.__isset.transactions = true;
  for (const auto& request : requests) wire.transactions.push_back(to_wire(request));
  wire.__set_wait_ms(to_ms(wait));
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kSubmitBatch, wire, wait + kAnswerGrace));
  if (response.items.size() != requests.size())
    return fail(ErrorCode::kInternal, "the server answered another number of transactions");
  std::vector<SubmitReply> out;
  const Where root;
  for (std::size_t i = 0; i < response.items.size(); ++i) {
    TROTH_ASSIGN_OR_RETURN(auto reply,
                           from_wire(std::move(response.items[i]), Where(root, "items", i)));
    out.push_back(std::move(reply));
  }
  return out;
}

Result<std::vector<TransactionOutcome>> Client::await_outcomes(const std::vector<Gtid>& gtids,
                                                               Duration wait) {
  v1::AwaitOutcomesRequest wire;
  wire.__set_context(impl_->context());
  wire.__isset.gtids = true;
  for (const auto& gtid : gtids) wire.gtids.push_back(gtid.text());
  wire.__set_max_wait_ms(to_ms(wait));
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kAwaitOutcomes, wire, wait + kAnswerGrace));
  std::vector<TransactionOutcome> out;
  const Where root;
  for (std::size_t i = 0; i < response.outcomes.size(); ++i) {
    TROTH_ASSIGN_OR_RETURN(auto outcome,
                           from_wire(std::move(response.outcomes[i]), Where(root, "outcomes", i)));
    out.push_back(std::move(outcome));
  }
  return out;
}

Result<TransactionOutcome> Client::get_outcome(const Gtid& gtid) {
  v1::GetOutcomeRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_gtid(gtid.text());
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kGetOutcome, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response.outcome), Where());
}

Result<TransactionOutcome> Client::get_outcome_by_key(const std::string& idempotency_key) {
  v1::GetOutcomeRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_idempotency_key(idempotency_key);
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kGetOutcome, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response.outcome), Where());
}

Result<ServerInfo> Client::server_info() {
  v1::GetServerInfoRequest wire;
  wire.__set_context(impl_->context());
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kGetServerInfo, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response));
}

Result<NodeStatus> Client::status() {
  v1::GetStatusRequest wire;
  wire.__set_context(impl_->context());
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kGetStatus, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response.status), Where());
}

Result<TransactionPage> Client::list_transactions(const ListRequest& request) {
  v1::ListTransactionsRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_filter(to_wire(request.filter));
  wire.__set_limit(static_cast<std::int32_t>(std::min<std::size_t>(request.limit, 1 << 30)));
  if (!request.after.empty()) wire.__set_after(request.after);
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kListTransactions, wire, impl_->options_.call_timeout));
  TransactionPage out;
  out.next = std::move(response.next_after);
  const Where root;
  for (std::size_t i = 0; i < response.transactions.size(); ++i) {
    TROTH_ASSIGN_OR_RETURN(auto summary, from_wire(std::move(response.transactions[i]),
                                                   Where(root, "transactions", i)));
    out.transactions.push_back(std::move(summary));
  }
  return out;
}

Result<TransactionDetail> Client::show_transaction(const std::string& id) {
  v1::ShowTransactionRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_id(id);
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kShowTransaction, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response.transaction), Where());
}

Result<std::int64_t> Client::retry_transactions(const std::string& id, const Operator& by) {
  v1::RetryTransactionsRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_id(id);
  wire.__set_by(to_wire(by));
  TROTH_ASSIGN_OR_RETURN(const auto response,
                         impl_->ask(kRetryTransactions, wire, impl_->options_.call_timeout));
  return response.poked;
}

Result<ResolveReply> Client::resolve(const ResolveRequest& request) {
  auto wire = to_wire(request);
  wire.__set_context(impl_->context());
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kResolveTransaction, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response), Where());
}

Result<ResolveReply> Client::forget(const ForgetRequest& request) {
  auto wire = to_wire(request);
  wire.__set_context(impl_->context());
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kForgetTransaction, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response), Where());
}

Result<LostReply> Client::declare_lost(const LostRequest& request) {
  auto wire = to_wire(request);
  wire.__set_context(impl_->context());
  TROTH_ASSIGN_OR_RETURN(auto response,
                         impl_->ask(kDeclareLost, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response));
}

Result<std::vector<AuditEntry>> Client::audit(std::size_t limit) {
  v1::ListAuditRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_limit(static_cast<std::int32_t>(std::min<std::size_t>(limit, 1 << 30)));
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kListAudit, wire, impl_->options_.call_timeout));
  std::vector<AuditEntry> out;
  for (auto& entry : response.entries) out.push_back(from_wire(std::move(entry)));
  return out;
}

Result<LockPage> Client::locks(const LockQuery& query) {
  v1::ListLocksRequest wire;
  wire.__set_context(impl_->context());
  if (!query.id.empty()) wire.__set_id(query.id);
  wire.__set_all(query.all);
  wire.__set_limit(static_cast<std::int32_t>(std::min<std::size_t>(query.limit, 1 << 30)));
  if (!query.after.empty()) wire.__set_after(query.after);
  TROTH_ASSIGN_OR_RETURN(auto response, impl_->ask(kListLocks, wire, impl_->options_.call_timeout));
  return from_wire(std::move(response), Where());
}

Status Client::drain_participant(const NodeName& name, bool drain, const Operator& by) {
  v1::DrainParticipantRequest wire;
  wire.__set_context(impl_->context());
  wire.__set_participant(name.text());
  wire.__set_drain(drain);
  wire.__set_by(to_wire(by));
  const auto response = impl_->ask(kDrainParticipant, wire, impl_->options_.call_timeout);
  return response ? Status{} : Status(fail(response.error()));
}

std::string Client::connected_to() const {
  return impl_->connection_ ? impl_->connection_->endpoint().text() : std::string();
}

}  // namespace troth
