#pragma once
// The seams between the public faces (Thrift services, HTTP) and the engines. Requests are posted
// to the engine; answers come through a callback on an engine thread: it must not block.
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

/// Whom to tell what became of a request: a function, or one of the slots of whoever waits for
/// many. Called once, on any thread; must not block.
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

/// Interactive transactions: what a statement writes is seen by the later ones of the same
/// transaction and by nobody else before the commit.
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

/// What the Coordinator service needs from the coordinator's engine.
class CoordinatorPort : public InteractivePort {
 public:
  using OutcomeDone = std::function<void(Result<TransactionOutcome>)>;
  /// kBusy is reported through the callback's refusal, never by waiting.
  virtual void submit(SubmitRequest request, SubmitDone done) = 0;
  /// The same for a thread that will settle() as soon as it has brought all it has: until then
  /// nobody need be woken.
  virtual void submit_quietly(SubmitRequest request, SubmitDone done) {
    submit(std::move(request), std::move(done));
  }
  /// Each as by submit(); slot i of `waiter` is told what became of requests[i].
  virtual void submit_all(std::vector<SubmitRequest> requests,
                          const std::shared_ptr<SubmitDone::Waiter>& waiter) {
    for (std::size_t i = 0; i < requests.size(); ++i)
      submit(std::move(requests[i]), SubmitDone(waiter, i));
  }
  /// Sees to what was brought quietly, perhaps on this thread. Does not wait for others.
  virtual void settle() {}
  /// The outcome as known now: kPending while undecided. kNotFound: minted by another coordinator.
  virtual void get_outcome(const Gtid& gtid, OutcomeDone done) = 0;
  virtual void get_outcome_by_key(const std::string& key, OutcomeDone done) = 0;
  /// The same for the request with this key and body; kAlreadyExists: another body used the key.
  virtual void get_outcome_of(const std::string& key, const std::string& /*digest*/,
                              OutcomeDone done) {
    get_outcome_by_key(key, std::move(done));
  }
  /// Called back at the first definite outcome (or at once if there is one), not before. Bounded by
  /// the caller's own wait.
  virtual void await_outcome(const Gtid& gtid, OutcomeDone done) = 0;
};

/// What the Admin service needs from either daemon.
class AdminPort {
 public:
  virtual ~AdminPort() = default;
  virtual Result<NodeStatus> status() = 0;
  /// A coordinator: what lives, oldest first, then what ended, newest first. A participant: by
  /// gtid. Who follows the cursors sees everything that was there all the time, and nothing twice
  /// in the same state. kInvalidArgument: no such cursor.
  virtual Result<TransactionPage> list_transactions(const ListRequest& request) = 0;
  /// `id` may be a unique prefix or suffix of 6 or more characters. kNotFound otherwise.
  virtual Result<TransactionDetail> show_transaction(const std::string& id) = 0;
  /// Tries now whatever waits for its back-off. Always safe. Returns how many transactions were
  /// poked. "" = all.
  virtual Result<std::int64_t> retry_transactions(const std::string& id, const Operator& by) = 0;
  /// A decision by hand. kIllegalState "refused: ..." where somebody knows the decision or the
  /// state has moved on; kInvalidArgument: no reason or not confirmed.
  virtual Result<ResolveReply> resolve(const ResolveRequest& request) = 0;
  /// Ends the showing of a decision by hand. Errors as above.
  virtual Result<ResolveReply> forget(const ForgetRequest& request) = 0;
  /// What operators did, newest first.
  virtual Result<std::vector<AuditEntry>> audit(std::size_t limit) = 0;
  /// A coordinator: no new transaction touches the participant while it drains. Lasts until
  /// resumed, over restarts too; answered when it is durable.
  virtual Status drain_participant(const NodeName& name, bool drain, const Operator& by) = 0;
  /// A coordinator: stops waiting for a participant that will never come back, or stops showing
  /// what it owed. Answered when it is durable. Errors as of resolve.
  virtual Result<LostReply> declare_lost(const LostRequest&) {
    return fail(ErrorCode::kUnsupported, "nobody waits here for participants: ask a coordinator");
  }
  /// A participant: who holds the locks of its database, and who waits for them.
  virtual Result<LockPage> locks(const LockQuery&) {
    return fail(ErrorCode::kUnsupported, "a coordinator holds no locks: ask its participants");
  }
  /// Everything for /metrics. A node that measures nothing says so.
  virtual Result<Measurements> measure() { return Measurements{}; }
};

}  // namespace troth::protocol
