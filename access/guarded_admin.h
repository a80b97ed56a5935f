#pragma once
// What operators and monitors ask of either daemon, each behind its question to the policy. A proved
// name replaces the one that an operator gives for the audit trail.

#include <string>
#include <vector>

#include "protocol/policy.h"
#include "protocol/ports.h"

namespace troth::access {

struct Scrape {
  NodeStatus status;
  Measurements measured;
};

/// Thread-safe. Errors are those of the port, and kNotPermitted.
class GuardedAdmin {
 public:
  using Principal = protocol::Principal;
  /// Both outlive this.
  GuardedAdmin(const protocol::Policy& policy, protocol::AdminPort& port)
      : policy_(policy), port_(port) {}

  Result<NodeStatus> status(const Principal& by);
  Result<TransactionPage> list_transactions(const Principal& by, const ListRequest& request);
  /// Leaves out the SQL texts if the principal may not read them.
  Result<TransactionDetail> show_transaction(const Principal& by, const std::string& id);
  Result<LockPage> locks(const Principal& by, const LockQuery& query);
  Result<std::vector<AuditEntry>> audit(const Principal& by, std::size_t limit);
  Result<Scrape> scrape(const Principal& by);
  /// For a supervisor's probe, which asks without an identity: nothing of it but the state may be
  /// shown.
  Result<NodeStatus> probe() { return port_.status(); }

  Result<std::int64_t> retry_transactions(const Principal& by, const std::string& id,
                                          Operator claimed);
  Status drain_participant(const Principal& by, const NodeName& name, bool drain, Operator claimed);
  Result<ResolveReply> resolve(const Principal& by, ResolveRequest request);
  Result<ResolveReply> forget(const Principal& by, ForgetRequest request);
  Result<LostReply> declare_lost(const Principal& by, LostRequest request);
  Result<ForgetPeerReply> forget_peer(const Principal& by, ForgetPeerRequest request);

 private:
  Status ask(const Principal& by, protocol::Action action,
             const protocol::Object& object = {}) const;

  const protocol::Policy& policy_;
  protocol::AdminPort& port_;
};

}  // namespace troth::access
