#pragma once
// The agent's engine: passes each event to the part that handles it, and closes each round.
// Passive: one thread calls it (EngineLoop, or a simulator). It reads no clock and touches no file
// or socket itself.
//
// The parts, from the bottom up: Core (log, peers, worker, counters), BranchTable, Promises (sends
// messages), FlushSchedule (the database file), OnePhaseKeys, PeerLinks, Horizon, Presumption
// (transactions without a trace). Above them: Branches (steps), HandDecisions (operators), Members
// (other participants), WoundWait (locks), CoordinatorMessages (requests), Greetings (peers).
// LockViews and StatusViews only read. Checkpointer says when old segments may go.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/checkpointer.h"
#include "engine/peer_forgetting.h"
#include "participant/coordinator_messages.h"
#include "participant/core.h"
#include "participant/greetings.h"
#include "participant/status_views.h"
#include "participant/wound_wait.h"
#include "recovery/participant_replay.h"

namespace troth::participant {

class Engine {
 public:
  Engine(EngineOptions options, protocol::RecordLog& log, protocol::Transport& transport,
         WorkerPort& worker, Logger logger);

  /// Before serving: branches and outcomes of earlier epochs. The resource manager has retaken the
  /// locks already.
  void adopt(recovery::ParticipantTables tables, MonotonicTime now);

  // what arrives
  void on_batch(protocol::Batch batch, Now now);
  protocol::HelloReply on_hello(const protocol::Hello& hello, Now now) {
    return greetings_.on_hello(hello, now);
  }
  protocol::Hello make_hello(const NodeName& peer) const { return greetings_.make_hello(peer); }
  bool on_hello_reply(const NodeName& peer, const protocol::HelloReply& reply, Now now) {
    return greetings_.on_reply(peer, reply, now);
  }
  void on_link(const LinkStatus& status, Now) { links_.changed(status); }
  void on_durable(Lsn durable, Now now);
  void on_worker(WorkerResult&& result, Now now);
  using LocalDone = participant::LocalDone;
  void transact(std::vector<Statement> statements, Duration deadline, LocalDone done, Now now);
  /// host:port under which peers reach this node; before the links are started.
  void set_own_address(std::string address) { core_.own_address = std::move(address); }
  void drain() { core_.standing.drain(); }
  bool quarantined() const { return core_.standing.quarantine().active(); }
  /// The time of a drain is over: branches that have not executed abort with DRAINING.
  void refuse_executing(Now now) { branches_.refuse_executing(now); }
  /// The database or the log failed: the engine does and sends nothing more. Local transactions end
  /// now, except those whose record may still become durable.
  void stop_for(const Error& error, bool log_failed);
  /// No round follows: ends every local transaction that is left. kInDoubt if it has a record.
  void end_local_transactions() { branches_.end_local_all(core_.standing.failure()); }
  /// Branches that still execute, or whose record is not durable yet.
  std::size_t busy_branches() const;

  // timers
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);
  void end_of_round(Now now);
  /// At most one branch is undecided, so running the engine inline delays no other branch.
  bool alone() const { return table_.live() <= flush_.unflushed() + 1; }
  /// How far the end of the round forced by itself, because no other work needed this thread. The
  /// caller calls on_durable(), with the time of that moment.
  std::optional<Lsn> take_forced() { return std::exchange(forced_here_, std::nullopt); }

  /// Set when the process must stop (lost memory, failed database). The loop's owner watches it.
  std::function<void(const Error&)> on_fatal;

  // for operators
  NodeStatus status(Now now) const { return views_.status(now); }
  Result<TransactionPage> list(const ListRequest& request, Now now) const {
    return views_.list(request, now);
  }
  Result<TransactionDetail> show(const std::string& id, Now now) const {
    return views_.show(id, now);
  }
  Result<std::int64_t> retry(const std::string& id, const Operator& by, Now now);
  using ResolveDone = HandDecisions::Done;
  /// Called back when the action is durable.
  void resolve(const ResolveRequest& request, ResolveDone done, Now now) {
    by_hand_.resolve(request, std::move(done), now);
  }
  void forget(const ForgetRequest& request, ResolveDone done, Now now) {
    by_hand_.forget(request, std::move(done), now);
  }
  void forget_peer(const ForgetPeerRequest& request, PeerForgetting::Done done, Now now);
  using LocksDone = LockViews::LocksDone;
  /// Called back when the worker has read its locks.
  void look_at_locks(const LockQuery& query, LocksDone done);
  std::vector<AuditEntry> audit_trail(std::size_t limit) const {
    return by_hand_.book().audit(limit);
  }
  void measure(Measurements& out, Now now) const { views_.measure(out, now); }

 private:
  void adopt_prepared(recovery::ParticipantTables& tables, Now now);
  void adopt_outcomes(recovery::ParticipantTables& tables, Now now);
  void forget_ended(const protocol::BatchHeader& header);
  void run_jobs_here(Now now);
  void checkpoint_if_due(Now now);
  void copy_forward(Now now);
  /// True if forcing the log on this thread delays other work only briefly.
  bool may_force_here() const {
    constexpr std::size_t kFew = 16;
    return alone() || (core_.log.forces_quickly() && table_.live() <= flush_.unflushed() + kFew);
  }

  Core core_;
  BranchTable table_;
  Promises promises_;
  FlushSchedule flush_;
  OnePhaseKeys keys_;
  PeerLinks links_;
  Horizon horizon_;
  Presumption presumption_;
  Branches branches_;
  HandDecisions by_hand_;
  Members members_;
  WoundWait wounds_;
  CoordinatorMessages messages_;
  Greetings greetings_;
  LockViews locks_;
  StatusViews views_;
  Checkpointer checkpointer_;
  std::uint64_t next_local_ = 1;
  std::optional<Lsn> forced_here_;
};

}  // namespace troth::participant
