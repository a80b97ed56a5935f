#pragma once
// The coordinator's half of two-phase commit with presumed abort (docs/protocol.md 4), and of three-phase
// commit. Pure: step(event, now) -> effects. One object per transaction of two or more participants.
//
//                  start
//                    |
//                PREPARING ---- a NO, the deadline, a cancel, a voter restarted ----+------------------+
//                    |                                                              | with a key       | without
//          every vote is in                                                         v                  |
//                    |                                                          ABORTING               |
//                    |                                                              | record durable   |
//                RELEASING   only if a reader voted in the step in which            |                  |
//                    |       it executed: it must confirm that it held              |                  |
//                    |       its locks until now, or else ABORTING                  |                  |
//                    |                                                              |                  |
//           some voted YES      all voted READ_ONLY                                 |                  |
//                    |                  |                                           |                  |
//                DECIDING               +----- no record at all ---------+          |                  |
//                    |                                                   |          |                  |
//           record durable = THE COMMIT POINT                            |          |                  |
//                    |                                                   |          |                  |
//               COMMITTING   COMMIT is sent again until all have acked   |          |                  |
//                    |                                                   v          v                  v
//                    +---------- END appended, not forced ----------> ENDED <--- ENDED <------------ ENDED
//
// PREPARING  -> DECIDING | RELEASING        [on_vote]
// RELEASING  -> DECIDING | ENDED            [on_released]
// PREPARING | RELEASING -> ABORTING | ENDED [on_vote, on_released, on_tick, Cancel, on_member_restarted, on_decide]
// DECIDING   -> COMMITTING                  [on_durable]
// ABORTING   -> ENDED                       [on_durable]
// COMMITTING -> ENDED                       [on_ack, GivenUp]
//
// With `protocol = three_phase` a quorum takes the place of DECIDING (quorum_ballot.h):
//
//   PREPARING --- all voted YES ---> PRECOMMITTING --- a majority holds PRECOMMITTED ---> COMMITTING
//                                          |
//                                          +--------- a majority holds PREABORTED -----> ENDED
//
// PREPARING     -> PRECOMMITTING      [on_vote]
// PRECOMMITTING -> COMMITTING | ENDED [on_ballot, on_durable, on_decide, on_ack, on_tick]
//
// Guarantees per state (asserted after each step by assert_invariants):
//  PREPARING      no vote is NO; no record exists; not every vote is in
//  RELEASING      every vote is in, none NO, no record exists; a READ_ONLY voter has not confirmed
//  DECIDING       every vote is in, none NO, at least one YES; the client has not been answered
//  PRECOMMITTING  every vote is YES; this node is one member among others and decides nothing alone
//  COMMITTING     the decision is durable; at least one writer has not acked
//  ABORTING       the ABORT record (keyed requests only) is on its way; no COMMIT record exists or ever will
//  ENDED          nothing more is owed to anybody

#include <optional>
#include <variant>
#include <vector>

#include "base/boxed.h"
#include "protocol/effects.h"
#include "protocol/ports.h"
#include "protocol/quorum_ballot.h"
#include "protocol/retry.h"
#include "protocol/vote_tally.h"

namespace troth::protocol {

struct CommitEffects : EffectsOf<TransactionOutcome> {
  std::vector<PrepareTo> prepares;  ///< may leave now, before all others
  /// What the branches returned, with the record that decides or may decide a commit, unless the
  /// answer holds it. Good until the machine's next step.
  const std::vector<BranchResult>* results = nullptr;
};

class GlobalCommit {
 public:
  enum class State {
    kPreparing,
    kReleasing,
    kDeciding,
    kPrecommitting,
    kCommitting,
    kAborting,
    kEnded
  };

  /// What three-phase needs besides.
  struct Quorum {
    Member coordinator;  ///< this node, as a member
    SuspicionPolicy suspicion;
  };
  struct Setup {
    Gtid gtid;
    Priority priority;
    std::vector<BranchRequest> branches;  ///< two or more (interactive: one or more), distinct
    std::vector<Member> members;          ///< one per branch, same order
    AnswerAt answer_at = AnswerAt::kDecided;
    std::string idempotency_key;
    std::string body_digest;
    std::string traceparent;
    std::string comment;
    std::vector<Gtid> earlier;  ///< attempts of the same request
    MonotonicTime deadline;     ///< of the decision
    WallTime submitted;         ///< stored as time of decision; for people and key retention only
    RetryPolicy resend;
    /// A lost conflict is not this request's last word: such an abort leaves its key free.
    bool tried_again = false;
    CommitProtocol protocol = CommitProtocol::kTwoPhase;
    Boxed<Quorum> quorum;  ///< three-phase only

    Decide decide(Decision decision, AbortReason reason = {}) const {
      return {gtid, decision, answer_at, std::move(reason)};
    }
    /// What a COMMIT record without END says of a transaction, and the record again: the one place
    /// that knows which fields a restart and a checkpoint must keep.
    static Setup of(const CommitRecord& record);
    /// `owed`: the participants that must still ack.
    CommitRecord commit_record(std::vector<Member> owed) const;
    /// Three-phase: its first PRECOMMITTED record, also for a checkpoint.
    PrecommittedRecord precommitted_record() const;
  };

  // events
  struct Start {};
  struct VoteArrived {
    NodeName from;
    VoteMessage vote;
  };
  struct AckArrived {
    NodeName from;
  };
  /// An operator says that it will never answer again. What was decided stays decided.
  struct GivenUp {
    NodeName participant;
  };
  struct ReleasedArrived {
    NodeName from;
    Epoch epoch;  ///< in which it says so
  };
  struct Inquired {
    NodeName from;
  };
  struct RecordDurable {};  ///< the machine's last appended record
  struct Tick {
    std::vector<NodeName> unreachable;
  };  ///< next_wake() has come; whose link is down (for the reason)
  struct Cancel {
    AbortReason reason;
  };  ///< client gone before the decision, wound, drain
  struct MemberRestarted {
    NodeName member;
    Epoch epoch;
  };  ///< seen with a newer epoch: its read locks are gone
  struct RetryNow {};
  struct BallotArrived {
    NodeName from;
    BallotMessage message;
  };
  struct DecideArrived {
    NodeName from;
    Decide decide;
  };  ///< a member knows, or refused to vote
  using Event = std::variant<Start, VoteArrived, AckArrived, Inquired, RecordDurable, Tick, Cancel,
                             MemberRestarted, RetryNow, BallotArrived, DecideArrived,
                             ReleasedArrived, GivenUp>;

  explicit GlobalCommit(Setup&& setup);
  /// After a restart: a COMMIT record without END. Goes on in COMMITTING through the same code as
  /// the live path.
  static GlobalCommit recovered(const CommitRecord& record, RetryPolicy resend, MonotonicTime now);

  /// After a restart: PRECOMMITTED without a decision. Only one more member: it asks the others.
  static GlobalCommit recovered(const PrecommittedRecord& record, QuorumPosition position,
                                NodeName self, RetryPolicy resend, SuspicionPolicy suspicion,
                                MonotonicTime now);

  /// Takes from `event` what it needs.
  CommitEffects step(Event&& event, MonotonicTime now);

  /// When the next Tick is due; none = nothing to do until a message comes.
  std::optional<MonotonicTime> next_wake() const { return next_wake_; }

  State state() const { return state_; }
  /// It can still be aborted: nothing of a decision is on its way to the disk.
  bool undecided() const { return state_ == State::kPreparing || state_ == State::kReleasing; }
  const Gtid& gtid() const { return setup_.gtid; }
  const Setup& setup() const { return setup_; }
  std::uint32_t attempts() const { return resend_.attempts; }
  /// Whom it waits for: missing votes, missing confirmations, or missing acks.
  std::vector<NodeName> waiting_for() const;
  bool recovered_from_log() const { return recovered_; }
  const VoteTally& tally() const { return tally_; }
  const std::vector<NodeName>& unacked() const { return unacked_; }
  /// Of a three-phase transaction, once every vote is in.
  const QuorumBallot* quorum() const { return quorum_ ? &*quorum_ : nullptr; }

 private:
  void on_vote(VoteArrived& event, CommitEffects& out, MonotonicTime now);
  void on_released(const ReleasedArrived& event, CommitEffects& out);
  void on_ack(const AckArrived& event, CommitEffects& out, MonotonicTime now);
  void no_longer_owed_by(const NodeName& writer, CommitEffects& out);
  void on_inquiry(const Inquired& event, CommitEffects& out);
  void on_durable(CommitEffects& out, MonotonicTime now);
  void on_tick(const Tick& event, CommitEffects& out, MonotonicTime now);
  void on_member_restarted(const MemberRestarted& event, CommitEffects& out);
  void on_retry(CommitEffects& out, MonotonicTime now);
  void on_ballot(const BallotArrived& event, CommitEffects& out, MonotonicTime now);
  void on_decide(const DecideArrived& event, CommitEffects& out, MonotonicTime now);

  void send_prepares(CommitEffects& out, MonotonicTime now);
  void release(CommitEffects& out, MonotonicTime now);
  void send_releases(CommitEffects& out, MonotonicTime now);
  void decide_commit(CommitEffects& out);
  void precommit(CommitEffects& out, MonotonicTime now);
  void step_quorum(const QuorumBallot::Event& event, CommitEffects& out, MonotonicTime now);
  void adopt(Decision decision, bool told, CommitEffects& out, MonotonicTime now);
  void doubt_if_due(CommitEffects& out, MonotonicTime now);
  void abort(AbortReason reason, CommitEffects& out);
  void end(CommitEffects& out);
  TransactionOutcome outcome(Outcome value);
  bool owes_applied_answer() const;
  void wake_to_deliver();
  void assert_invariants() const;

  Setup setup_;
  State state_ = State::kPreparing;
  VoteTally tally_;
  std::vector<BranchResult> results_;  // from the first vote on; one per branch, same order
  std::vector<NodeName> unacked_;  // RELEASING: readers that owe RELEASED; decided: writers that
                                   // owe an ACK
  /// Of the message being repeated (PREPARE, RELEASE, COMMIT).
  struct Resend {
    void schedule(const Setup& setup, MonotonicTime now) {
      next = now + backoff(setup.resend, attempts, setup.gtid);
    }
    std::uint32_t attempts = 0;
    MonotonicTime next;
  };
  Resend resend_;
  std::optional<MonotonicTime> next_wake_;
  bool recovered_ = false;
  bool given_up_ = false;             // an operator ended the wait for a writer
  bool told_before_applied_ = false;  // the deadline came before every file held it
  Boxed<QuorumBallot> quorum_;
  std::optional<MonotonicTime> doubt_at_;  // when the client is told "not known yet"
};

/// What a log must hold of it once COMMIT is decided, until every writer has acked.
CommitRecord unended_record(const GlobalCommit& machine);

std::string_view to_string(GlobalCommit::State state);

}  // namespace troth::protocol
