#include "thrift/server/admin_service.h"

#include <algorithm>

#include "thrift/convert/convert_admin.h"
#include "thrift/convert/convert_locks.h"
#include "thrift/convert/convert_operators.h"
#include "thrift/server/service_guard.h"

namespace troth::thrift {

namespace {
constexpr std::int32_t kDefaultLimit = 100;
constexpr std::int32_t kMaxLimit = 10'000;
}  // namespace

void AdminService::getStatus(v1::GetStatusResponse& out, const v1::GetStatusRequest&) {
  guarded(logger_, "getStatus",
          [&] { out.__set_status(to_wire(value_or_throw(port_.status(by_)))); });
}

void AdminService::listTransactions(v1::ListTransactionsResponse& out,
                                    const v1::ListTransactionsRequest& request) {
  guarded(logger_, "listTransactions", [&] {
    const Where root;
    auto filter = TransactionFilter::kAll;
    if (request.__isset.filter)
      filter = value_or_throw(from_wire(request.filter, Where(root, "filter")));
    const auto limit =
        request.__isset.limit ? std::clamp(request.limit, 0, kMaxLimit) : kDefaultLimit;
    out.__isset.transactions = true;
    const auto page = value_or_throw(port_.list_transactions(by_, {filter,
                                                                   static_cast<std::size_t>(limit),
                                                                   request.after,
                                                                   {request.since_unix_ms},
                                                                   request.idempotency_key,
                                                                   request.participant}));
    for (const auto& summary : page.transactions) out.transactions.push_back(to_wire(summary));
    if (!page.next.empty()) out.__set_next_after(page.next);
  });
}

void AdminService::showTransaction(v1::ShowTransactionResponse& out,
                                   const v1::ShowTransactionRequest& request) {
  guarded(logger_, "showTransaction", [&] {
    if (request.id.empty()) throw_error({ErrorCode::kInvalidArgument, "id is missing"});
    out.__set_transaction(to_wire(value_or_throw(port_.show_transaction(by_, request.id))));
  });
}

void AdminService::retryTransactions(v1::RetryTransactionsResponse& out,
                                     const v1::RetryTransactionsRequest& request) {
  guarded(logger_, "retryTransactions", [&] {
    out.__set_poked(value_or_throw(
        port_.retry_transactions(by_, request.id, from_wire(v1::Operator(request.by)))));
  });
}

void AdminService::resolveTransaction(v1::ResolveTransactionResponse& out,
                                      const v1::ResolveTransactionRequest& request) {
  guarded(logger_, "resolveTransaction", [&] {
    out = to_wire(value_or_throw(port_.resolve(
        by_, value_or_throw(from_wire(v1::ResolveTransactionRequest(request), Where())))));
  });
}

void AdminService::forgetTransaction(v1::ResolveTransactionResponse& out,
                                     const v1::ForgetTransactionRequest& request) {
  guarded(logger_, "forgetTransaction", [&] {
    out = to_wire(value_or_throw(port_.forget(
        by_, value_or_throw(from_wire(v1::ForgetTransactionRequest(request), Where())))));
  });
}

void AdminService::listAudit(v1::ListAuditResponse& out, const v1::ListAuditRequest& request) {
  guarded(logger_, "listAudit", [&] {
    const auto limit =
        request.__isset.limit ? std::clamp(request.limit, 0, kMaxLimit) : kDefaultLimit;
    out.__isset.entries = true;
    for (const auto& entry : value_or_throw(port_.audit(by_, static_cast<std::size_t>(limit))))
      out.entries.push_back(to_wire(entry));
  });
}

void AdminService::listLocks(v1::ListLocksResponse& out, const v1::ListLocksRequest& request) {
  guarded(logger_, "listLocks", [&] {
    const auto limit =
        request.__isset.limit ? std::clamp(request.limit, 0, kMaxLimit) : kDefaultLimit;
    out = to_wire(value_or_throw(port_.locks(
        by_, {request.id, request.all, static_cast<std::size_t>(limit), request.after})));
  });
}

void AdminService::drainParticipant(v1::DrainParticipantResponse& out,
                                    const v1::DrainParticipantRequest& request) {
  guarded(logger_, "drainParticipant", [&] {
    const Where root;
    if (!request.__isset.drain) throw_error({ErrorCode::kInvalidArgument, "drain is missing"});
    const auto name = value_or_throw(
        name_from_wire(request.__isset.participant, request.participant, root, "participant"));
    const auto done =
        port_.drain_participant(by_, name, request.drain, from_wire(v1::Operator(request.by)));
    if (!done) throw_error(done.error());
    out.__set_draining(request.drain);
  });
}

void AdminService::declareLost(v1::DeclareLostResponse& out,
                               const v1::DeclareLostRequest& request) {
  guarded(logger_, "declareLost", [&] {
    out = to_wire(value_or_throw(port_.declare_lost(
        by_, value_or_throw(from_wire(v1::DeclareLostRequest(request), Where())))));
  });
}

void AdminService::forgetPeer(v1::ForgetPeerResponse& out, const v1::ForgetPeerRequest& request) {
  guarded(logger_, "forgetPeer", [&] {
    out = to_wire(value_or_throw(port_.forget_peer(
        by_, value_or_throw(from_wire(v1::ForgetPeerRequest(request), Where())))));
  });
}

}  // namespace troth::thrift
