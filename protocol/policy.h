#pragma once
// Who may do what: one question, may(principal, action, object), asked by the guards in access/
// before a port is called. Whether a peer's claim fits what a log knows (epoch, log id, the members
// of a branch) is another question, asked by the engine afterwards.

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "protocol/message.h"
#include "protocol/principal.h"
#include "troth/result.h"

namespace troth::protocol {

enum class Action : std::uint8_t {
  // Applications
  kSubmit,          ///< once per branch: node, key, reach
  kBegin,           ///< an interactive transaction that ends with its connection
  kBeginDetached,   ///< one that outlives its connection
  kExecute,         ///< gtid, node, owner, reach
  kCommit,          ///< gtid, owner
  kRollback,        ///< gtid, owner
  kReadOutcome,     ///< gtid or key; owner while the transaction is open
  kReadServerInfo,  ///< versions and features
  // Observers
  kReadStatus,
  kReadLocks,
  kListTransactions,
  kShowTransaction,
  kReadSql,  ///< gtid: the texts of its statements
  kReadAudit,
  kScrape,  ///< the metrics
  // Operators
  kRetry,
  kDrain,        ///< node; resuming too
  kResolve,      ///< a decision by hand; its dry run too
  kForget,       ///< likewise
  kDeclareLost,  ///< node; likewise
  kForgetPeer,   ///< node; likewise
  // Peers. node: the name that the message claims for its sender
  kGreet,            ///< role too
  kAnswerGreeting,   ///< node: the peer that was dialled; role
  kSendBatch,        ///< the header: position and ended_below
  kDirectBranch,     ///< PREPARE, EXECUTE, ONE_PHASE, RELEASE, INQUIRE_ONE_PHASE, INQUIRY_REPLY
  kDecide,           ///< by the coordinator or a member that knows the decision
  kAnswerForBranch,  ///< VOTE, ACK, RELEASED, results, INQUIRE, WOUND, ALARM, RECALLED
  kBallot,           ///< ELECT ... PREDECIDED, ASK_MEMBER, MEMBER_ANSWER
  kRecall,           ///< RECALL, about any coordinator's transaction: gtid, or nil for one by key
};
/// "submit", "resolve", ... for logs, refusals and policies.
std::string_view to_string(Action action);
const std::vector<Action>& all_actions();

/// What an action is about, as far as it is known when the question is asked.
struct Object {
  Gtid gtid;                                    ///< nil: none, or only a part of it was given
  std::string_view node = {};                   ///< a participant or a peer
  std::string_view key = {};                    ///< the idempotency key
  const Principal* owner = nullptr;             ///< who began the transaction; null: not known here
  Reach reach = Reach::kRead;                   ///< of a branch: the most that its statements do
  PrincipalRole role = PrincipalRole::kAnyone;  ///< of a greeting: what the node claims to be
};

/// Thread-safe; must not block. One per daemon, chosen where the daemon is put together.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual bool may(const Principal& principal, Action action, const Object& object) const = 0;
};

/// Everybody may everything. Lives as long as the program.
const Policy& everybody_may();

/// kNotPermitted: who may not do what to what.
Error not_permitted(const Principal& principal, Action action, const Object& object);

/// Which action the sender of `message` claims.
Action action_of(const Message& message);

}  // namespace troth::protocol
