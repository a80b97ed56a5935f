#pragma once
// Decisions by hand at a participant (protocol.md section 8). A decision by hand is refused if a
// reachable node knows the true one. It is durable before it acts, is compared with the true one,
// and is shown until an operator forgets it.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/operator_desk.h"
#include "participant/branches.h"

namespace troth::participant {

/// Invariant: a decision by hand is in the log before it acts, and an operator hears of it when it
/// is durable. Owned by the engine and touched by its thread alone.
class HandDecisions {
 public:
  using Done = std::function<void(Result<ResolveReply>)>;

  HandDecisions(const EngineOptions& options, protocol::DurableLog& log, BranchTable& table,
                Branches& branches, const PeerLinks& links, Promises& promises, Reports& reports)
      : options_(options),
        log_(log),
        table_(table),
        branches_(branches),
        links_(links),
        promises_(promises),
        reports_(reports),
        desk_(log, reports) {}

  void adopt(recovery::OperatorTables tables, MonotonicTime now);
  const recovery::OperatorBook& book() const { return desk_.book(); }
  /// For a checkpoint.
  void copy_forward() { desk_.book().copy_forward(); }

  // what operators want
  /// Called back when the action is durable.
  void resolve(const ResolveRequest& request, Done done, Now now);
  void forget(const ForgetRequest& request, Done done, Now now);
  OperatorDesk& desk() { return desk_; }
  const OperatorDesk& desk() const { return desk_; }

  // the truth
  /// True: an operator had decided this transaction before.
  bool compare_with_truth(const NodeName& from, const protocol::Decide& message, Now now);
  /// Its coordinator cannot prove what it decided.
  void hazard(const Gtid& gtid);
  /// A peer is connected again: asks at the next tick, if a decision is to be compared.
  void ask_soon(Now now);
  void ask_for_truth(Now now);
  std::optional<MonotonicTime> next_wake() const { return truth_at_; }
  void tick(Now now);

 private:
  Result<ResolveReply> plan_resolve(const ResolveRequest& request, Now now) const;
  Result<ResolveReply> plan_forget(const ForgetRequest& request) const;
  std::vector<std::string> consequences(const BranchEntry& entry, Decision decision, Now now) const;
  void carry_out(BranchEntry& entry, const protocol::HeuristicRecord& record, Now now);
  void finish(Now now);
  void ack(Lsn until, const Gtid& gtid, const NodeName& coordinator);
  void tell_when_durable(Done done, ResolveReply reply);

  const EngineOptions& options_;
  protocol::DurableLog& log_;
  BranchTable& table_;
  Branches& branches_;
  const PeerLinks& links_;
  Promises& promises_;
  Reports& reports_;
  OperatorDesk desk_;
  bool unfinished_ = false;                // found at the start
  std::optional<MonotonicTime> truth_at_;  // when coordinators are asked what they decided
};

/// The databases differ.
bool is_mixed(const protocol::HeuristicRecord& record);
/// As a state of a transaction.
std::string heuristic_state(const protocol::HeuristicRecord& record);
/// A sentence for people.
std::string describe_heuristic(const protocol::HeuristicRecord& record);
/// Changes whenever an operator must look again before deciding by hand.
std::string revision_of(const EngineOptions& options, const BranchEntry& entry);

}  // namespace troth::participant
