#pragma once
// The questions and actions of operators at the coordinator. Each action is written to the audit
// trail.

#include <functional>
#include <string>

#include "coordinator/status_views.h"
#include "coordinator/transactions.h"
#include "engine/peer_forgetting.h"

namespace troth::coordinator {

/// Owns nothing: the OperatorDesk owns the operators' records. Invariant: no decision by hand here,
/// because the coordinator's log decides. Owned by the engine and touched by its thread alone.
class OperatorCalls {
 public:
  struct Parts {
    const TransactionTable& table;
    Transactions& transactions;
    LostParticipants& lost;
    const StatusViews& views;
    OperatorDesk& desk;
  };
  OperatorCalls(Core& core, Parts parts) : core_(core), parts_(parts) {}

  // what is seen
  NodeStatus status(Now now) const { return parts_.views.status(now); }
  Result<TransactionPage> list(const ListRequest& request, Now now) const {
    return parts_.views.list(request, now);
  }
  Result<TransactionDetail> show(const std::string& id, Now now) const {
    return parts_.views.show(id, now);
  }
  void measure(Measurements& out, Now now) const { parts_.views.measure(out, now); }
  const recovery::OperatorBook& book() const { return parts_.desk.book(); }

  // what is done
  Result<std::int64_t> retry(const std::string& id, const Operator& by, Now now);
  Result<ResolveReply> resolve(const ResolveRequest& request, Now now);
  /// Forgets what a lost participant owed. This and declare_lost() are answered when it is durable.
  void forget(const ForgetRequest& request, LostParticipants::ForgetDone done, Now now);
  void declare_lost(const LostRequest& request, LostParticipants::LostDone done, Now now) {
    parts_.lost.declare(request, std::move(done), now);
  }
  void forget_peer(const ForgetPeerRequest& request, PeerForgetting::Done done, Now now);
  using DrainDone = std::function<void(Status)>;
  /// Lasts until it is resumed, over restarts too.
  void drain_participant(const NodeName& name, bool drain, const Operator& by, DrainDone done,
                         Now now);

 private:
  Core& core_;
  const Parts parts_;
};

}  // namespace troth::coordinator
