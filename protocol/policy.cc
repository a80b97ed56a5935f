#include "protocol/policy.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/overloaded.h"

namespace troth::protocol {

namespace {

constexpr std::array<std::pair<Action, std::string_view>, 29> kActions = {{
    {Action::kSubmit, "submit"},
    {Action::kBegin, "begin"},
    {Action::kBeginDetached, "begin_detached"},
    {Action::kExecute, "execute"},
    {Action::kCommit, "commit"},
    {Action::kRollback, "rollback"},
    {Action::kReadOutcome, "read_outcome"},
    {Action::kReadServerInfo, "read_server_info"},
    {Action::kReadStatus, "read_status"},
    {Action::kReadLocks, "read_locks"},
    {Action::kListTransactions, "list_transactions"},
    {Action::kShowTransaction, "show_transaction"},
    {Action::kReadSql, "read_sql"},
    {Action::kReadAudit, "read_audit"},
    {Action::kScrape, "scrape"},
    {Action::kRetry, "retry"},
    {Action::kDrain, "drain"},
    {Action::kResolve, "resolve"},
    {Action::kForget, "forget"},
    {Action::kDeclareLost, "declare_lost"},
    {Action::kForgetPeer, "forget_peer"},
    {Action::kGreet, "greet"},
    {Action::kAnswerGreeting, "answer_greeting"},
    {Action::kSendBatch, "send_batch"},
    {Action::kDirectBranch, "direct_branch"},
    {Action::kDecide, "decide"},
    {Action::kAnswerForBranch, "answer_for_branch"},
    {Action::kBallot, "ballot"},
    {Action::kRecall, "recall"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kActions.size(); ++i)
    if (static_cast<std::size_t>(kActions[i].first) != i) return false;
  return true;
}
static_assert(in_order(), "to_string() finds a row by the number of its action");

class EverybodyMay final : public Policy {
 public:
  bool may(const Principal&, Action, const Object&) const override { return true; }
};

}  // namespace

std::string_view to_string(Action action) {
  return kActions.at(static_cast<std::size_t>(action)).second;
}

const std::vector<Action>& all_actions() {
  static const auto all = [] {
    std::vector<Action> out;
    for (const auto& row : kActions) out.push_back(row.first);
    return out;
  }();
  return all;
}

const Policy& everybody_may() {
  static const EverybodyMay policy;
  return policy;
}

Error not_permitted(const Principal& principal, Action action, const Object& object) {
  std::string about;
  if (!object.gtid.is_nil()) about += fmt::format(" {}", object.gtid);
  if (!object.node.empty()) about += fmt::format(" {}", object.node);
  return {ErrorCode::kNotPermitted,
          fmt::format("{} has no permission for {}{}", text_of(principal), to_string(action),
                      about.empty() ? "" : " of" + about)};
}

Action action_of(const Message& message) {
  constexpr auto kDirect = Action::kDirectBranch;
  constexpr auto kAnswer = Action::kAnswerForBranch;
  return std::visit(Overloaded{[](const Prepare&) { return kDirect; },
                               [](const Execute&) { return kDirect; },
                               [](const CommitOnePhase&) { return kDirect; },
                               [](const Release&) { return kDirect; },
                               [](const InquireOnePhase&) { return kDirect; },
                               [](const InquiryReply&) { return kDirect; },
                               [](const Recall&) { return Action::kRecall; },
                               [](const Recalled&) { return kAnswer; },
                               [](const Decide&) { return Action::kDecide; },
                               [](const VoteMessage&) { return kAnswer; },
                               [](const Ack&) { return kAnswer; },
                               [](const Released&) { return kAnswer; },
                               [](const ExecuteResult&) { return kAnswer; },
                               [](const OnePhaseResult&) { return kAnswer; },
                               [](const Inquire&) { return kAnswer; },
                               [](const Wound&) { return kAnswer; },
                               [](const Alarm&) { return kAnswer; },
                               [](const Elect&) { return Action::kBallot; },
                               [](const Elected&) { return Action::kBallot; },
                               [](const PreDecide&) { return Action::kBallot; },
                               [](const PreDecided&) { return Action::kBallot; },
                               [](const AskMember&) { return Action::kBallot; },
                               [](const MemberAnswer&) { return Action::kBallot; }},
                    message);
}

}  // namespace troth::protocol
