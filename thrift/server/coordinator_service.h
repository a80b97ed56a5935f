#pragma once
// The Coordinator service: requests to the engine, and bounded waits for its answers.

#include <troth_idl/Coordinator.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/gather.h"
#include "os/logging.h"
#include "protocol/ports.h"
#include "thrift/convert/convert_common.h"
#include "troth/server_info.h"

namespace troth::thrift {

struct WaitLimits {
  Duration default_deadline;  ///< for a submit that names none
  Duration max_wait;          ///< the longest any call waits
  Duration grace;             ///< beyond a deadline, for the engine's answer
};

/// Thread-safe. `port` may be null (a participant): then only getServerInfo works.
class CoordinatorService final : public v1::CoordinatorIf {
 public:
  CoordinatorService(protocol::CoordinatorPort* port, ServerInfo info, WaitLimits limits,
                     std::stop_token stop, Logger logger);

  void submit(v1::SubmitResponse& out, const v1::SubmitRequest& request) override;
  /// The two halves of submit(), for a caller that does not wait on a thread: what is to be submitted,
  /// and what to answer. Both throw declared exceptions.
  static SubmitRequest parse_submit(const v1::SubmitRequest& request);
  static v1::SubmitResponse answer_of(SubmitReply&& reply);
  /// What is said when patience() has passed without an outcome. `gtid` may be nil.
  [[noreturn]] static void throw_pending(const Gtid& gtid);
  Duration patience(const SubmitRequest& request) const;
  protocol::CoordinatorPort& port() const;  ///< throws for a participant
  /// As engines measure time.
  static MonotonicTime monotonic(std::chrono::steady_clock::time_point at) {
    return {std::chrono::duration_cast<Duration>(at.time_since_epoch())};
  }
  /// What was submitted quietly.
  void settle() const {
    if (port_ != nullptr) port_->settle();
  }
  void submitBatch(v1::SubmitBatchResponse& out, const v1::SubmitBatchRequest& request) override;
  void awaitOutcomes(v1::AwaitOutcomesResponse& out,
                     const v1::AwaitOutcomesRequest& request) override;
  void getOutcome(v1::GetOutcomeResponse& out, const v1::GetOutcomeRequest& request) override;
  void beginTransaction(v1::BeginResponse& out, const v1::BeginRequest& request) override;
  void execute(v1::ExecuteResponse& out, const v1::ExecuteRequest& request) override;
  void commit(v1::CommitResponse& out, const v1::CommitRequest& request) override;
  void rollback(v1::RollbackResponse& out, const v1::RollbackRequest& request) override;
  /// The client served by the calling thread is gone: what it began and did not finish is rolled
  /// back, unless detached.
  void connection_closed();
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
  Duration bounded_ms(std::int32_t ms) const;
  SubmitReply end(const Gtid& gtid, bool commit);

  std::mutex begun_mutex_;
  std::map<std::thread::id, std::set<Gtid>> begun_;  // guarded by begun_mutex_; by connection

  protocol::CoordinatorPort* port_;
  const ServerInfo info_;
  const WaitLimits limits_;
  const std::stop_token stop_;
  const Logger logger_;
};

}  // namespace troth::thrift
