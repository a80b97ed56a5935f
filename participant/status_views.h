#pragma once
// What operators, screens and /metrics see of the agent's engine (docs/reference/metrics.md). Reads
// the parts, changes nothing.

#include <string>

#include "engine/peer_handshake.h"
#include "participant/hand_decisions.h"
#include "participant/lock_views.h"
#include "participant/one_phase_keys.h"

namespace troth::participant {

/// Owned by the engine and touched by its thread alone.
class StatusViews {
 public:
  StatusViews(const EngineOptions& options, const protocol::RecordLog& log,
              const BranchTable& table, const PeerLinks& links, const PeerHandshake& peers,
              const HandDecisions& by_hand, const LockViews& locks, const OnePhaseKeys& keys,
              const Standing& standing, const Reports& reports)
      : options_(options),
        log_(log),
        table_(table),
        links_(links),
        peers_(peers),
        by_hand_(by_hand),
        locks_(locks),
        keys_(keys),
        standing_(standing),
        reports_(reports) {}

  void started(MonotonicTime now) { started_ = now; }
  /// The newest numbers of the database from the worker.
  void saw(ResourceStatus database) { database_ = std::move(database); }
  NodeStatus status(Now now) const;
  Result<TransactionPage> list(const ListRequest& request, Now now) const;
  Result<TransactionDetail> show(const std::string& id, Now now) const;
  void measure(Measurements& out, Now now) const;

 private:
  TransactionSummary summary_of(const Gtid& gtid, const BranchEntry& entry, Now now) const;
  TransactionSummary summary_of(const protocol::HeuristicRecord& record, Now now) const;
  Result<TransactionDetail> show_heuristic(const std::string& id, Now now) const;
  void show_heuristics(NodeStatus& status) const;
  void show_links(NodeStatus& status) const;

  const EngineOptions& options_;
  const protocol::RecordLog& log_;
  const BranchTable& table_;
  const PeerLinks& links_;
  const PeerHandshake& peers_;
  const HandDecisions& by_hand_;
  const LockViews& locks_;
  const OnePhaseKeys& keys_;
  const Standing& standing_;
  const Reports& reports_;
  MonotonicTime started_;
  ResourceStatus database_;
};

}  // namespace troth::participant
