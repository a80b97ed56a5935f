#pragma once
// A participant that is gone for good owes acknowledgements that will never come. Declaring it lost
// ends delivery and never changes a decision: COMMIT stays COMMIT. The declaration is durable
// before it takes effect. The missing changes are shown until an operator says that they were
// repaired (protocol.md section 8).

#include <functional>
#include <string>
#include <vector>

#include "coordinator/transactions.h"
#include "engine/operator_desk.h"

namespace troth::coordinator {

/// The operators' book keeps what is owed. Invariant: a debt of a participant is forgotten only if
/// an operator says so or the participant confirms it. Owned by the engine and touched by its
/// thread alone.
class LostParticipants {
 public:
  using LostDone = std::function<void(Result<LostReply>)>;
  using ForgetDone = std::function<void(Result<ResolveReply>)>;

  LostParticipants(Core& core, const TransactionTable& table, const KnownOutcomes& outcomes,
                   Transactions& transactions, OperatorDesk& desk)
      : core_(core), table_(table), outcomes_(outcomes), transactions_(transactions), desk_(desk) {}

  // operators; both are answered when the action is durable
  void declare(const LostRequest& request, LostDone done, Now now);
  /// `is_known`: whether this coordinator has a transaction with that id.
  void forget(const ForgetRequest& request, const Status& is_known, ForgetDone done, Now now);

  /// The COMMIT record found in the log still names it, and END was lost or is not due yet.
  void give_up_again(Now now);
  /// It was not lost after all, and will answer.
  void tell_what_was_given_up(const NodeName& participant);
  void confirmed_after_all(const NodeName& from, const Gtid& gtid, Now now);

  // what is shown
  /// In gtid order, without those that are still running.
  std::vector<Gtid> unconfirmed() const;
  TransactionSummary summary_of(const Gtid& gtid, Now now) const;
  TransactionDetail show(const Gtid& gtid, Now now) const;
  /// The transactions that wait for it, for people; "" = none.
  std::string what_is_owed(const NodeName& participant) const;
  void add_alarms(std::vector<std::string>& alarms) const;

 private:
  std::vector<Gtid> owed_by(const NodeName& participant) const;
  std::vector<Gtid> unconfirmed_by(const NodeName& participant) const;
  Result<LostReply> plan_lost(const LostRequest& request, const std::vector<Gtid>& gtids) const;
  Result<LostReply> plan_forget_lost(const LostRequest& request,
                                     const std::vector<Gtid>& gtids) const;
  Result<ResolveReply> plan_forget(const ForgetRequest& request) const;
  Status may_forget(const Gtid& gtid, const NodeName& participant) const;

  Core& core_;
  const TransactionTable& table_;
  const KnownOutcomes& outcomes_;
  Transactions& transactions_;
  OperatorDesk& desk_;
};

}  // namespace troth::coordinator
