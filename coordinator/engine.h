#pragma once
// The coordinator's engine: makes the parts, joins them, and hands them out to its callers.
// Passive: it is called by one thread (EngineLoop, or a simulator), asks no clock and touches no
// file or socket itself.
//
// The parts, from the bottom up: Core (log, ways out, counters); Tables (TransactionTable,
// KnownOutcomes, IdempotencyKeys, EndedBook, EndedEverywhere, Ages); OperatorDesk (what operators
// did, in the log); Transactions (steps), Admission, Conversations (interactive), AppliedQuestions,
// Submissions, Searches (one-phase transactions of an earlier start), Recalls (unknown ids and
// keys), Inquiries, Retention (what participants may forget), LostParticipants; StatusViews reads.
// On top are PeerTraffic (what peers bring), OperatorCalls, and Rounds (timers, durability,
// checkpoints).

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "coordinator/operator_calls.h"
#include "coordinator/peer_traffic.h"
#include "coordinator/rounds.h"
#include "coordinator/submissions.h"

namespace troth::coordinator {

/// Settings that change while the node runs (SIGHUP).
struct Reload {
  /// Added or moved. One that is not named any more stays: it may hold what this node decided.
  std::map<NodeName, std::string> participants;
  // For transactions that come from now on.
  Duration prepare_timeout;
  std::size_t max_in_flight = 0;
};

class Engine {
 public:
  Engine(EngineOptions options, protocol::RecordLog& log, protocol::Transport& transport,
         Logger logger);

  /// Before serving: takes the content of the log from earlier epochs.
  void adopt(recovery::CoordinatorTables tables, Now now);
  /// How long the start took that has just ended.
  void measured_recovery(Duration took);

  // callers
  Submissions& submissions() { return submissions_; }
  Inquiries& inquiries() { return inquiries_; }
  Conversations& conversations() { return conversations_; }
  PeerTraffic& peers() { return peers_; }
  OperatorCalls& operators() { return operators_; }

  // EngineLoop
  std::optional<MonotonicTime> next_wake() const { return rounds_.next_wake(); }
  void tick(Now now) { rounds_.tick(now); }
  void on_durable(Lsn durable, Now now) { rounds_.on_durable(durable, now); }
  void end_of_round(Now now) { rounds_.end(now); }
  std::optional<Lsn> take_forced() { return rounds_.take_forced(); }
  /// At most two transactions are live, so running the engine inline delays no other transaction.
  bool alone() const { return rounds_.alone(2); }

  // the process
  void reload(const Reload& settings);
  void drain() { core_.standing.drain(); }
  /// Aborts whatever is not decided yet (end of the grace time).
  void cancel_undecided(Now now);
  /// Transactions whose client still waits for an answer.
  std::size_t unanswered() const { return transactions_.unanswered(); }
  bool quarantined() const { return core_.standing.quarantine().active(); }

  std::function<void(const Error&)> on_fatal;

 private:
  Core core_;
  Tables tables_;
  OperatorDesk desk_;
  Transactions transactions_;
  Admission admission_;
  Conversations conversations_;
  AppliedQuestions applied_;
  Submissions submissions_;
  Searches searches_;
  Recalls recalls_;
  Inquiries inquiries_;
  Retention retention_;
  LostParticipants lost_;
  StatusViews views_;
  PeerTraffic peers_;
  Rounds rounds_;
  OperatorCalls operators_;
};

}  // namespace troth::coordinator
