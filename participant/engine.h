#pragma once
// The agent's engine: owns every branch, its promises and timers. Passive: it is called by one
// thread (EngineLoop, or a simulator), asks no clock and touches no file or socket itself.
//
// A promise (vote, ack, answer) leaves when the log is durable through
//   max(the branch's last forced record, the newest one-phase commit that its execution may have
//   read):
// nobody outside may ever see work that a power cut could still take back.

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/boxed.h"
#include "base/codec.h"
#include "base/counters.h"
#include "base/gtid_map.h"
#include "base/timer_heap.h"
#include "base/trace.h"
#include "engine/alarms.h"
#include "engine/engine_loop.h"
#include "os/logging.h"
#include "participant/sql_texts.h"
#include "participant/worker_port.h"
#include "protocol/branch.h"
#include "protocol/held_by_lsn.h"
#include "protocol/ports.h"
#include "protocol/quorum_ballot.h"
#include "protocol/record_log.h"
#include "protocol/transport.h"
#include "recovery/operator_book.h"
#include "recovery/participant_replay.h"
#include "recovery/peer_table.h"

namespace troth::participant {

struct EngineOptions {
  NodeName name;
  LogId log_id;
  Epoch epoch;
  protocol::RetryPolicy inquiry;                   ///< how an in-doubt branch asks
  protocol::SuspicionPolicy suspicion;             ///< how three-phase commit replaces a leader
  Duration lock_timeout{std::chrono::seconds(2)};  ///< longest wait for locks, else LOCK_TIMEOUT
  /// How long an older transaction waits for a younger one's locks before it wounds it: most
  /// conflicts end by themselves.
  Duration wound_after{std::chrono::milliseconds(3)};
  Duration wound_again{std::chrono::milliseconds(50)};  ///< a lost wound is repeated
  /// The file is committed at the latest this long after an apply: the longer, the more changes of
  /// one page are written once.
  Duration flush_interval{std::chrono::milliseconds(50)};
  /// Earlier, when for so long nothing has been executing or undecided: nothing more is to be
  /// expected.
  Duration quiet_interval{0};
  std::size_t flush_applies = 2000;  ///< or after so many
  std::size_t quiet_applies = 16;    ///< or after so many, when nothing is executing or undecided
  Duration durable_interval{
      std::chrono::seconds(1)};      ///< fsync of the file's own -wal, which frees log segments
  std::size_t max_branches = 20000;  ///< live ones; more are refused with BUSY
  std::uint64_t checkpoint_bytes = std::uint64_t{128}
                                   << 20;  ///< of log, after which what lives is copied forward
  SpanSink* spans = nullptr;  ///< where spans of sampled branches go; outlives the engine
};

class Engine {
 public:
  Engine(EngineOptions options, protocol::RecordLog& log, protocol::Transport& transport,
         WorkerPort& worker, Logger logger);

  /// Before serving: branches and outcomes of earlier epochs. The resource manager has retaken the
  /// locks already.
  void adopt(recovery::ParticipantTables tables, MonotonicTime now);
  recovery::PeerTable& peers() { return peers_; }

  // what arrives
  void on_batch(protocol::Batch batch, Now now);
  protocol::HelloReply on_hello(const protocol::Hello& hello, Now now);
  protocol::Hello make_hello(const NodeName& peer) const;
  bool on_hello_reply(const NodeName& peer, const protocol::HelloReply& reply, Now now);
  void on_link(const LinkStatus& status);
  void on_durable(Lsn durable, Now now);
  void on_worker(WorkerResult&& result, Now now);
  using LocalDone = std::function<void(TransactionOutcome)>;
  void transact(std::vector<Statement> statements, Duration deadline, LocalDone done, Now now);
  /// host:port under which peers reach this node; before the links are started.
  void set_own_address(std::string address) { own_address_ = std::move(address); }
  void drain() { draining_ = true; }
  /// The time of a drain is over: what has not been executed aborts with DRAINING.
  void refuse_executing(Now now);
  /// The database or the log failed: nothing more is done or said. Local transactions end at once,
  /// except those whose record may still become durable.
  void stop_for(const Error& error, bool log_failed);
  /// No round follows: ends every local transaction that is left. kInDoubt if it has a record.
  void end_local_transactions();
  /// Branches that still execute or whose record is on its way.
  std::size_t busy_branches() const;

  // timers
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);
  void end_of_round(Now now);
  /// At most one branch is undecided: whoever has something for the engine may wait for it.
  bool alone() const { return live_ <= unflushed_.size() + 1; }
  /// What the end of the round forced by itself, because nobody else needed this thread. The caller
  /// tells on_durable(), with the time that it is then.
  std::optional<Lsn> take_forced() { return std::exchange(forced_here_, std::nullopt); }

  /// Set when the process must stop (lost memory, failed database). The loop's owner watches it.
  std::function<void(const Error&)> on_fatal;

  // for operators
  NodeStatus status(Now now) const;
  Result<TransactionPage> list(const ListRequest& request, Now now) const;
  Result<TransactionDetail> show(const std::string& id, Now now) const;
  Result<std::int64_t> retry(const std::string& id, const Operator& by, Now now);
  using ResolveDone = std::function<void(Result<ResolveReply>)>;
  /// Called back when what was done is durable.
  void resolve(const ResolveRequest& request, ResolveDone done, Now now);
  void forget(const ForgetRequest& request, ResolveDone done, Now now);
  using LocksDone = std::function<void(Result<LockPage>)>;
  /// Called back when the worker has looked.
  void look_at_locks(const LockQuery& query, LocksDone done);
  std::vector<AuditEntry> audit_trail(std::size_t limit) const { return operators_.audit(limit); }
  void measure(Measurements& out, Now now) const;

 private:
  struct Entry {
    explicit Entry(protocol::Branch&& b) : branch(std::move(b)) {}
    Entry(const protocol::BranchSettings& settings, const Gtid& gtid, protocol::Branch::Kind kind)
        : branch(settings, gtid, kind) {}
    protocol::Branch branch;
    Boxed<protocol::QuorumBallot> quorum;  // from PREPARED on, of a three-phase one
    bool before_adoption = false;          // takes part in no ballot: see recovery::PreparedEntry
    Lsn promise_lsn;         // its last forced record, and what its execution may have read
    Lsn committed;           // of its COMMITTED or ONE_PHASE record
    Priority priority;       // of the request, for lock queues
    bool executing = false;  // a job for it is with the worker
    bool live = false;       // counted in live_
    std::optional<MonotonicTime> lock_deadline;
    std::string waits_for;                  // for people, while it waits for locks
    std::vector<Gtid> holders;              // whom it waits for, oldest gtid first
    std::optional<MonotonicTime> wound_at;  // when the younger ones among them are wounded
    std::string key;                        // idempotency key of a one-phase request
    TimerPlace timer;                       // in timers_
    bool recovered = false;                 // known from an earlier start
    MonotonicTime since;
    LocalDone done;
    SqlTexts::List sql;
    std::array<std::pair<MonotonicTime, protocol::Branch::State>, 6> steps;  // its first ones
    std::size_t steps_taken = 0;
  };
  struct Held {
    Gtid gtid;
    std::vector<protocol::Outgoing> promises;
    Boxed<TransactionOutcome> answer;
    std::optional<protocol::RecordType> record;  // the forced record this step appended
  };
  struct Key {
    Gtid gtid;
    std::string digest;
    WallTime decided;
    Duration retention{0};
    Outcome outcome = Outcome::kPending;
    AbortReason reason;
    Lsn durable_at;  // the outcome may be told when the log is durable through here
    std::vector<std::pair<NodeName, Gtid>> waiters;  // later requests with the same key
  };

  const protocol::BranchSettings& settings();
  Entry& start_entry(const Gtid& gtid, protocol::Branch&& branch, Now now);
  Entry& start_entry(const Gtid& gtid, protocol::Branch::Kind kind, Now now);
  Entry& started(std::pair<GtidMap<Entry>::iterator, bool> added, Now now);
  Entry& admit(const NodeName& from, Epoch of_coordinator, const Gtid& gtid,
               protocol::Branch::Kind kind, const Priority& priority, Now now);
  void handle(const NodeName& from, protocol::Message&& message, Now now);
  void on_prepare(const NodeName& from, protocol::Prepare&& message, Now now);
  void on_execute(const NodeName& from, protocol::Execute&& message, Now now);
  void drop_open_branches(const NodeName& coordinator, Now now);
  void on_one_phase(const NodeName& from, protocol::CommitOnePhase&& message, Now now);
  bool answered_by_key(const NodeName& from, const protocol::CommitOnePhase& message, Now now);
  void answer_from_key(const NodeName& to, const Gtid& gtid, const Key& key);
  void settle_key(Entry& entry);
  void forget_old_keys(Now now);
  void on_decide(const NodeName& from, protocol::Decide&& message, Now now);
  void on_inquiry_reply(const NodeName& from, const protocol::InquiryReply& reply, Now now);
  void on_inquire_one_phase(const NodeName& from, const protocol::InquireOnePhase& message,
                            Now now);
  void on_executed(Executed&& executed, Now now);
  void on_waiting(const Waiting& waiting, Now now);
  void wound_younger(Entry& entry, Now now);
  void wound(Entry& holder, const Entry& waiter, Now now);
  void stop_waiting(Entry& entry);
  void on_locks_seen(LocksSeen seen, Now now);
  void blame(const Entry& waiter);
  void show_blocked(const Gtid& gtid, TransactionDetail& detail, Now now) const;
  std::int64_t waited_ms(const Entry& waiter, Now now) const;
  std::int64_t gives_up_ms(const Entry& waiter, Now now) const;
  void on_flushed(Lsn marker, Now now);
  std::optional<AbortReason> admission(const NodeName& from, Epoch of_coordinator,
                                       const Gtid& gtid) const;
  bool ended(const Gtid& gtid) const;
  void retry_in_doubt(const NodeName& peer, Now now);

  // among the members of a transaction (engine_members.cc)
  bool on_member_message(const NodeName& from, const protocol::Message& message, Now now);
  void on_asked(const NodeName& from, const Gtid& gtid, Epoch named, bool ballot, Now now);
  bool on_member_message_by_hand(const NodeName& from, const protocol::Message& message);
  void amnesia(const NodeName& from, const Gtid& gtid, std::string_view told);
  bool genuine(const Entry& entry, const NodeName& from);
  void join_quorum(Entry& entry, std::optional<protocol::QuorumPosition> position, Now now);
  void step_quorum(Entry& entry, const protocol::QuorumBallot::Event& event, Now now);
  void tell_quorum(Entry& entry, Now now);
  void find_members(const Entry& entry, const std::vector<protocol::Outgoing>& messages);
  std::string why_blocked(const Entry& entry, Now now) const;
  std::string since_when(const NodeName& peer, Now now) const;

  void step(Entry& entry, protocol::Branch::Event&& event, Now now,
            std::vector<Statement>* statements = nullptr);
  void carry_out(Entry& entry, protocol::BranchEffects&& effects, Now now,
                 std::vector<Statement>* statements);
  void start_job(Entry& entry, protocol::BranchJob job, Now now,
                 std::vector<Statement>* statements);
  void end_local(Entry& entry);
  void hold(Lsn until, Held&& held);
  void release(Held&& held);
  void end_span(const Entry& entry, Now now) const;
  void count_transition(Entry& entry, protocol::Branch::State before);
  GtidMap<Entry>::iterator erase(GtidMap<Entry>::iterator at);
  void send(const NodeName& to, protocol::Message&& message);
  void publish();
  /// Nobody else would be served sooner if another thread forced the log, or only a little.
  bool may_force_here() const {
    constexpr std::size_t kFew = 16;
    return alone() || (log_.forces_quickly() && live_ <= unflushed_.size() + kFew);
  }
  void append(const protocol::Record& record);
  std::optional<protocol::RecordType> append_encoded(Entry& entry, protocol::RecordType type,
                                                     protocol::Force force);
  void alarm(const std::string& what, const Gtid& gtid,
             Alarms::Until until = Alarms::Until::kRestart, const NodeName& from = {});
  void end_alarm(const Gtid& gtid, const NodeName& from = {});
  void forget_below(const Gtid& ended_below);
  void judge(const recovery::PeerTable::Judgement& judgement, const NodeName& peer, Now now);
  void schedule(Entry& entry);
  void run_jobs_here(Now now);
  void flush_if_due(Now now);
  void settle_checkpoint();
  void checkpoint_if_due(Now now);
  const Entry* find(const std::string& id, std::string& problem) const;

  // decisions by hand (engine_operators.cc)
  Result<ResolveReply> plan_resolve(const ResolveRequest& request, Now now) const;
  Result<ResolveReply> plan_forget(const ForgetRequest& request) const;
  std::vector<std::string> consequences(const Entry& entry, Decision decision, Now now) const;
  void carry_out_by_hand(Entry& entry, const protocol::HeuristicRecord& record, Now now);
  void finish_by_hand(Now now);
  bool compare_with_truth(const NodeName& from, const protocol::Decide& message, Now now);
  void hazard(const Gtid& gtid);
  void ask_for_truth(Now now);
  void audit(const std::string& action, const std::string& subject, const std::string& result,
             const Operator& by, Now now);
  void tell_when_durable(ResolveDone done, ResolveReply reply);
  static std::string heuristic_state(const protocol::HeuristicRecord& record);
  std::string describe_heuristic(const protocol::HeuristicRecord& record) const;
  void show_heuristics(NodeStatus& status) const;
  Result<TransactionDetail> show_heuristic(const std::string& id, Now now) const;
  TransactionSummary summary_of(const protocol::HeuristicRecord& record, Now now) const;
  std::string revision_of(const Entry& entry) const;
  static std::string vote_of(const Entry& entry);
  bool is_connected(const NodeName& peer) const;
  static std::vector<std::string> timeline(const Entry& entry);
  TransactionSummary summary_of(const Gtid& gtid, const Entry& entry, Now now) const;
  void count(const char* name, std::uint64_t n = 1) { counters_.add(name, n); }

  const EngineOptions options_;
  protocol::RecordLog& log_;
  protocol::Transport& transport_;
  WorkerPort& worker_;
  Logger logger_;
  recovery::PeerTable peers_;
  protocol::BranchSettings branch_settings_;  // see settings()
  ByteWriter encoded_;                        // the record that is being appended
  protocol::AdoptedRecord adopted_;
  GtidMap<Entry> branches_;
  SqlTexts sql_texts_;
  std::map<CoordinatorTag, Gtid> ended_below_;
  std::map<CoordinatorTag, Gtid> horizon_logged_;  // of those, what the log says
  std::unordered_map<std::string, Key> keys_;
  protocol::HeldByLsn<Held> held_;
  std::deque<std::pair<Lsn, Gtid>> unflushed_;  // committed, not yet in the file, as in the log
  TimerHeap<Entry> timers_;
  std::map<std::uint64_t, LocksDone> looking_;  // at locks, by number
  std::uint64_t next_look_ = 1;
  std::unordered_map<Gtid, std::uint64_t> gave_up_;   // who waited for it and timed out
  std::unordered_map<Gtid, std::string> redirected_;  // answered by the key of an earlier request
  std::map<NodeName, LinkStatus> links_;
  Counters counters_;
  Alarms alarms_;
  std::uint64_t next_local_ = 1;
  std::size_t live_ = 0;          // branches that are not over
  std::vector<Gtid> local_over_;  // embedded transactions, to be forgotten at the end of the round
  bool draining_ = false;
  bool stopped_ = false;          // lost memory, a failed database or log: nothing is said any more
  std::optional<Error> failure_;  // why, unless its memory was lost
  std::string own_address_;
  Lsn last_one_phase_;  // newest ONE_PHASE record appended
  Lsn published_;

  // applies and flushes (participant.md 5.6 and 8.1)
  std::deque<ApplyJob> held_applies_;  // behind a flush that waits for the log
  Lsn highest_apply_;                  // given to the worker since the last flush job
  std::size_t applies_since_flush_ = 0;
  std::size_t jobs_out_ = 0;  // executes the worker has not answered
  bool flush_wanted_ =
      false;  // due: no further apply until the log is durable through highest_apply_
  bool flush_out_ = false;
  bool file_awaited_ = false;  // a coordinator wants to know when the file holds what was applied
  std::optional<MonotonicTime> flush_at_;
  std::optional<MonotonicTime> quiet_at_;  // it has been quiet for long enough
  std::optional<MonotonicTime> durable_at_;
  std::optional<Lsn> forced_here_;
  Lsn flushed_, file_durable_;

  recovery::OperatorBook operators_;
  std::multimap<Lsn, std::function<void()>> operators_waiting_;  // for durability
  std::map<std::pair<std::string, std::string>, std::uint64_t> operator_actions_;
  bool unfinished_by_hand_ = false;        // found at the start
  std::optional<MonotonicTime> truth_at_;  // when coordinators are asked what they decided

  Lsn checkpoint_start_, checkpoint_end_, released_;
  MonotonicTime started_;
};

}  // namespace troth::participant
