#include "access/role_policy.h"

namespace troth::access {

namespace {

using protocol::Action;
using protocol::Object;
using protocol::Principal;
using Role = protocol::PrincipalRole;

/// An app that reaches so far at the participant; "" = the branch of no participant.
bool app_reaches(const Principal& by, const Object& object) {
  if (!by.role.has(Role::kApp)) return false;
  if (!by.grants) return true;
  const auto granted = by.grants->find(object.node);
  return granted != by.grants->end() && object.reach <= granted->second;
}

/// An app that began the transaction. An unknown owner is no obstacle: then the transaction is not
/// open, and the engine says so.
bool app_owns(const Principal& by, const Object& object) {
  return by.role.has(Role::kApp) && (object.owner == nullptr || by.is_same_party(*object.owner));
}

/// The message names its sender: it must be the holder of the certificate.
bool is_named(const Principal& by, const Object& object) {
  return by.name == object.node;
}

class RolePolicy final : public protocol::Policy {
 public:
  bool may(const Principal& by, Action action, const Object& object) const override {
    switch (action) {
      case Action::kSubmit:
        return app_reaches(by, object);
      case Action::kBegin:
      case Action::kBeginDetached:
        return by.role.has(Role::kApp);
      case Action::kExecute:
        return app_owns(by, object) && app_reaches(by, object);
      case Action::kCommit:
        return app_owns(by, object);
      case Action::kRollback:
        return app_owns(by, object) || by.role.has(Role::kOperator);
      case Action::kReadOutcome:
        return app_owns(by, object) || by.role.has(Role::kObserver);
      case Action::kReadServerInfo:
        return by.has_identity();
      default:
        return may_administer(by, action) || may_as_peer(by, action, object);
    }
  }

 private:
  static bool may_administer(const Principal& by, Action action) {
    switch (action) {
      case Action::kReadStatus:
      case Action::kReadLocks:
      case Action::kListTransactions:
      case Action::kShowTransaction:
        return by.role.has(Role::kObserver);
      case Action::kReadSql:
        return by.role.has(Role::kObserver) && by.role.has(Role::kSql);
      case Action::kReadAudit:
        return by.role.has(Role::kAuditor);
      case Action::kScrape:
        return by.role.has(Role::kScraper);
      case Action::kRetry:
      case Action::kDrain:
        return by.role.has(Role::kOperator);
      case Action::kResolve:
      case Action::kForget:
      case Action::kDeclareLost:
      case Action::kForgetPeer:
        return by.role.has(Role::kResolver);
      default:
        return false;
    }
  }

  /// Whether the log, the epoch and the branch fit is the engine's question.
  static bool may_as_peer(const Principal& by, Action action, const Object& object) {
    switch (action) {
      case Action::kGreet:
      case Action::kAnswerGreeting:
        return by.role.has(object.role) && is_named(by, object);
      case Action::kDirectBranch:
      case Action::kRecall:
        return by.role.has(Role::kCoordinator) && is_named(by, object);
      case Action::kAnswerForBranch:
        return by.role.has(Role::kParticipant) && is_named(by, object);
      case Action::kSendBatch:
      case Action::kDecide:
      case Action::kBallot:
        return by.role.is_node() && is_named(by, object);
      default:
        return false;
    }
  }
};

}  // namespace

const protocol::Policy& role_policy() {
  static const RolePolicy policy;
  return policy;
}

}  // namespace troth::access
