#pragma once
// The client library: speaks to a coordinator (everything) or to any daemon (status and
// transactions). No Thrift type appears here.
//
// An unknown outcome is not a failure like others: kTimeout from submit() means the transaction may
// be committed. Ask get_outcome; never submit it again as a new one without an idempotency key.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "troth/operators.h"
#include "troth/requests.h"
#include "troth/result.h"
#include "troth/server_info.h"
#include "troth/views.h"

namespace troth {

struct ClientOptions {
  /// "host:port", tried in order until one connects. The port may be left out: 7420.
  std::vector<std::string> endpoints = {"127.0.0.1:7420"};
  Duration connect_timeout = std::chrono::seconds(2);
  Duration call_timeout = std::chrono::seconds(15);  ///< for calls that have no wait of their own
  Duration interactive_timeout = std::chrono::seconds(65);  ///< for one statement, with its waits
  std::string client_name;                                  ///< shown in logs of the server
  std::string target = "coordinator";  ///< what error sentences call the other side
};

/// One connection, opened at the first call and re-opened when it broke. Not thread-safe: one
/// Client per thread. Errors of every call: kUnavailable "cannot reach the coordinator at
/// 127.0.0.1:7420: Connection refused" (nothing was sent), kTimeout (sent, no answer: unknown),
/// kInvalidArgument (the server names the field), kNotFound, kBusy, kIllegalState, kInternal.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Waits for the outcome until the request's deadline and a little more (call_timeout if it has
  /// none). With an idempotency key a lost answer is asked for again, over new connections, until
  /// then; without one it is kTimeout at once, and nothing is sent twice. A refusal before a
  /// transaction exists is in the reply, not an error.
  Result<SubmitReply> submit(const SubmitRequest& request);
  /// The two halves of submit(), without its repetitions: for a thread that speaks for several
  /// clients. finish_submit() is due when submit_fd() is readable, and waits if it is called
  /// earlier. An error of the first half: nothing was sent. Of the second: kTimeout, as of
  /// submit().
  Status begin_submit(const SubmitRequest& request);
  Result<SubmitReply> finish_submit();
  /// -1 while nothing was begun.
  int submit_fd() const;
  /// Submits all, waits at most `wait` for all of them; replies in the order of the requests. An
  /// item still undecided then has outcome kPending (with its gtid only if it has a key).
  Result<std::vector<SubmitReply>> submit_batch(const std::vector<SubmitRequest>& requests,
                                                Duration wait);
  /// Waits at most `wait` until all are decided; kPending for those that are not, in order.
  Result<std::vector<TransactionOutcome>> await_outcomes(const std::vector<Gtid>& gtids,
                                                         Duration wait);
  /// As known now; kPending while undecided. kNotFound: minted by another coordinator.
  Result<TransactionOutcome> get_outcome(const Gtid& gtid);
  Result<TransactionOutcome> get_outcome_by_key(const std::string& idempotency_key);
  Result<ServerInfo> server_info();

  // Interactive transactions. The server rolls one back when this connection closes, unless it was
  // begun detached; a lost connection is therefore an abort, except during commit().
  Result<BeginReply> begin(const BeginRequest& request);
  /// Waits at most until the transaction's deadline. `ended` in the reply: it is over.
  Result<ExecuteReply> execute(const Gtid& gtid, const BranchRequest& request);
  /// kTimeout: unknown, ask get_outcome.
  Result<SubmitReply> commit(const Gtid& gtid);
  Result<SubmitReply> rollback(const Gtid& gtid);

  // Admin: both daemons.
  Result<NodeStatus> status();
  /// One page; its `next`, as `after` of the next request, asks for the one that follows.
  Result<TransactionPage> list_transactions(const ListRequest& request);
  /// `id` may be a unique prefix or suffix of 6 or more characters.
  Result<TransactionDetail> show_transaction(const std::string& id);
  /// Tries now whatever waits for its back-off; returns how many were poked. "" = all.
  Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by);
  /// A decision by hand, on a participant. kIllegalState "refused: ...": somebody knows the
  /// decision, or the state has moved on.
  Result<ResolveReply> resolve(const ResolveRequest& request);
  Result<ResolveReply> forget(const ForgetRequest& request);
  /// A coordinator stops waiting for a participant that will never come back, or stops showing what
  /// it owed.
  Result<LostReply> declare_lost(const LostRequest& request);
  /// Newest first.
  Result<std::vector<AuditEntry>> audit(std::size_t limit);
  /// Of a participant; kUnsupported from a coordinator.
  Result<LockPage> locks(const LockQuery& query);
  Status drain_participant(const NodeName& name, bool drain, const Operator& by);

  /// host:port of the present connection, empty if there is none.
  std::string connected_to() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace troth
