#pragma once
// The views of the coordinator's engine for people and machines: its status, its transactions
// (running, open, lost, ended), its measurements, and why an operator cannot decide by hand.

#include <string>

#include "coordinator/conversations.h"
#include "coordinator/lost_participants.h"

namespace troth::coordinator {

/// Reads the other parts and changes none. Owned by the engine and touched by its thread alone.
class StatusViews {
 public:
  struct Parts {
    const TransactionTable& table;
    const Conversations& conversations;
    const KnownOutcomes& outcomes;
    const OperatorDesk& desk;
    const LostParticipants& lost;
    const PeerHandshake& peers;
    const IdempotencyKeys& keys;
    const EndedBook& history;
  };
  StatusViews(const Core& core, Parts parts) : core_(core), parts_(parts) {}

  void started(MonotonicTime now) { started_ = now; }
  NodeStatus status(Now now) const;
  Result<TransactionPage> list(const ListRequest& request, Now now) const;
  Result<TransactionDetail> show(const std::string& id, Now now) const;
  /// docs/reference/metrics.md
  void measure(Measurements& out, Now now) const;
  /// Why the transaction is not decided by hand: the log decides, or another node knows.
  tl::unexpected<Error> why_not(const std::string& id, Now now) const;

 private:
  TransactionSummary summary_of(const Transaction& txn, Now now) const;
  TransactionSummary summary_of(const Gtid& gtid, const Conversations::Open& open, Now now) const;
  TransactionSummary summary_of_ended(const Gtid& gtid, const RememberedOutcomes::View& known,
                                      Now now) const;
  TransactionDetail show(const Transaction& txn, Now now) const;
  TransactionDetail show(const Gtid& gtid, const Conversations::Open& open, Now now) const;
  Result<TransactionDetail> show_ended(const std::string& id, Now now) const;
  BranchDetail branch_of(const protocol::GlobalCommit& commit, const NodeName& member) const;
  const Conversations::Table::value_type* find_open(const std::string& id) const;
  void add_links(NodeStatus& status) const;
  void add_counters(NodeStatus& status, Now now) const;
  void measure_protocols(Measurements& out) const;

  const Core& core_;
  const Parts parts_;
  MonotonicTime started_;
};

}  // namespace troth::coordinator
