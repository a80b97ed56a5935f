#pragma once
// The participant's half: one object for each gtid that this node knows (docs/protocol.md 4 and 6). In three-phase
// commit it never votes READ_ONLY, because a member of a quorum needs a record, and a QuorumBallot beside it may
// bring the decision. Pure: step(event, now) -> effects. One effect may be a job for the resource manager.
//
//   PREPARE, one-phase or local request              ABORT or an inquiry for an unknown gtid
//        |                                                        |
//    EXECUTING ---- NO, deadline, ABORT ----> ABORTED <-----------+   (tombstone: a later PREPARE is refused)
//     |    |
//     |    |   (interactive: EXECUTING <-> OPEN, one round for each EXECUTE; PREPARE makes it execute the end)
//     |    |
//     |    +--- two-phase, no writes -----> READ_ONLY --- RELEASE or a decision ---> FORGOTTEN
//     |    |                                (keeps its locks until then, answers RELEASED)
//     |    +--- one-phase or local, no writes: no record ----------------------------> COMMITTED
//     |    |
//     |    +--- one-phase or local, writes: ONE_PHASE record appended -------+
//     |                                                                      |
//    PREPARING   PREPARED record on its way to the disk                      |
//     |     +------ ABORT ----> ABORTED                                      |
//    PREPARED    the YES vote may leave; in doubt without a decision         |
//     |     +------ ABORT ----> ABORTED                                      |
//    COMMIT                                                                  |
//     v                                                                      v
//    COMMITTING  COMMITTED record on its way, redo applied, locks free  <----+
//     |
//    COMMITTED   the ack may leave; remembered until ended_below passes
//
// EXECUTING -> PREPARING | READ_ONLY           [on_executed]
// EXECUTING -> COMMITTING | COMMITTED          [on_executed]
// EXECUTING -> OPEN                            [on_executed_piece]
// OPEN -> EXECUTING                            [on_execute, on_prepare_interactive]
// EXECUTING -> ABORTED                         [on_executed, on_executed_piece, on_one_phase_inquiry]
// OPEN -> ABORTED                              [on_execute, on_prepare_interactive, on_tick_open]
// EXECUTING | OPEN -> ABORTED                  [on_tick, on_decide, on_member_asked, Dropped]
// PREPARING -> PREPARED                        [on_durable]
// PREPARING | PREPARED -> COMMITTING | ABORTED [on_decide]
// COMMITTING -> COMMITTED                      [on_durable]
// READ_ONLY -> FORGOTTEN                       [on_release, on_decide, on_member_answered]
//
// Guarantees per state (asserted by assert_invariants):
//  EXECUTING   no record exists: a crash forgets it, which means NO
//  OPEN        interactive, between two EXECUTEs: no record exists; a deadline ends it
//  PREPARING   the YES vote has not left
//  PREPARED    the PREPARED record is durable; only a decision ends it, never time
//  READ_ONLY   no record; locks held; remembered so that a duplicate PREPARE gets the same vote
//  COMMITTING  the decision is COMMIT and stays so; the ack has not left
//  COMMITTED   the COMMITTED or ONE_PHASE record is durable (ack_at applied: the ack also waits for the
//              database file); a one-phase or local branch that only read has no record
//  ABORTED     never votes YES again

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/branch_answers.h"
#include "protocol/branch_effects.h"
#include "protocol/branch_inquiries.h"
#include "protocol/branch_pieces.h"

namespace troth::protocol {

/// Owns the state and the node's knowledge of the branch (its future PREPARED record). Its parts
/// own its answers (BranchAnswers), its inquiries (BranchInquiries) and its executed pieces
/// (BranchPieces).
class Branch {
 public:
  enum class State {
    kExecuting,
    kOpen,
    kPreparing,
    kPrepared,
    kReadOnly,
    kCommitting,
    kCommitted,
    kAborted,
    kForgotten
  };
  using Kind = BranchKind;

  // events
  struct PrepareArrived {
    Prepare message;
    Member coordinator;
    Lsn coordinator_durable;
  };
  struct ExecuteArrived {
    Execute message;
    Member coordinator;
    Lsn coordinator_durable;
  };
  /// The branch must end before it has voted: an older transaction waits, or its coordinator
  /// restarted.
  struct Dropped {
    AbortReason reason;
  };
  struct OnePhase {
    NodeName from;
    CommitOnePhase message;
    WallTime now;
  };
  struct ExecutionEnded {
    Vote vote = Vote::kAbort;
    AbortReason reason;
    std::string redo;
    std::vector<StatementResult> results;
  };
  struct RecordDurable {};  ///< the machine's last forced record
  struct Decided {
    NodeName from;
    Decide message;
  };
  struct ReleaseArrived {};
  struct InquiryAnswered {
    InquiryReply::Answer answer = InquiryReply::Answer::kUndecided;
  };
  struct OnePhaseInquired {
    NodeName from;
  };
  /// Another member is in doubt and asks. In a ballot only a decision is answered.
  struct MemberAsked {
    NodeName from;
    bool ballot = false;
  };
  struct MemberAnswered {
    NodeName from;
    MemberAnswer::Knows knows = MemberAnswer::Knows::kNoOpinion;
  };
  struct MemberReachable {};  ///< a link to another member came up
  struct FileFlushed {};      ///< the database file holds the work
  struct Tick {};
  struct RetryNow {};
  using Event =
      std::variant<PrepareArrived, OnePhase, ExecutionEnded, RecordDurable, Decided, ReleaseArrived,
                   InquiryAnswered, OnePhaseInquired, MemberAsked, MemberAnswered, MemberReachable,
                   FileFlushed, Tick, RetryNow, ExecuteArrived, Dropped>;

  /// First event must be PrepareArrived, ExecuteArrived or OnePhase.
  Branch(const BranchSettings& settings, Gtid gtid, Kind kind);
  /// A transaction of an application that embeds the agent: it is executed, decided and answered
  /// here. Step it with ExecutionEnded when done.
  static Branch local(const BranchSettings& settings, Gtid gtid,
                      std::optional<MonotonicTime> deadline);
  /// ABORT or inquiry for a gtid never seen. `durable`: the log holds it.
  static Branch tombstone(const BranchSettings& settings, Gtid gtid, AbortReason reason,
                          bool durable = false);
  static Branch recovered_prepared(const BranchSettings& settings, const PreparedRecord& record,
                                   MonotonicTime now);
  static Branch recovered_committed(const BranchSettings& settings, Gtid gtid, Kind kind);

  /// Takes the event apart.
  BranchEffects step(Event&& event, MonotonicTime now);

  std::optional<MonotonicTime> next_wake() const { return next_wake_; }
  /// While it executes: when the transaction is aborted anyway.
  std::optional<MonotonicTime> deadline() const { return deadline_; }
  State state() const { return state_; }
  Kind kind() const { return answers_.kind(); }
  const Gtid& gtid() const { return prepared_.gtid; }
  const NodeName& coordinator() const { return prepared_.coordinator.name; }
  /// The PREPARED record as far as it is known. In PREPARING and PREPARED it is complete, also for
  /// a checkpoint.
  const PreparedRecord& prepared_record() const { return prepared_; }
  const BranchInquiries& inquiries() const { return inquiries_; }
  const AbortReason& reason() const { return answers_.reason(); }
  /// Executed piece by piece, and has not begun to prepare.
  bool interactive() const { return pieces_.under_way(); }
  bool in_doubt() const { return state_ == State::kPrepared; }
  /// The branch owes nothing and is owed nothing. It is kept only to answer duplicates until
  /// ended_below passes.
  bool is_over() const;
  /// It is ABORTED, its coordinator decides, and nobody was promised that it stays so.
  friend bool may_forget_abort(const Branch& branch);
  /// A member of three-phase commit that only read has a record, and nothing to apply.
  bool has_work() const {
    return prepared_.protocol != CommitProtocol::kThreePhase || !prepared_.redo.empty();
  }

 private:
  void on_prepare(PrepareArrived& event, BranchEffects& out, MonotonicTime now);
  void on_prepare_interactive(PrepareArrived& event, BranchEffects& out, MonotonicTime now);
  void on_execute(ExecuteArrived& event, BranchEffects& out, MonotonicTime now);
  void on_executed_piece(ExecutionEnded& event, BranchEffects& out, MonotonicTime now);
  void on_tick_open(BranchEffects& out, MonotonicTime now);
  void on_one_phase(OnePhase& event, BranchEffects& out, MonotonicTime now);
  void on_executed(ExecutionEnded& event, BranchEffects& out, MonotonicTime now);
  void on_durable(BranchEffects& out, MonotonicTime now);
  void on_decide(Decided& event, BranchEffects& out);
  void on_decide_commit(AnswerAt ack_at, BranchEffects& out);
  void on_decide_abort(Decide&& message, BranchEffects& out);
  void on_release(BranchEffects& out);
  void on_one_phase_inquiry(const OnePhaseInquired& event, BranchEffects& out);
  void on_member_asked(const MemberAsked& event, BranchEffects& out);
  void on_member_answered(const MemberAnswered& event, BranchEffects& out);
  void on_file_flushed(BranchEffects& out);
  void on_tick(BranchEffects& out, MonotonicTime now);

  void inquire(BranchEffects& out, MonotonicTime now);
  void abort_alone(AbortReason reason, BranchEffects& out);
  BranchView view() const { return {settings_, prepared_}; }
  void assert_invariants() const;

  BranchSettings settings_;
  PreparedRecord prepared_;  // as far as it is known; redo from execution until applied
  State state_ = State::kExecuting;
  BranchAnswers answers_;
  BranchInquiries inquiries_;
  BranchPieces pieces_;
  OnePhaseRecord one_phase_;  // key, digest, retention of a one-phase request
  bool started_ = false;
  bool coordinator_guessed_ = false;
  bool refused_ = false;         // ABORTED, and a crash will not make it vote yes
  bool promised_abort_ = false;  // a member, or the coordinator of a one-phase one, was told so
  std::optional<MonotonicTime> deadline_;  // of EXECUTING only
  std::optional<MonotonicTime> next_wake_;
};

bool may_forget_abort(const Branch& branch);
std::string_view to_string(Branch::State state);

}  // namespace troth::protocol
