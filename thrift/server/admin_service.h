#pragma once
// The Admin service of either daemon.

#include <troth_idl/Admin.h>

#include "access/guarded_admin.h"
#include "os/logging.h"

namespace troth::thrift {

/// For one connection.
class AdminService final : public v1::AdminIf {
 public:
  AdminService(access::GuardedAdmin& port, protocol::Principal by, Logger logger)
      : port_(port), by_(std::move(by)), logger_(std::move(logger)) {}

  void getStatus(v1::GetStatusResponse& out, const v1::GetStatusRequest& request) override;
  void listTransactions(v1::ListTransactionsResponse& out,
                        const v1::ListTransactionsRequest& request) override;
  void showTransaction(v1::ShowTransactionResponse& out,
                       const v1::ShowTransactionRequest& request) override;
  void retryTransactions(v1::RetryTransactionsResponse& out,
                         const v1::RetryTransactionsRequest& request) override;
  void resolveTransaction(v1::ResolveTransactionResponse& out,
                          const v1::ResolveTransactionRequest& request) override;
  void forgetTransaction(v1::ResolveTransactionResponse& out,
                         const v1::ForgetTransactionRequest& request) override;
  void listAudit(v1::ListAuditResponse& out, const v1::ListAuditRequest& request) override;
  void declareLost(v1::DeclareLostResponse& out, const v1::DeclareLostRequest& request) override;
  void forgetPeer(v1::ForgetPeerResponse& out, const v1::ForgetPeerRequest& request) override;
  void listLocks(v1::ListLocksResponse& out, const v1::ListLocksRequest& request) override;
  void drainParticipant(v1::DrainParticipantResponse& out,
                        const v1::DrainParticipantRequest& request) override;

 private:
  access::GuardedAdmin& port_;
  const protocol::Principal by_;
  const Logger logger_;
};

}  // namespace troth::thrift
