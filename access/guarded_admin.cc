#include "access/guarded_admin.h"

#include <fmt/format.h>

#include <utility>

namespace troth::access {

using protocol::Action;
using protocol::Object;

namespace {

/// As far as `id` is a whole gtid.
Object about(const std::string& id) {
  const auto gtid = Gtid::parse(id);
  return {gtid ? *gtid : Gtid()};
}

Status check(const char* what, const std::string& text, std::size_t most) {
  if (text.size() <= most) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} has {} bytes and the limit is {}", what, text.size(), most));
}

/// What is kept of each action of an operator, in the log and in memory: who, why, and about what.
Status sign(Operator& by, const protocol::Principal& principal, const std::string& id = "") {
  constexpr std::size_t kMostIdBytes = 256;
  if (principal.has_identity()) by.name = text_of(principal);
  TROTH_TRY(check("the name of the operator", by.name, Operator::kMostNameBytes));
  TROTH_TRY(check("the reason", by.reason, Operator::kMostReasonBytes));
  return check("the id of the transaction", id, kMostIdBytes);
}

}  // namespace

Status GuardedAdmin::ask(const Principal& by, Action action, const Object& object) const {
  if (policy_.may(by, action, object)) return {};
  return fail(protocol::not_permitted(by, action, object));
}

Result<NodeStatus> GuardedAdmin::status(const Principal& by) {
  TROTH_TRY(ask(by, Action::kReadStatus));
  return port_.status();
}

Result<TransactionPage> GuardedAdmin::list_transactions(const Principal& by,
                                                        const ListRequest& request) {
  TROTH_TRY(ask(by, Action::kListTransactions));
  return port_.list_transactions(request);
}

Result<TransactionDetail> GuardedAdmin::show_transaction(const Principal& by,
                                                         const std::string& id) {
  TROTH_TRY(ask(by, Action::kShowTransaction, about(id)));
  auto detail = port_.show_transaction(id);
  if (detail && !policy_.may(by, Action::kReadSql, {detail->summary.gtid}))
    for (auto& branch : detail->branches) branch.statements.clear();
  return detail;
}

Result<LockPage> GuardedAdmin::locks(const Principal& by, const LockQuery& query) {
  TROTH_TRY(ask(by, Action::kReadLocks, about(query.id)));
  return port_.locks(query);
}

Result<std::vector<AuditEntry>> GuardedAdmin::audit(const Principal& by, std::size_t limit) {
  TROTH_TRY(ask(by, Action::kReadAudit));
  return port_.audit(limit);
}

Result<Scrape> GuardedAdmin::scrape(const Principal& by) {
  TROTH_TRY(ask(by, Action::kScrape));
  TROTH_ASSIGN_OR_RETURN(auto status, port_.status());
  TROTH_ASSIGN_OR_RETURN(auto measured, port_.measure());
  return Scrape{std::move(status), std::move(measured)};
}

Result<std::int64_t> GuardedAdmin::retry_transactions(const Principal& by, const std::string& id,
                                                      Operator claimed) {
  TROTH_TRY(ask(by, Action::kRetry, about(id)));
  TROTH_TRY(sign(claimed, by, id));
  return port_.retry_transactions(id, claimed);
}

Status GuardedAdmin::drain_participant(const Principal& by, const NodeName& name, bool drain,
                                       Operator claimed) {
  TROTH_TRY(ask(by, Action::kDrain, {{}, name.text()}));
  TROTH_TRY(sign(claimed, by));
  return port_.drain_participant(name, drain, claimed);
}

Result<ResolveReply> GuardedAdmin::resolve(const Principal& by, ResolveRequest request) {
  TROTH_TRY(ask(by, Action::kResolve, about(request.id)));
  TROTH_TRY(sign(request.by, by, request.id));
  return port_.resolve(request);
}

Result<ResolveReply> GuardedAdmin::forget(const Principal& by, ForgetRequest request) {
  TROTH_TRY(ask(by, Action::kForget, about(request.id)));
  TROTH_TRY(sign(request.by, by, request.id));
  return port_.forget(request);
}

Result<LostReply> GuardedAdmin::declare_lost(const Principal& by, LostRequest request) {
  TROTH_TRY(ask(by, Action::kDeclareLost, {{}, request.participant.text()}));
  TROTH_TRY(sign(request.by, by));
  return port_.declare_lost(request);
}

Result<ForgetPeerReply> GuardedAdmin::forget_peer(const Principal& by, ForgetPeerRequest request) {
  TROTH_TRY(ask(by, Action::kForgetPeer, {{}, request.peer.text()}));
  TROTH_TRY(sign(request.by, by));
  return port_.forget_peer(request);
}

}  // namespace troth::access
