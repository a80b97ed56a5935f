#include "thrift/admin_service.h"

#include <algorithm>

#include "thrift/convert_admin.h"
#include "thrift/service_guard.h"

namespace troth::thrift {

namespace {
constexpr std::int32_t kDefaultLimit = 100;
constexpr std::int32_t kMaxLimit = 10'000;
}  // namespace

void AdminService::getStatus(v1::GetStatusResponse& out, const v1::GetStatusRequest&) {
  guarded(logger_, "getStatus", [&] { out.__set_status(to_wire(value_or_throw(port_.status()))); });
}

void AdminService::listTransactions(v1::ListTransactionsResponse& out,
                                    const v1::ListTransactionsRequest& request) {
  guarded(logger_, "listTransactions", [&] {
    const Where root;
    auto filter = protocol::TransactionFilter::kAll;
    if (request.__isset.filter)
      filter = value_or_throw(from_wire(request.filter, Where(root, "filter")));
    const auto limit =
        request.__isset.limit ? std::clamp(request.limit, 0, kMaxLimit) : kDefaultLimit;
    out.__isset.transactions = true;
    for (const auto& summary :
         value_or_throw(port_.list_transactions(filter, static_cast<std::size_t>(limit))))
      out.transactions.push_back(to_wire(summary));
  });
}

void AdminService::showTransaction(v1::ShowTransactionResponse& out,
                                   const v1::ShowTransactionRequest& request) {
  guarded(logger_, "showTransaction", [&] {
    if (request.id.empty()) throw_error({ErrorCode::kInvalidArgument, "id is missing"});
    out.__set_transaction(to_wire(value_or_throw(port_.show_transaction(request.id))));
  });
}

void AdminService::retryTransactions(v1::RetryTransactionsResponse& out,
                                     const v1::RetryTransactionsRequest& request) {
  guarded(logger_, "retryTransactions",
          [&] { out.__set_poked(value_or_throw(port_.retry_transactions(request.id))); });
}

}  // namespace troth::thrift
