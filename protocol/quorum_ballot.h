#pragma once
// Three-phase commit that survives partitions: E3PC (Keidar & Dolev, JCSS 1998; protocol.md 5). One
// object per member and transaction, the same at the coordinator (member 0) and at every
// participant. It begins after the votes: every member has voted yes. Pure: step(event, now) ->
// effects.
//
//                      coordinator: all voted yes            nobody heard of for rank x timeout
//                                 |                                        |
//   FOLLOWING <--- higher ballot -+-- ATTEMPTING <--- majority promised -- ELECTING
//    |    W | PC | PA             |     |   PC or PA                        |   W | PC | PA
//    |                            |     majority holds it durably           |
//    +-- Decide of anyone -----> DECIDED  C | A  <--------------------------+
//                                         (the owner adopts it as it would its coordinator's word)
//
// FOLLOWING -> ELECTING [on_tick, Suspect]   ELECTING -> ATTEMPTING [on_elected, on_durable]
// FOLLOWING -> ATTEMPTING [on_lead: ballot 1, the coordinator's]
// ELECTING | ATTEMPTING -> FOLLOWING [on_elect, on_predecide, on_elected, on_predecided: promised]
// any -> DECIDED [on_elected, on_predecided, on_durable, on_decided]
//
// Guarantees per state (asserted by assert_invariants):
//  FOLLOWING   leads nothing; has a timer after which it suspects that nobody does
//  ELECTING    ballot_ = last_elected, is its own; no value is proposed in it yet
//  ATTEMPTING  ballot_ = last_elected = last_attempt; one value, PC or PA, for ever in this ballot
//  DECIDED     answers every ballot message with the decision
// Always: last_attempt <= last_elected; state W exactly while last_attempt is none.
//
// Order of durability: ELECTED(b) before a promise for b leaves, and before this member asks for
// ballot b (a ballot is never used twice). PRECOMMITTED/PREABORTED(b) before any member counts it.
// COMMIT POINT: a majority of members hold PRECOMMITTED for one ballot, durably.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/effects.h"
#include "protocol/retry.h"
#include "protocol/termination.h"

namespace troth::protocol {

/// The durable state of a member.
struct QuorumPosition {
  Ballot last_elected;
  Ballot last_attempt;
  MemberState state = MemberState::kWaiting;
  /// Replays one of its records.
  void accept(const Ballot& ballot, Decision decision);
  void promise(const Ballot& ballot);
};

using BallotEffects = EffectsOf<Decision>;  ///< answer: the decision of the quorum

/// Pace of termination.
struct SuspicionPolicy {
  Duration timeout{std::chrono::seconds(1)};  ///< silence after which the first member takes over
  RetryPolicy resend;                         ///< of unanswered questions
  std::uint64_t jitter = 0;  ///< differs between nodes: spreads those of equal rank
};

class QuorumBallot {
 public:
  enum class Role : std::uint8_t { kFollowing, kElecting, kAttempting, kDecided };

  struct Setup {
    Gtid gtid;
    NodeName self;
    std::vector<Member> members;  ///< by rank: the coordinator first, then every participant
    AnswerAt ack_at = AnswerAt::kDecided;
    SuspicionPolicy suspicion;
  };

  // events
  /// The coordinator, all votes being yes: its ballot is round 1. `record` is filled in otherwise.
  struct Lead {
    PrecommittedRecord record;
  };
  struct Arrived {
    NodeName from;
    BallotMessage message;
  };
  struct RecordDurable {};  ///< the oldest forced record of this machine not yet reported durable
  struct Heard {};          ///< the coordinator or the leader is alive
  struct Decided {
    Decision decision;
  };  ///< adopted by the owner
  struct Tick {};
  struct Suspect {};  ///< an operator wants it tried now
  using Event = std::variant<Lead, Arrived, RecordDurable, Heard, Decided, Tick, Suspect>;

  QuorumBallot(Setup setup, MonotonicTime now);
  static QuorumBallot recovered(Setup setup, QuorumPosition position, MonotonicTime now);

  BallotEffects step(const Event& event, MonotonicTime now);

  std::optional<MonotonicTime> next_wake() const { return next_wake_; }
  Role role() const { return role_; }
  const QuorumPosition& position() const { return position_; }
  const Ballot& ballot() const { return ballot_; }
  const Setup& setup() const { return setup_; }
  std::optional<Decision> decided() const { return decided_; }
  std::size_t quorum() const { return quorum_of(setup_.members.size()); }
  /// The members that have not answered the ballot that this member leads.
  std::vector<NodeName> silent() const;
  std::uint32_t attempts() const { return tries_; }
  std::size_t rank() const;
  /// Its durable state as a record, for a checkpoint.
  std::vector<Record> records() const;

 private:
  struct Pending {
    Role kind;
    Ballot ballot;
  };
  void on_lead(const Lead& event, BallotEffects& out, MonotonicTime now);
  void on_arrived(const Arrived& event, BallotEffects& out, MonotonicTime now);
  void on_elect(const NodeName& from, const Elect& message, BallotEffects& out, MonotonicTime now);
  void on_elected(const NodeName& from, const Elected& message, BallotEffects& out,
                  MonotonicTime now);
  void on_predecide(const NodeName& from, const PreDecide& message, BallotEffects& out,
                    MonotonicTime now);
  void on_predecided(const NodeName& from, const PreDecided& message, BallotEffects& out,
                     MonotonicTime now);
  void on_durable(BallotEffects& out, MonotonicTime now);
  void on_decided(Decision decision);
  void on_tick(BallotEffects& out, MonotonicTime now);

  void start_ballot(BallotEffects& out, MonotonicTime now);
  void choose(BallotEffects& out, MonotonicTime now);
  void attempt(Decision decision, PrecommittedRecord record, BallotEffects& out, MonotonicTime now);
  void count_accepted(BallotEffects& out);
  void decide(Decision decision, BallotEffects& out);
  void give_way(const Ballot& promised, MonotonicTime now);
  void follow(MonotonicTime now);
  void resend(BallotEffects& out, MonotonicTime now);
  bool is_member(const NodeName& name) const;
  void assert_invariants() const;

  Setup setup_;
  QuorumPosition position_;
  Role role_ = Role::kFollowing;
  Ballot ballot_;                             // the one this member leads
  std::uint32_t highest_round_ = 1;           // seen anywhere
  std::map<NodeName, MemberReport> reports_;  // of this ballot
  std::set<NodeName> accepted_;               // of this ballot, durably
  std::deque<Pending> pending_;
  std::optional<Decision> decided_;
  std::uint32_t failures_ = 0;  // ballots of its own that had to give way
  std::uint32_t tries_ = 0;     // of the question being repeated
  std::optional<MonotonicTime> next_wake_;
};

std::string_view to_string(QuorumBallot::Role role);

}  // namespace troth::protocol
