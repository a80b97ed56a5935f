#pragma once
// Steps the branches and carries out the effects of a step: records, jobs for the worker, messages.

#include <optional>
#include <string>
#include <vector>

#include "base/codec.h"
#include "engine/reports.h"
#include "participant/branch_table.h"
#include "participant/flush_schedule.h"
#include "participant/one_phase_keys.h"
#include "participant/peer_links.h"
#include "participant/promises.h"
#include "participant/sql_texts.h"

namespace troth::participant {

/// Invariant: what a branch promises is held for
///   max(its last forced record, the newest one-phase commit that its execution may have read).
/// Owned by the engine and touched by its thread alone.
class Branches {
 public:
  /// The parts that a step of a branch moves; they outlive this.
  struct Parts {
    BranchTable& table;
    FlushSchedule& flush;
    OnePhaseKeys& keys;
    PeerLinks& links;
    Promises& promises;
  };
  Branches(const EngineOptions& options, protocol::RecordLog& log, WorkerPort& worker,
           Reports& reports, Parts parts)
      : options_(options), log_(log), worker_(worker), reports_(reports), parts_(parts) {}

  void step(BranchEntry& entry, protocol::Branch::Event&& event, Now now,
            std::vector<Statement>* statements = nullptr);
  /// As if the coordinator had decided, but without an acknowledgement.
  void decide_by_hand(BranchEntry& entry, const NodeName& coordinator,
                      const protocol::Decide& decide, Now now);
  void on_executed(Executed&& executed, Now now);
  /// It votes NO with LOG_FULL, if it has not voted yet.
  void refuse_for_space(BranchEntry& entry, Now now);
  void on_flushed(Lsn marker, Now now);
  /// The time of a drain is over: branches that have not executed abort with DRAINING.
  void refuse_executing(Now now);

  // embedded transactions
  void start_local(const Gtid& gtid, std::vector<Statement>&& statements, Duration deadline,
                   LocalDone&& done, Now now);
  /// Answers the client of the embedded transaction, if it still waits.
  void answer_local(const Gtid& gtid, TransactionOutcome&& outcome);
  /// Forgets those that are over and answered.
  void forget_local();
  /// No round will answer these: kInDoubt if the transaction has a record. `failure`: why.
  void end_local_executing(const std::optional<Error>& failure);
  void end_local_all(const std::optional<Error>& failure);

  /// What lives, for a checkpoint.
  void copy_forward();

 private:
  void carry_out(BranchEntry& entry, protocol::BranchEffects&& effects, Now now,
                 std::vector<Statement>* statements);
  std::optional<protocol::RecordType> append_encoded(BranchEntry& entry, protocol::RecordType type,
                                                     protocol::Force force);
  void append(const protocol::Record& record);
  void start_job(BranchEntry& entry, protocol::BranchJob job, Now now,
                 std::vector<Statement>* statements);
  void execution_ended(BranchEntry& entry);
  void end_local(BranchEntry& entry, const std::optional<Error>& failure);
  void count_transition(BranchEntry& entry, protocol::Branch::State before);

  const EngineOptions& options_;
  protocol::RecordLog& log_;
  WorkerPort& worker_;
  Reports& reports_;
  const Parts parts_;
  ByteWriter encoded_;  // the record that is being appended
  SqlTexts sql_texts_;
  Lsn last_one_phase_;            // newest ONE_PHASE record appended
  std::vector<Gtid> local_over_;  // embedded transactions, to be forgotten at the end of the round
};

/// Ends the span of a branch that is over, if its client asked for spans.
void end_span(const EngineOptions& options, const BranchEntry& entry, Now now);

}  // namespace troth::participant
