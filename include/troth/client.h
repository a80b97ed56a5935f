#pragma once
// The client library. It speaks to a coordinator (everything), or to any daemon (status and
// transactions). No Thrift type appears here.
//
// kTimeout from submit() means that the outcome is unknown: the transaction may be committed. Ask
// get_outcome(). Submit a request again only with the same idempotency key.

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
  /// Directory with ca.crt, tls.crt and tls.key, as `troth cert` makes it; read again when its files
  /// change. "": the variable TROTH_TLS_DIR, and without it plain TCP.
  std::string tls_dir = {};
  std::string target = "coordinator";  ///< what error sentences call the other side
};

/// One connection, opened at the first call and re-opened when it broke. Not thread-safe: one
/// Client per thread. Errors of every call: kUnavailable "cannot reach the coordinator at
/// 127.0.0.1:7420: Connection refused", or a sentence about a refused certificate (nothing was sent), kTimeout (sent, no answer: unknown),
/// kInvalidArgument (the server names the field), kNotFound, kBusy, kIllegalState, kInternal.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Waits for the outcome until the request's deadline and a little more (call_timeout if it has
  /// none). If the answer is lost, a request with an idempotency key is sent again over new
  /// connections until then. A request without a key is never sent twice: kTimeout at once. A
  /// refusal before a transaction exists is in the reply, not an error.
  Result<SubmitReply> submit(const SubmitRequest& request);
  /// The two halves of submit(), without its repetitions: for a thread that serves several clients.
  /// Call finish_submit() when submit_fd() is readable; earlier, it waits. If begin_submit() fails,
  /// nothing was sent. If finish_submit() fails, the outcome is unknown (kTimeout), as for
  /// submit().
  Status begin_submit(const SubmitRequest& request);
  Result<SubmitReply> finish_submit();
  /// -1 while nothing was begun.
  int submit_fd() const;
  /// Submits all requests and waits at most `wait` for all outcomes. The replies have the order of
  /// the requests. A request still undecided has outcome kPending (its gtid only with a key).
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
  /// Ends the pause before the next attempt ("" = of all); returns how many transactions try now.
  Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by);
  /// A decision by hand, on a participant. kIllegalState "refused: ...": a reachable node knows the
  /// decision, or the state has changed.
  Result<ResolveReply> resolve(const ResolveRequest& request);
  Result<ResolveReply> forget(const ForgetRequest& request);
  /// A coordinator stops waiting for a participant that will never come back, or stops showing what
  /// it owed.
  Result<LostReply> declare_lost(const LostRequest& request);
  /// kIllegalState "refused: ...": it is connected, configured, or something is owed.
  Result<ForgetPeerReply> forget_peer(const ForgetPeerRequest& request);
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
