#pragma once
// The ports of a daemon: the calls that Thrift services and the HTTP port make into its engine. A
// client's call posts a request to the engine and returns. The answer comes through a callback on
// an engine thread, which must not block. An operator's call (AdminPort) waits for its answer.
// Thread-safe.

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/measurement.h"
#include "protocol/operators.h"
#include "protocol/outcome.h"
#include "troth/requests.h"
#include "troth/result.h"
#include "troth/views.h"

namespace troth::protocol {

/// The receiver of one request's reply: a function, or one slot of a Waiter that waits for many
/// replies. Called once, on any thread; must not block.
class SubmitDone {
 public:
  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual void answer(std::uint64_t slot, SubmitReply&& reply) = 0;
  };

  SubmitDone(std::shared_ptr<Waiter> waiter, std::uint64_t slot)
      : waiter_(std::move(waiter)), slot_(slot) {}
  template <class Function>
  requires std::invocable<Function&, SubmitReply> SubmitDone(
      Function function)  // NOLINT(google-explicit-constructor): as std::function
      : waiter_(std::make_shared<Called<Function>>(std::move(function))) {}
  void operator()(SubmitReply&& reply) const { waiter_->answer(slot_, std::move(reply)); }

 private:
  template <class Function>
  struct Called final : Waiter {
    explicit Called(Function f) : function(std::move(f)) {}
    void answer(std::uint64_t, SubmitReply&& reply) override { function(std::move(reply)); }
    Function function;
  };
  std::shared_ptr<Waiter> waiter_;
  std::uint64_t slot_ = 0;
};

/// Interactive transactions: later statements of the same transaction see what a statement wrote.
/// No other transaction sees it before the commit.
class InteractivePort {
 public:
  virtual ~InteractivePort() = default;
  using SubmitDone = protocol::SubmitDone;
  using BeginDone = std::function<void(BeginReply)>;
  using ExecuteDone = std::function<void(ExecuteReply)>;
  virtual void begin(BeginRequest request, BeginDone done) = 0;
  /// One at a time per transaction. A statement that fails aborts the transaction.
  virtual void execute(const Gtid& gtid, BranchRequest request, ExecuteDone done) = 0;
  virtual void commit(const Gtid& gtid, SubmitDone done) = 0;
  virtual void rollback(const Gtid& gtid, SubmitDone done) = 0;
  /// How many transactions may wait for their client or their participants at once.
  virtual std::size_t capacity() const { return std::numeric_limits<std::size_t>::max(); }
};

/// The calls of the Coordinator service into the coordinator's engine.
class CoordinatorPort : public InteractivePort {
 public:
  using OutcomeDone = std::function<void(Result<TransactionOutcome>)>;
  /// kBusy is reported through the callback's refusal, never by waiting.
  virtual void submit(SubmitRequest request, SubmitDone done) = 0;
  /// Like submit(), without waking the engine. The caller must call settle() after its last
  /// request.
  virtual void submit_quietly(SubmitRequest request, SubmitDone done) {
    submit(std::move(request), std::move(done));
  }
  /// Each as by submit(); slot i of `waiter` receives the reply to requests[i].
  virtual void submit_all(std::vector<SubmitRequest> requests,
                          const std::shared_ptr<SubmitDone::Waiter>& waiter) {
    for (std::size_t i = 0; i < requests.size(); ++i)
      submit(std::move(requests[i]), SubmitDone(waiter, i));
  }
  /// Starts the requests of submit_quietly(), perhaps on this thread. Waits for no other node.
  virtual void settle() {}
  /// The outcome as known now: kPending while undecided. kNotFound: minted by another coordinator.
  virtual void get_outcome(const Gtid& gtid, OutcomeDone done) = 0;
  virtual void get_outcome_by_key(const std::string& key, OutcomeDone done) = 0;
  /// The same for the request with this key and body; kAlreadyExists: another body used the key.
  virtual void get_outcome_of(const std::string& key, const std::string& /*digest*/,
                              OutcomeDone done) {
    get_outcome_by_key(key, std::move(done));
  }
  /// Calls back at the first definite outcome, immediately if there is one. The caller's own wait
  /// bounds it.
  virtual void await_outcome(const Gtid& gtid, OutcomeDone done) = 0;
};

/// The calls of the Admin service into the engine of either daemon.
class AdminPort {
 public:
  virtual ~AdminPort() = default;
  virtual Result<NodeStatus> status() = 0;
  /// A coordinator: live transactions, oldest first, then ended ones, newest first. A participant:
  /// by gtid. A caller that follows the cursors sees every transaction that was there all the time,
  /// and none twice in the same state. kInvalidArgument: no such cursor.
  virtual Result<TransactionPage> list_transactions(const ListRequest& request) = 0;
  /// `id` may be a unique prefix or suffix of 6 or more characters. kNotFound otherwise.
  virtual Result<TransactionDetail> show_transaction(const std::string& id) = 0;
  /// Ends the pause between two attempts of a transaction ("" = of all). Always safe. Returns the
  /// number of transactions that try again now.
  virtual Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by) = 0;
  /// A decision by hand. kIllegalState "refused: ..." if a reachable node knows the decision or the
  /// state has changed; kInvalidArgument: no reason or not confirmed.
  virtual Result<ResolveReply> resolve(const ResolveRequest& request) = 0;
  /// Stops showing a decision by hand. Errors as of resolve().
  virtual Result<ResolveReply> forget(const ForgetRequest& request) = 0;
  /// The actions of operators, newest first.
  virtual Result<std::vector<AuditEntry>> audit(std::size_t limit) = 0;
  /// A coordinator: no new transaction touches the participant while it drains. Lasts until
  /// resumed, over restarts too; answered when it is durable.
  virtual Status drain_participant(const NodeName& name, bool drain, const Operator& by) = 0;
  /// A coordinator: stops waiting for a participant that will never come back, or stops showing the
  /// transactions that it owed. Answered when it is durable. Errors as of resolve().
  virtual Result<LostReply> declare_lost(const LostRequest&) {
    return fail(ErrorCode::kUnsupported, "nobody waits here for participants: ask a coordinator");
  }
  /// Stops showing a peer that the settings do not name and that will never come back. Refused
  /// while it owes anything or is owed anything. Answered when it is durable. Errors as of
  /// resolve().
  virtual Result<ForgetPeerReply> forget_peer(const ForgetPeerRequest&) {
    return fail(ErrorCode::kUnsupported, "this node forgets no peers");
  }
  /// A participant: the holders and waiters of the locks of its database.
  virtual Result<LockPage> locks(const LockQuery&) {
    return fail(ErrorCode::kUnsupported, "a coordinator holds no locks: ask its participants");
  }
  /// Everything for /metrics.
  virtual Result<Measurements> measure() { return Measurements{}; }
};

}  // namespace troth::protocol
