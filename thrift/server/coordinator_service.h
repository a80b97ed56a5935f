#pragma once
// The Coordinator service: requests to the engine, and bounded waits for its answers. One for each
// connection that a thread serves. Transactions that a client began on it and did not finish end
// with it.

#include <troth_idl/Coordinator.h>

#include <memory>
#include <set>
#include <stop_token>
#include <vector>

#include "access/guarded_coordinator.h"
#include "os/gather.h"
#include "os/logging.h"
#include "thrift/convert/convert_common.h"
#include "troth/server_info.h"

namespace troth::thrift {

struct WaitLimits {
  Duration default_deadline;  ///< for a submit that names none
  Duration max_wait;          ///< the longest any call waits
  Duration grace;             ///< beyond a deadline, for the engine's answer
};

/// What every connection's service uses. Outlives them.
struct CoordinatorAccess {
  const protocol::Policy& policy;
  access::GuardedCoordinator* port;  ///< null at a participant: then only getServerInfo works
  const ServerInfo info;
  const WaitLimits limits;
  const std::stop_token stop;
  const Logger logger;
};

/// For one connection, by one thread.
class CoordinatorService final : public v1::CoordinatorIf {
 public:
  CoordinatorService(const CoordinatorAccess& access, protocol::Principal by);
  /// Rolls back the client's unfinished transactions, except detached ones.
  ~CoordinatorService() override;

  void submit(v1::SubmitResponse& out, const v1::SubmitRequest& request) override;
  // The two halves of submit(), for a caller that does not wait on a thread: the request, and its
  // answer. Both throw declared exceptions.
  static SubmitRequest parse_submit(const v1::SubmitRequest& request);
  static v1::SubmitResponse answer_of(SubmitReply&& reply);
  /// The answer when patience() has passed without an outcome. `gtid` may be nil.
  [[noreturn]] static void throw_pending(const Gtid& gtid);
  static Duration patience(const WaitLimits& limits, const SubmitRequest& request);
  static access::GuardedCoordinator& port_of(
      const CoordinatorAccess& access);  ///< throws for a participant
  static v1::GetServerInfoResponse server_info(const CoordinatorAccess& access,
                                               const protocol::Principal& by);
  /// As engines measure time.
  static MonotonicTime monotonic(std::chrono::steady_clock::time_point at) {
    return {std::chrono::duration_cast<Duration>(at.time_since_epoch())};
  }
  void submitBatch(v1::SubmitBatchResponse& out, const v1::SubmitBatchRequest& request) override;
  void awaitOutcomes(v1::AwaitOutcomesResponse& out,
                     const v1::AwaitOutcomesRequest& request) override;
  void getOutcome(v1::GetOutcomeResponse& out, const v1::GetOutcomeRequest& request) override;
  void beginTransaction(v1::BeginResponse& out, const v1::BeginRequest& request) override;
  void execute(v1::ExecuteResponse& out, const v1::ExecuteRequest& request) override;
  void commit(v1::CommitResponse& out, const v1::CommitRequest& request) override;
  void rollback(v1::RollbackResponse& out, const v1::RollbackRequest& request) override;
  void getServerInfo(v1::GetServerInfoResponse& out,
                     const v1::GetServerInfoRequest& request) override;

 private:
  using Outcomes = Gather<Result<TransactionOutcome>>;
  static void parse(const v1::Transaction& transaction, const v1::CallContext& context,
                    const Where& where, SubmitRequest& out);
  /// Fills the gtids of replies that are still pending and have a key, and refuses those whose key
  /// was used with another body.
  struct PendingKey {
    std::string key;     ///< empty: none
    std::string digest;  ///< of the body
  };
  static PendingKey pending_key(const SubmitRequest& request);
  void name_pending(const std::vector<PendingKey>& keys,
                    std::vector<std::optional<SubmitReply>>& replies);
  access::GuardedCoordinator& port() const { return port_of(access_); }
  Duration bounded_ms(std::int32_t ms) const;
  SubmitReply end(const Gtid& gtid, bool commit);

  const CoordinatorAccess& access_;
  const protocol::Principal by_;
  const WaitLimits& limits_;
  const std::stop_token& stop_;
  const Logger& logger_;
  std::set<Gtid> begun_;  // on this connection, not detached, not ended
};

}  // namespace troth::thrift
