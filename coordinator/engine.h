#pragma once
// The coordinator's engine: owns every transaction, its promises and timers. Passive: called by one
// thread (EngineLoop, or a simulator); asks no clock, touches no file or socket itself.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/boxed.h"
#include "base/gtid_map.h"
#include "base/timer_heap.h"
#include "base/trace.h"
#include "coordinator/meters.h"
#include "coordinator/remembered_outcomes.h"
#include "engine/checkpointer.h"
#include "engine/durability_gate.h"
#include "engine/engine_loop.h"
#include "os/logging.h"
#include "protocol/global_commit.h"
#include "protocol/one_phase_commit.h"
#include "protocol/ports.h"
#include "protocol/record_log.h"
#include "protocol/transport.h"
#include "recovery/action_table.h"
#include "recovery/coordinator_replay.h"
#include "recovery/operator_book.h"
#include "recovery/peer_table.h"

namespace troth::coordinator {

struct EngineOptions {
  NodeName name;
  LogId log_id;
  Epoch epoch;
  std::map<NodeName, std::string> participants;       ///< name -> host:port
  Duration prepare_timeout{std::chrono::seconds(2)};  ///< of a transaction that names no deadline
  Duration interactive_deadline{std::chrono::seconds(60)};  ///< likewise, from begin to decision
  Duration idle_timeout{std::chrono::seconds(10)};  ///< an interactive one nobody talks to is ended
  protocol::RetryPolicy resend;
  /// Of a transaction that names none.
  CommitProtocol protocol = CommitProtocol::kTwoPhase;
  protocol::SuspicionPolicy suspicion;  ///< three-phase
  Duration key_retention{std::chrono::hours(24)};
  std::size_t max_in_flight = 10000;
  std::size_t max_recent = 200000;  ///< outcomes of ended transactions kept in memory
  std::uint64_t checkpoint_bytes = std::uint64_t{128} << 20;
  SpanSink* spans = nullptr;  ///< where spans of sampled transactions go; outlives the engine
};

class Engine {
 public:
  Engine(EngineOptions options, protocol::RecordLog& log, protocol::Transport& transport,
         Logger logger);

  /// Before serving: what the log says of earlier epochs.
  void adopt(recovery::CoordinatorTables tables, Now now);

  // clients
  void submit(SubmitRequest&& request, protocol::CoordinatorPort::SubmitDone&& done, Now now);
  void get_outcome(const Gtid& gtid, bool wait, protocol::CoordinatorPort::OutcomeDone done,
                   Now now);
  void get_outcome_by_key(const std::string& key, protocol::CoordinatorPort::OutcomeDone done,
                          Now now);

  // interactive transactions (engine_interactive.cc)
  void begin(BeginRequest request, protocol::InteractivePort::BeginDone done, Now now);
  void execute(const Gtid& gtid, BranchRequest request, protocol::InteractivePort::ExecuteDone done,
               Now now);
  void commit(const Gtid& gtid, protocol::InteractivePort::SubmitDone done, Now now);
  void rollback(const Gtid& gtid, protocol::InteractivePort::SubmitDone done, Now now);

  // peers
  void on_batch(protocol::Batch batch, Now now);
  protocol::HelloReply on_hello(const protocol::Hello& hello, Now now);
  protocol::Hello make_hello(const NodeName& peer) const;
  bool on_hello_reply(const NodeName& peer, const protocol::HelloReply& reply, Now now);
  void on_link(const LinkStatus& status);

  // log
  void on_durable(Lsn durable, Now now);

  // timers
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);
  void end_of_round(Now now);
  /// One transaction is under way, and perhaps the one before still waits for its acks: whoever has
  /// something for the engine may wait for it.
  bool alone() const { return live_.size() + open_.size() <= 2; }
  /// What the end of the round forced by itself, because nobody else needed this thread. The caller
  /// tells on_durable(), with the time that it is then.
  std::optional<Lsn> take_forced() { return std::exchange(forced_here_, std::nullopt); }

  /// host:port under which peers reach this node; before the links are started.
  void set_own_address(std::string address) { own_address_ = std::move(address); }
  /// For transactions that come from now on.
  void set_limits(Duration prepare_timeout, std::size_t max_in_flight) {
    options_.prepare_timeout = prepare_timeout;
    options_.max_in_flight = max_in_flight;
  }
  /// Participants that were added or moved. One that is not named any more stays: it may hold what
  /// this node decided.
  void set_participants(const std::map<NodeName, std::string>& participants);
  void drain() { standing_.drain(); }
  /// Aborts whatever is not decided yet (end of the grace time).
  void cancel_undecided(Now now);
  /// Transactions whose client still waits for an answer.
  std::size_t unanswered() const;

  std::function<void(const Error&)> on_fatal;

  // operators
  NodeStatus status(Now now) const;
  Result<TransactionPage> list(const ListRequest& request, Now now) const;
  Result<TransactionDetail> show(const std::string& id, Now now) const;
  Result<std::int64_t> retry(const std::string& id, const Operator& by, Now now);
  Result<ResolveReply> resolve(const ResolveRequest& request, Now now);
  using ResolveDone = std::function<void(Result<ResolveReply>)>;
  using LostDone = std::function<void(Result<LostReply>)>;
  /// Of what a lost participant owed; both are answered when it is durable (engine_lost.cc).
  void forget(const ForgetRequest& request, ResolveDone done, Now now);
  void declare_lost(const LostRequest& request, LostDone done, Now now);
  using DrainDone = std::function<void(Status)>;
  /// Lasts until it is resumed, over restarts too.
  void drain_participant(const NodeName& name, bool drain, const Operator& by, DrainDone done,
                         Now now);
  bool is_drained(const NodeName& name) const { return operators_.is_drained(name); }
  std::vector<AuditEntry> audit_trail(std::size_t limit) const { return operators_.audit(limit); }
  void measure(Measurements& out, Now now) const;
  /// How long the scan of the log took, once.
  void measured_recovery(Duration took);

 private:
  using Machine = std::variant<protocol::GlobalCommit, protocol::OnePhaseCommit>;
  /// One of several tries of a request; all of them share its age and deadline.
  struct Attempt {
    SubmitRequest request;  // retries: how many are left
    std::string digest;
    Priority priority;  // nil gtid: this is the first
    MonotonicTime deadline;
    std::uint32_t number = 1;
  };
  /// One line of a timeline; made into text only when somebody looks.
  struct Event {
    enum class Kind : std::uint8_t {
      kState,
      kRecord,
      kVote,
      kReleased,
      kAck,
      kWound,
      kSays,
      kLost
    };
    Kind kind = Kind::kState;
    std::string_view what;           ///< a literal: the state, record type, vote or decision
    const NodeName* from = nullptr;  ///< one of options_.participants
    Lsn lsn;                         ///< of a record
    Duration after{0};
  };
  /// The same in half the bytes: nearly every transaction in flight has several.
  class PackedEvent {
   public:
    explicit PackedEvent(const Event& event);
    Event unpack() const;

   private:
    const char* what_;
    std::uint64_t about_;     // the LSN of a record, otherwise whom it is from
    std::uint32_t after_us_;  // at most 71 minutes
    std::uint8_t what_size_;
    Event::Kind kind_;
  };
  struct Transaction {
    explicit Transaction(Machine m) : machine(std::move(m)) {}
    /// Made where it stays.
    template <class M>
    Transaction(std::in_place_type_t<M> kind, typename M::Setup&& setup)
        : machine(kind, std::move(setup)) {}
    Machine machine;
    Lsn promise_lsn;  // its last forced record
    MonotonicTime since;
    std::vector<protocol::CoordinatorPort::SubmitDone> clients;
    std::vector<PackedEvent> events;  // timeline, bounded
    Boxed<Gtid> gave_way_to;          // of the event kWound
    TimerPlace timer;                 // in timers_; never later than it wants
    bool answered = false;
    bool owns_key = false;                   // its idempotency key is in flight for it
    MonotonicTime decided, decided_durably;  // {} = not in this incarnation
    std::uint32_t attempt = 1;
    std::unique_ptr<Attempt> again;       // what to start anew if it loses a conflict
    Boxed<Priority> age;                  // of an interactive one, for its client's next try
    std::unique_ptr<TraceContext> trace;  // its client's, if a span is to be written

    /// "" unless owns_key.
    const std::string& key() const;
  };
  /// An interactive transaction before its commit is asked for: nothing of it is in any log.
  struct Open {
    struct Branch {
      NodeName participant;
      std::uint32_t executed = 0;  // EXECUTEs that were answered
      Epoch epoch;                 // of the participant, which must not change
    };
    struct Running {
      protocol::Execute message;
      NodeName participant;
      protocol::InteractivePort::ExecuteDone done;
      MonotonicTime next_resend;
      std::uint32_t attempts = 0;
    };
    Priority priority;
    BeginRequest request;
    std::unique_ptr<TraceContext> trace;
    MonotonicTime since, deadline, last_use;
    std::vector<Branch> branches;
    std::optional<Running> running;
  };
  /// Of a traced transaction to its participants; each becomes a span.
  struct Calls {
    struct Call {
      NodeName to;
      std::string_view method;  // a literal
      MonotonicTime since;
      bool ended = false;
    };
    TraceContext own;  // of the transaction's span
    std::vector<Call> all;
  };
  /// A one-phase transaction of an earlier epoch that somebody asks about: every participant is
  /// asked.
  struct Search {
    std::vector<NodeName> unanswered;
    std::vector<protocol::CoordinatorPort::OutcomeDone> waiting;    // for a definite outcome
    std::vector<protocol::CoordinatorPort::OutcomeDone> impatient;  // IN_DOUBT at the first repeat
    std::uint32_t attempts = 0;
    MonotonicTime next_ask;
  };

  std::optional<Refusal> validate(const SubmitRequest& request) const;
  static std::optional<Refusal> refuse_length(const NodeName& participant,
                                              const std::vector<Statement>& statements);
  std::optional<Refusal> admit() const;
  bool answered_by_key(const SubmitRequest& request, const std::string& digest,
                       protocol::CoordinatorPort::SubmitDone& done, Now now);
  using SubmitDone = protocol::SubmitDone;
  void start_two_phase(Attempt&& attempt, std::vector<SubmitDone>&& clients, Now now);
  std::optional<Refusal> not_open(const Gtid& gtid, bool may_run,
                                  std::optional<TransactionOutcome>& ended);
  void send_execute(const Gtid& gtid, Open& open, Now now);
  void on_execute_result(const NodeName& from, const protocol::ExecuteResult& result, Now now);
  TransactionOutcome abort_open(Gtid gtid, AbortReason reason, Now now);
  void abort_open_at(const NodeName& peer, Epoch epoch, Now now);
  void remember_age(const Gtid& gtid, const Priority& priority);
  void tick_open(const Gtid& gtid, Now now);
  void schedule_open(const Gtid& gtid, const Open& open);
  void on_wound(const NodeName& from, const protocol::Wound& wound, Now now);
  bool lost_a_conflict(Transaction& txn, const TransactionOutcome& outcome, Now now);
  void start_again(Now now);
  void start_one_phase(SubmitRequest request, std::string digest,
                       protocol::CoordinatorPort::SubmitDone done, Now now);
  Gtid mint(Decider decider);
  protocol::Member member(const NodeName& name) const;

  /// `known`: the same name as this node knows it; nullptr: it does not.
  void handle(const NodeName& from, const NodeName* known, protocol::Message&& message, Now now);
  bool on_unknown_member(const NodeName& from, const protocol::Message& message, Now now);
  void on_unknown(const NodeName& from, const protocol::Message& message, Now now);
  void on_one_phase_result(const NodeName& from, const protocol::OnePhaseResult& result, Now now);
  void on_restarted(const NodeName& peer, Now now);
  void poke(const Gtid& gtid, Now now);
  void search(const Gtid& gtid, bool wait, protocol::CoordinatorPort::OutcomeDone done, Now now);
  void ask_again(const Gtid& gtid, Search& search, Now now);
  void judge(const recovery::PeerTable::Judgement& judgement, const NodeName& peer, Now now);

  void step(Transaction& txn, protocol::GlobalCommit::Event&& event, Now now);
  void step(Transaction& txn, const protocol::OnePhaseCommit::Event& event, Now now);
  void carry_out(Transaction& txn, protocol::EffectsOf<TransactionOutcome>&& effects, Now now);
  void release(DurabilityGate::Due&& due, Now now);
  void answer(const Gtid& gtid, TransactionOutcome&& outcome, Now now);
  void finish(const Gtid& gtid, Now now);
  void measure_decided(Transaction& txn, Now now);
  /// A call of a traced transaction: its message names the span that will be written when the
  /// answer is there.
  void begin_call(const Gtid& gtid, const Transaction& txn, protocol::OutgoingNow& out, Now now);
  void begin_calls(const DurabilityGate::Due& due, Now now);
  void begin_call(const Gtid& gtid, const Transaction* txn, const NodeName& to,
                  std::string_view method, std::string* traceparent, Now now);
  void end_call(const Gtid& gtid, const NodeName& to, std::string_view method,
                const std::string& error, Now now);
  void end_calls(const Gtid& gtid, const std::string& error, Now now);
  /// Nothing unless a span is to be written. Else participants' spans hang below this one's.
  std::unique_ptr<TraceContext> join_trace(const Gtid& gtid, std::string& traceparent) const;
  void end_recovered_span(const protocol::GlobalCommit& machine, MonotonicTime since,
                          Now now) const;
  void end_span(const TraceContext& above, const char* name, const TransactionOutcome& outcome,
                Duration lasted, Now now) const;
  static Meters::Protocol label_of(const Transaction& txn);
  void measure_answer(const Transaction& txn, const TransactionOutcome& outcome, Now now);
  void remember(const TransactionOutcome& outcome, MonotonicTime now);
  static std::string kept_comment(const std::string& comment);
  void send_prepares(const Gtid& gtid, const Transaction& txn,
                     const std::vector<protocol::PrepareTo>& prepares, Now now);
  void publish();
  /// Nobody else would be served sooner if another thread forced the log, or only a little.
  bool may_force_here() const {
    constexpr std::size_t kFew = 32;
    return alone() || (log_.forces_quickly() && live_.size() + open_.size() <= kFew);
  }
  void append(const protocol::Record& record);
  void choose_protocol(protocol::GlobalCommit::Setup& setup,
                       std::optional<CommitProtocol> asked) const;
  void append_live(const protocol::GlobalCommit& machine);
  void adopt_undecided(const recovery::UndecidedQuorum& undecided, Now now);
  void schedule(Transaction& txn, const Gtid& gtid, std::optional<MonotonicTime> wake);
  GtidMap<Transaction>::iterator erase(GtidMap<Transaction>::iterator at);
  void checkpoint_if_due(Now now);
  void copy_forward(Now now);
  bool minted(const Gtid& gtid) const;
  bool may_presume(const Gtid& gtid) const;
  std::vector<NodeName> unreachable() const;
  const Transaction* find(const std::string& id, std::string& problem) const;
  TransactionSummary summary_of(const Gtid& gtid, const Open& open, Now now) const;
  TransactionSummary summary_of_ended(const Gtid& gtid, const RememberedOutcomes::View& known,
                                      Now now) const;
  TransactionSummary summary_of(const Transaction& txn, Now now) const;
  Result<TransactionDetail> show_ended(const std::string& id, Now now) const;
  const std::pair<const Gtid, Open>* find_open(const std::string& id) const;
  TransactionDetail show_open(const Gtid& gtid, const Open& open, Now now) const;
  void note(Transaction& txn, Event event, Now now);
  static std::string text_of(const Transaction& txn, const Event& event);
  bool is_connected(const NodeName& peer) const;
  std::vector<Gtid> owed_by(const NodeName& participant) const;
  std::vector<Gtid> unconfirmed_by(const NodeName& participant) const;
  std::vector<Gtid> unconfirmed() const;
  Result<LostReply> plan_lost(const LostRequest& request, const std::vector<Gtid>& gtids) const;
  Result<LostReply> plan_forget_lost(const LostRequest& request,
                                     const std::vector<Gtid>& gtids) const;
  Result<ResolveReply> plan_forget(const ForgetRequest& request) const;
  Status may_forget(const Gtid& gtid, const NodeName& participant) const;
  void give_up(const Gtid& gtid, const NodeName& participant, Now now);
  void give_up_again(Now now);
  void tell_what_was_given_up(const NodeName& participant);
  void confirmed_after_all(const NodeName& from, const Gtid& gtid, Now now);
  TransactionSummary summary_of_unconfirmed(const Gtid& gtid, Now now) const;
  TransactionDetail show_unconfirmed(const Gtid& gtid, Now now) const;
  void show_lost(NodeStatus& status) const;
  tl::unexpected<Error> why_not(const std::string& id, Now now) const;
  void audit(const std::string& action, const std::string& subject, const std::string& result,
             const Operator& by, Now now);
  const NodeName* participant(const NodeName& name) const;
  static TransactionOutcome outcome_of(const Gtid& gtid, const RememberedOutcomes::View& known);
  protocol::RetryPolicy resend() const;

  EngineOptions options_;
  protocol::RecordLog& log_;
  Reports reports_;
  Standing standing_;
  DurabilityGate gate_;
  recovery::PeerTable peers_;
  protocol::AdoptedRecord adopted_;
  GtidMap<Transaction> live_;
  std::map<Gtid, Open> open_;
  std::unordered_map<Gtid, Priority> ages_;  // of interactive ones that lost a conflict, bounded
  std::deque<Gtid> ages_order_;
  RememberedOutcomes recent_;
  Gtid horizon_;  // outcomes of ended gtids below it are forgotten
  std::unordered_map<std::string, protocol::KeyRecord> keys_;  // finished ones
  std::unordered_map<std::string, std::pair<Gtid, std::string>>
      keys_in_flight_;  // key -> gtid, digest
  std::unordered_map<Gtid, std::vector<protocol::CoordinatorPort::OutcomeDone>> awaiting_;
  std::map<Gtid, Search> searches_;
  std::optional<Lsn> forced_here_;
  std::vector<std::pair<Attempt, std::vector<SubmitDone>>> again_;  // lost a conflict in this step
  /// Precommitted before this log was copied and adopted: promises may be missing, so this node
  /// takes no part in their ballots.
  std::map<Gtid, recovery::UndecidedQuorum> before_adoption_;
  TimerHeap<Transaction> timers_;
  std::multimap<MonotonicTime, Gtid> other_timers_;  // of open ones and searches; never taken back
  std::unordered_map<Gtid, Calls> calls_;            // empty unless somebody traces
  std::map<NodeName, LinkStatus> links_;
  Meters meters_;
  recovery::OperatorBook operators_;
  std::multimap<Lsn, std::function<void()>> operators_waiting_;  // to be told when durable
  std::uint64_t next_sequence_ = 1;
  std::string own_address_;
  protocol::LinkState published_;
  /// END records that are not durable yet, without those behind which a smaller gtid has ended:
  /// the first gtid is the smallest of all.
  std::deque<std::pair<Lsn, Gtid>> ends_;
  Lsn told_;  // everything at or below it is durable and has been acted on
  Checkpointer checkpointer_;
  MonotonicTime started_;
};

}  // namespace troth::coordinator
