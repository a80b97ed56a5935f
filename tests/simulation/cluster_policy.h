#pragma once
// The permissions of a simulated cluster, where every principal is proved: a node speaks in its own
// name, directs only branches of its own transactions, and answers only as a participant. Correct
// nodes and clients never ask for more, so a refusal is a violation.

#include <map>

#include "protocol/policy.h"
#include "tests/simulation/world.h"

namespace troth::simulation {

inline constexpr const char* kCluster = "simulated";

/// Every client of a run.
inline const protocol::Principal& application() {
  static const protocol::Principal client{kCluster, protocol::PrincipalRole::kApp, "application"};
  return client;
}

class ClusterPolicy final : public protocol::Policy {
 public:
  explicit ClusterPolicy(World& world) : world_(world) {}

  /// `name` directs the transactions of `log`.
  void add_coordinator(const NodeName& name, const LogId& log) {
    tags_[name.text()] = CoordinatorTag::of(log);
  }
  bool may(const protocol::Principal& principal, protocol::Action action,
           const protocol::Object& object) const override {
    if (is_granted(principal, action, object)) return true;
    world_.violation("permissions", "{}", not_permitted(principal, action, object).context);
    return false;
  }

 private:
  bool is_granted(const protocol::Principal& by, protocol::Action action,
                  const protocol::Object& object) const {
    using protocol::Action;
    using protocol::PrincipalRole;
    switch (action) {
      case Action::kSubmit:
      case Action::kBegin:
      case Action::kReadOutcome:
        return by.role == PrincipalRole::kApp;
      case Action::kExecute:
      case Action::kCommit:
      case Action::kRollback:  // without an owner: it has ended, or its coordinator has restarted
        return by.role == PrincipalRole::kApp && (object.owner == nullptr || *object.owner == by);
      case Action::kGreet:
      case Action::kAnswerGreeting:
      case Action::kSendBatch:
      case Action::kDecide:
      case Action::kBallot:
        return is_node(by) && by.name == object.node;
      case Action::kDirectBranch: {
        const auto tag = tags_.find(by.name);
        return by.role == PrincipalRole::kCoordinator && by.name == object.node &&
               tag != tags_.end() && tag->second == object.gtid.tag();
      }
      case Action::kRecall:
        return by.role == PrincipalRole::kCoordinator && by.name == object.node;
      case Action::kAnswerForBranch:
        return by.role == PrincipalRole::kParticipant && by.name == object.node;
      default:  // nobody looks into a simulated daemon from outside
        return false;
    }
  }
  static bool is_node(const protocol::Principal& by) {
    return by.role == protocol::PrincipalRole::kCoordinator ||
           by.role == protocol::PrincipalRole::kParticipant;
  }

  World& world_;
  std::map<std::string, CoordinatorTag, std::less<>> tags_;
};

}  // namespace troth::simulation
