#pragma once
// The coordinator's engine: hands what arrives to the part that it concerns, and closes each round.
// Passive: it is called by one thread (EngineLoop, or a simulator), asks no clock and touches no
// file or socket itself.
//
// The parts, from the bottom up: Core (log, ways out, counters); Tables (what is known:
// TransactionTable, KnownOutcomes, IdempotencyKeys, EndedEverywhere, Ages); Transactions (steps),
// Admission, Conversations (interactive), Submissions, Searches, Inquiries, Retention (what
// participants may forget), LostParticipants; StatusViews reads.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/retention.h"
#include "coordinator/status_views.h"
#include "coordinator/submissions.h"
#include "engine/checkpointer.h"

namespace troth::coordinator {

class Engine {
 public:
  Engine(EngineOptions options, protocol::RecordLog& log, protocol::Transport& transport,
         Logger logger);

  /// Before serving: what the log says of earlier epochs.
  void adopt(recovery::CoordinatorTables tables, Now now);

  // clients
  void submit(SubmitRequest&& request, protocol::SubmitDone&& done, Now now) {
    submissions_.submit(std::move(request), std::move(done), now);
  }
  void get_outcome(const Gtid& gtid, bool wait, protocol::CoordinatorPort::OutcomeDone done,
                   Now now) {
    inquiries_.get_outcome(gtid, wait, std::move(done), now);
  }
  void get_outcome_by_key(const std::string& key, protocol::CoordinatorPort::OutcomeDone done,
                          Now now, const std::string* digest = nullptr) {
    inquiries_.get_outcome_by_key(key, std::move(done), now, digest);
  }
  Conversations& conversations() { return conversations_; }

  // peers
  void on_batch(protocol::Batch batch, Now now);
  protocol::HelloReply on_hello(const protocol::Hello& hello, Now now);
  protocol::Hello make_hello(const NodeName& peer) const;
  bool on_hello_reply(const NodeName& peer, const protocol::HelloReply& reply, Now now);
  void on_link(const LinkStatus& status, Now now);

  // log
  void on_durable(Lsn durable, Now now);

  // timers
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);
  void end_of_round(Now now);
  /// One transaction is under way, and perhaps the one before still waits for its acks: whoever has
  /// something for the engine may wait for it.
  bool alone(std::size_t most = 2) const {
    return tables_.live.size() + conversations_.all().size() <= most;
  }
  /// What the end of the round forced by itself, because nobody else needed this thread. The caller
  /// tells on_durable(), with the time that it is then.
  std::optional<Lsn> take_forced() { return std::exchange(forced_here_, std::nullopt); }

  /// host:port under which peers reach this node; before the links are started.
  void set_own_address(std::string address) { core_.own_address = std::move(address); }
  /// For transactions that come from now on.
  void set_limits(Duration prepare_timeout, std::size_t max_in_flight) {
    core_.options.prepare_timeout = prepare_timeout;
    core_.options.max_in_flight = max_in_flight;
  }
  /// Participants that were added or moved. One that is not named any more stays: it may hold what
  /// this node decided.
  void set_participants(const std::map<NodeName, std::string>& participants);
  void drain() { core_.standing.drain(); }
  bool quarantined() const { return core_.standing.quarantine().active(); }
  /// Aborts whatever is not decided yet (end of the grace time).
  void cancel_undecided(Now now);
  /// Transactions whose client still waits for an answer.
  std::size_t unanswered() const { return transactions_.unanswered(); }

  std::function<void(const Error&)> on_fatal;

  // operators
  NodeStatus status(Now now) const { return views_.status(now); }
  Result<TransactionPage> list(const ListRequest& request, Now now) const {
    return views_.list(request, now);
  }
  Result<TransactionDetail> show(const std::string& id, Now now) const {
    return views_.show(id, now);
  }
  Result<std::int64_t> retry(const std::string& id, const Operator& by, Now now);
  Result<ResolveReply> resolve(const ResolveRequest& request, Now now);
  using ResolveDone = LostParticipants::ForgetDone;
  /// Of what a lost participant owed; both are answered when it is durable.
  void forget(const ForgetRequest& request, ResolveDone done, Now now);
  void declare_lost(const LostRequest& request, LostParticipants::LostDone done, Now now) {
    lost_.declare(request, std::move(done), now);
  }
  using DrainDone = std::function<void(Status)>;
  /// Lasts until it is resumed, over restarts too.
  void drain_participant(const NodeName& name, bool drain, const Operator& by, DrainDone done,
                         Now now);
  const recovery::OperatorBook& operators() const { return desk_.book(); }
  void measure(Measurements& out, Now now) const { views_.measure(out, now); }
  /// How long the scan of the log took, once.
  void measured_recovery(Duration took);

 private:
  void handle(const NodeName& from, protocol::Message&& message, Now now);
  void judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now);
  void copy_forward(Now now);
  /// Nobody else would be served sooner if another thread forced the log, or only a little.
  bool may_force_here() const {
    constexpr std::size_t kFew = 32;
    return alone() || (core_.log.forces_quickly() && alone(kFew));
  }

  Core core_;
  Tables tables_;
  OperatorDesk desk_;
  Transactions transactions_;
  Admission admission_;
  Conversations conversations_;
  Submissions submissions_;
  Searches searches_;
  Inquiries inquiries_;
  Retention retention_;
  LostParticipants lost_;
  StatusViews views_;
  Checkpointer checkpointer_;
  Lsn told_;  // everything at or below it is durable and has been acted on
  std::optional<Lsn> forced_here_;
};

}  // namespace troth::coordinator
