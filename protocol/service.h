#pragma once
// The seams between the public faces (Thrift services, HTTP later) and the engines. Requests are
// posted to the engine; answers come through a callback on an engine thread: it must not block.
// Thread-safe.

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/measurement.h"
#include "base/result.h"
#include "protocol/locks.h"
#include "protocol/message.h"
#include "protocol/operators.h"
#include "protocol/transport.h"

namespace troth::protocol {

struct BranchRequest {
  NodeName participant;
  std::vector<Statement> statements;
  std::uint32_t executed = 0;  ///< interactive: it has executed so many times, and is to prepare
};

struct SubmitRequest {
  std::vector<BranchRequest> branches;
  std::string idempotency_key;  ///< at most 128 bytes; empty = none
  Duration deadline{0};         ///< time to reach a decision; 0 = the server's default
  /// Among several participants; none: the coordinator's default.
  std::optional<CommitProtocol> protocol;
  AnswerAt answer_at = AnswerAt::kDecided;
  std::string traceparent;
  std::string client_name;
  std::string comment;
  std::uint32_t retries =
      0;                  ///< how often it is started again, with its age, after a lost conflict
  MonotonicTime arrived;  ///< at this process; {} = nobody looked
};

struct BranchResult {
  NodeName participant;
  std::vector<StatementResult> results;
};

struct TransactionOutcome {
  Gtid gtid;
  Outcome outcome = Outcome::kInDoubt;
  AbortReason reason;                 ///< for kAborted; for kInDoubt: why it is not known yet
  std::vector<BranchResult> results;  ///< for kCommitted, in branch order; empty when replayed
  bool replayed = false;              ///< the first answer of this idempotency key, repeated
  std::uint32_t attempts = 1;         ///< how often it was started; the gtid is the last one's
};

/// Refusals before a transaction exists, e.g. kBusy with a hint when to come back.
struct Refusal {
  Error error;
  AbortCode code = AbortCode::kNone;
  Duration retry_after{0};
};

struct SubmitReply {
  std::optional<Refusal> refusal;  ///< set: nothing was started
  TransactionOutcome outcome;
};

/// One line of `troth txn list`.
struct TransactionSummary {
  Gtid gtid;
  std::string state;  ///< preparing, deciding, committing, aborting, one_phase, prepared, ...
  std::string protocol;
  std::int64_t age_ms = 0;
  std::string decision;               ///< commit, abort, or "" while undecided
  std::vector<NodeName> waiting_for;  ///< who blocks it
  std::int32_t attempts = 0;
  std::int64_t next_retry_ms = -1;  ///< -1 = none planned
  std::string comment;
};
struct BranchDetail {
  NodeName participant;
  std::string vote;   ///< yes, no, read_only, or "" while unknown
  std::string state;  ///< executing, prepared, committed, acked, ...
  std::int32_t attempts = 0;
  std::string last_error;
  std::vector<std::string> statements;  ///< SQL texts without parameters
};
struct TransactionDetail {
  TransactionSummary summary;
  std::vector<BranchDetail> branches;
  std::string explanation;  ///< what it waits for and whether data is at risk, one or two sentences
  std::vector<std::string> events;  ///< timeline, oldest first, bounded
  std::string revision;             ///< of the state shown, for resolve; "" = nothing to resolve
  // A participant's:
  std::vector<LockedResource> locks;  ///< that it holds or waits for; cut
  bool more_locks = false;
  std::vector<BlockedTransaction> blocked;  ///< who waits for it, longest first; cut
  std::uint64_t blocked_total = 0;
  std::uint64_t gave_up = 0;  ///< who waited for it and voted no, since the start
};

/// How long one phase took for the transactions since the start.
struct PhaseLatency {
  std::string phase;  ///< queue, prepare, log_decision, commit
  std::uint64_t sum_ns = 0;
  /// Largest value of a bucket (LatencyHistogram) -> how many.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets_ns;
};

struct NodeStatus {
  NodeName name;
  Role role = Role::kCoordinator;
  std::string state;  ///< ready, recovering, draining
  NodePosition position;
  Lsn appended;
  std::int64_t up_ms = 0;
  std::string version;
  std::vector<LinkStatus> links;
  std::vector<std::pair<std::string, std::uint64_t>>
      counters;  ///< stable names: forced_writes, messages_sent, committed, ...
  std::uint64_t in_doubt = 0;
  std::int64_t oldest_in_doubt_ms = 0;
  std::vector<std::string> alarms;   ///< sentences; not empty = a human is needed
  std::vector<PhaseLatency> phases;  ///< a coordinator's

  /// To all peers.
  std::uint64_t bytes_sent() const {
    std::uint64_t sum = 0;
    for (const auto& link : links) sum += link.bytes_sent;
    return sum;
  }
};

/// Opens an interactive transaction.
struct BeginRequest {
  Duration deadline{0};      ///< from begin to decision; 0 = the server's default
  Duration idle_timeout{0};  ///< longest pause between two requests; 0 = the server's default
  AnswerAt answer_at = AnswerAt::kDecided;
  std::optional<CommitProtocol> protocol;  ///< none: the coordinator's default
  bool detached = false;                   ///< it outlives the connection it was begun on
  Gtid retry_of;  ///< a transaction that lost a conflict: this one gets its age (nil: none)
  std::string traceparent;
  std::string client_name;
  std::string comment;
};
struct BeginReply {
  std::optional<Refusal> refusal;
  Gtid gtid;
  Duration deadline{0}, idle_timeout{0};  ///< what applies
};
struct ExecuteReply {
  std::optional<Refusal> refusal;  ///< set: nothing was executed, the transaction is as before
  std::optional<TransactionOutcome> ended;  ///< set: the transaction is over (kAborted)
  std::vector<StatementResult> results;     ///< one per statement
};

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
  /// Called back at the first definite outcome (or at once if there is one), not before. Bounded by
  /// the caller's own wait.
  virtual void await_outcome(const Gtid& gtid, OutcomeDone done) = 0;
};

enum class TransactionFilter : std::uint8_t { kAll = 0, kInDoubt = 1, kActive = 2, kRecent = 3 };

struct ListRequest {
  TransactionFilter filter = TransactionFilter::kAll;
  std::size_t limit = 100;
  std::string after;  ///< `next` of the page before; "" = the first page
};

struct TransactionPage {
  std::vector<TransactionSummary> transactions;
  std::string next;  ///< cursor of the page that follows; "" = this is the last
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
