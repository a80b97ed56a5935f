#include "coordinator/operator_calls.h"

#include <fmt/format.h>

namespace troth::coordinator {

using namespace protocol;

Result<ResolveReply> OperatorCalls::resolve(const ResolveRequest& request, Now now) {
  auto reply = parts_.views.why_not(request.id, now);
  if (!request.dry_run)
    parts_.desk.audit(request.decision == Decision::kCommit ? "resolve_commit" : "resolve_abort",
                      request.id, "refused", request.by, now);
  return reply;
}

void OperatorCalls::forget(const ForgetRequest& request, LostParticipants::ForgetDone done,
                           Now now) {
  const auto detail = show(request.id, now);
  parts_.lost.forget(request, detail ? Status() : fail(detail.error()), std::move(done), now);
}

void OperatorCalls::drain_participant(const NodeName& name, bool drain, const Operator& by,
                                      DrainDone done, Now now) {
  const bool known = core_.options.find(name) != nullptr;
  parts_.desk.audit(drain ? "drain" : "resume", name.text(), known ? "ok" : "refused", by, now);
  if (!known)
    return done(fail(ErrorCode::kNotFound, fmt::format("no participant is called {}", name)));
  // It acts immediately. The operator is answered when it is durable.
  parts_.desk.when_durable(core_.log.appended(), [done = std::move(done)] { done({}); });
}

void OperatorCalls::forget_peer(const ForgetPeerRequest& request, PeerForgetting::Done done,
                                Now now) {
  const auto& name = request.peer;
  const bool shown = core_.options.find(name) != nullptr && core_.forgotten.count(name) == 0;
  const PeerAtHand peer{shown || core_.peers.table().knows(name),
                        shown && core_.unnamed.count(name) == 0, core_.links.is_connected(name),
                        parts_.lost.what_is_owed(name)};
  if (!PeerForgetting(parts_.desk, core_.peers, core_.reports)
           .forget(request, peer, std::move(done), now))
    return;
  core_.forgotten.insert(name);
  core_.gate.forget(name);
}

Result<std::int64_t> OperatorCalls::retry(const std::string& id, const Operator& by, Now now) {
  std::vector<Gtid> gtids;
  if (id.empty()) {
    gtids = parts_.table.gtids();
  } else {
    std::string problem;
    const auto* txn = parts_.table.find(id, problem);
    if (txn == nullptr) return fail(ErrorCode::kNotFound, problem);
    gtids.push_back(txn->gtid());
  }
  for (const auto& gtid : gtids) parts_.transactions.retry(gtid, now);
  parts_.desk.audit("retry", id, "ok", by, now);
  return static_cast<std::int64_t>(gtids.size());
}

}  // namespace troth::coordinator
