#pragma once
// What applications ask of a coordinator, each request behind its question to the policy. The faces
// (Thrift, HTTP) hold this, never the port itself: without a principal there is no way through.

#include <memory>
#include <string>
#include <vector>

#include "access/owners.h"
#include "protocol/policy.h"
#include "protocol/ports.h"

namespace troth::access {

/// Thread-safe. Refusals are kNotPermitted, through the same callback as every other answer, and
/// mean that nothing was started.
class GuardedCoordinator {
 public:
  using Principal = protocol::Principal;
  using SubmitDone = protocol::SubmitDone;
  using OutcomeDone = protocol::CoordinatorPort::OutcomeDone;
  using BeginDone = protocol::InteractivePort::BeginDone;
  using ExecuteDone = protocol::InteractivePort::ExecuteDone;

  /// Both outlive this.
  GuardedCoordinator(const protocol::Policy& policy, protocol::CoordinatorPort& port);

  void submit(const Principal& by, SubmitRequest request, SubmitDone done);
  void submit_quietly(const Principal& by, SubmitRequest request, SubmitDone done);
  /// A refused request costs none of the others.
  void submit_all(const Principal& by, std::vector<SubmitRequest> requests,
                  const std::shared_ptr<SubmitDone::Waiter>& waiter);
  void settle() { port_.settle(); }
  void get_outcome(const Principal& by, const Gtid& gtid, OutcomeDone done);
  void get_outcome_by_key(const Principal& by, const std::string& key, OutcomeDone done);
  void get_outcome_of(const Principal& by, const std::string& key, const std::string& digest,
                      OutcomeDone done);
  void await_outcome(const Principal& by, const Gtid& gtid, OutcomeDone done);

  void begin(const Principal& by, BeginRequest request, BeginDone done);
  void execute(const Principal& by, const Gtid& gtid, BranchRequest request, ExecuteDone done);
  void commit(const Principal& by, const Gtid& gtid, SubmitDone done);
  void rollback(const Principal& by, const Gtid& gtid, SubmitDone done);
  /// The connection on which `gtid` was begun is gone. Not an action of its client: not asked for.
  void roll_back_orphan(const Gtid& gtid);

 private:
  /// One for each branch; nothing if all are permitted.
  std::optional<Error> refuse(const Principal& by, const SubmitRequest& request) const;
  std::optional<Error> refuse(const Principal& by, protocol::Action action, const Gtid& gtid,
                              std::string_view node = {},
                              protocol::Reach reach = protocol::Reach::kRead) const;

  const protocol::Policy& policy_;
  protocol::CoordinatorPort& port_;
  const std::shared_ptr<Owners> owners_;  // answers may come after this is gone
};

}  // namespace troth::access
