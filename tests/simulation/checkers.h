#pragma once
// Checkers that are not the code's own opinion (failures.md section 6): they look at what clients
// were told, at what went over the wire, and at the stores and logs themselves.

#include "tests/simulation/history.h"

namespace troth::simulation {

/// Listens on the wire: a decision never changes (I2), nor does a vote or what a ballot proposes,
/// and a gtid means one request for ever.
class WireWatcher {
 public:
  explicit WireWatcher(World& world) : world_(world) {}
  void see(const protocol::Batch& batch, const NodeName& to);
  /// The coordinator itself told the outcome of a transaction.
  void see_outcome(const TransactionOutcome& outcome);
  /// The same as the answer to a question for `asked`, which may be an earlier attempt.
  void see_answer(const Gtid& asked, const TransactionOutcome& outcome);
  /// The question itself was refused.
  void see_refusal(const Gtid& asked, const Error& why);
  /// Of which gtids somebody was told a definite outcome.
  std::vector<Gtid> answered() const;
  const std::map<Gtid, Outcome>& outcomes_told() const { return told_; }
  std::set<Gtid> read_alone_;  // one-phase, and nothing was changed
  /// A participant has recovered and holds these transactions in doubt.
  void see_in_doubt(const NodeName& participant, const std::vector<Gtid>& gtids);
  /// Transactions in which a member led a ballot above the first, or asked the others.
  std::size_t terminations() const { return terminated_.size(); }

 private:
  bool only_read(const Gtid& gtid) const;
  void see_result(const NodeName& from, Epoch epoch, const protocol::OnePhaseResult& result);

  std::set<std::pair<Gtid, NodeName>> acked_;
  World& world_;
  std::map<Gtid, Outcome> told_;
  std::map<Gtid, std::pair<Outcome, Gtid>> answers_;  // by the gtid asked for
  std::map<Gtid, Decision> decisions_;
  std::set<Gtid> terminated_;
  std::map<std::pair<Gtid, protocol::Ballot>, Decision> proposals_;
  std::map<std::pair<Gtid, NodeName>, Vote> votes_;
  std::map<std::pair<Gtid, NodeName>, Epoch> vote_epochs_;
  std::map<std::pair<Gtid, NodeName>, std::string> requests_;
  struct Result {
    Outcome outcome;
    Epoch epoch;
    bool refused;  // promised never to execute it
  };
  std::map<std::pair<Gtid, NodeName>, Result> results_;  // of one-phase commits
};

/// After healing and quiescence. I1 atomicity, I6 client truth, I7 exactly once, I8 no phantoms,
/// conservation, I10 durability.
void check_stores(World& world, const std::vector<Request>& requests,
                  const std::vector<ParticipantNode*>& participants);

/// Reads every node's log from its disk: nobody committed what another aborted, or what whoever
/// asked was `told` to be aborted; and the other way round.
void check_logs(World& world, const std::vector<Node*>& nodes, const std::map<Gtid, Outcome>& told);

/// I9: builds Adya's graph from the lists (version order is visible in them) with real-time edges
/// and reports the first cycle by its class (G0, G1c, G-single, G2), or an aborted or intermediate
/// read (G1a, G1b).
void check_serializable(World& world, const std::vector<Request>& requests,
                        const std::vector<ParticipantNode*>& participants);

}  // namespace troth::simulation
