#pragma once
// Questions about the outcome of a transaction: of participants about one that is not running here,
// and of clients about any.

#include <map>
#include <string>

#include "coordinator/conversations.h"
#include "coordinator/recalls.h"
#include "coordinator/searches.h"
#include "engine/operator_desk.h"

namespace troth::coordinator {

/// Owns the transactions that were undecided before this log was adopted from a copy: this node
/// takes no part in their ballots. Invariant: no node or client hears "aborted" of a transaction
/// that may have committed. A missing record proves an abort only if a commit would have left one.
/// Owned by the engine and touched by its thread alone.
class Inquiries {
 public:
  using Done = KnownOutcomes::Done;
  struct Parts {
    const TransactionTable& table;
    const Conversations& conversations;
    KnownOutcomes& outcomes;
    IdempotencyKeys& keys;
    EndedBook& history;
    Searches& searches;
    Recalls& recalls;
    const recovery::OperatorBook& book;
  };
  Inquiries(Core& core, Parts parts) : core_(core), parts_(parts) {}

  /// Precommitted before this log was copied and adopted: promises may be missing.
  void adopt(const recovery::UndecidedQuorum& undecided);
  /// For a checkpoint.
  void copy_forward();
  const std::map<Gtid, recovery::UndecidedQuorum>& before_adoption() const {
    return before_adoption_;
  }

  /// A message about a transaction that is not running here.
  void on_unknown(const NodeName& from, const protocol::Message& message, Now now);

  // clients
  void get_outcome(const Gtid& gtid, bool wait, Done done, Now now);
  /// `digest`: of the body that was sent with it; nullptr: not known.
  void get_outcome_by_key(const std::string& key, Done done, Now now,
                          const std::string* digest = nullptr);

 private:
  void on_unknown_decision(const NodeName& from, const protocol::Decide& decide, Now now);
  bool on_unknown_member(const NodeName& from, const protocol::Message& message, Now now);
  void cannot_prove(const NodeName& from, const Gtid& gtid);
  void presume_abort(const NodeName& to, const Gtid& gtid, Now now);
  bool is_presumable(const Gtid& gtid) const;
  Result<TransactionOutcome> unknown_key(Now now) const;
  TransactionOutcome ended_long_ago(const Gtid& gtid) const;

  Core& core_;
  const Parts parts_;
  std::map<Gtid, recovery::UndecidedQuorum> before_adoption_;
};

}  // namespace troth::coordinator
