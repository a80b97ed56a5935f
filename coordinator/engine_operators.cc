// What operators ask of a coordinator: it never decides by hand, for its log is what decides. It
// says why, and keeps the trail.
#include <fmt/format.h>

#include "coordinator/engine.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

tl::unexpected<Error> refused(std::string why) {
  return fail(ErrorCode::kIllegalState, "refused: " + std::move(why));
}

std::string joined(const std::vector<NodeName>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name.text();
  return out.empty() ? "its own log" : out;
}

}  // namespace

Result<ResolveReply> Engine::resolve(const ResolveRequest& request, Now now) {
  auto reply = why_not(request.id, now);
  if (!request.dry_run)
    audit(request.decision == Decision::kCommit ? "resolve_commit" : "resolve_abort", request.id,
          "refused", request.by, now);
  return reply;
}

tl::unexpected<Error> Engine::why_not(const std::string& id, Now now) const {
  const auto detail = show(id, now);
  if (!detail) return fail(detail.error());
  const auto& summary = detail->summary;
  if (summary.state == "committing")
    return refused(fmt::format(
        "COMMIT is in the log and {} of {} participants have confirmed it; aborting it at "
        "{} would leave it committed elsewhere (mixed outcome): troth txn retry {}",
        detail->branches.size() - summary.waiting_for.size(), detail->branches.size(),
        joined(summary.waiting_for), summary.gtid));
  if (summary.state == "precommitting")
    return refused(fmt::format(
        "every participant voted yes, and a majority of its members decides it: this node is one "
        "of them and waits for {}: troth txn retry {}",
        joined(summary.waiting_for), summary.gtid));
  if (summary.state == "committed" || summary.state == "aborted")
    return refused(fmt::format("it is {}: there is nothing to decide", summary.state));
  if (summary.state == "uncertain" || summary.protocol == "one_phase")
    return refused(fmt::format("only {} knows the outcome: troth txn retry {}",
                               joined(summary.waiting_for), summary.gtid));
  return refused(fmt::format("it is {} and decides by itself within its deadline; it waits for {}",
                             summary.state, joined(summary.waiting_for)));
}

Result<ResolveReply> Engine::forget(const ForgetRequest& request, Now now) {
  if (!request.dry_run) audit("forget", request.id, "refused", request.by, now);
  if (const auto detail = show(request.id, now); !detail) return fail(detail.error());
  return refused(
      "a coordinator decides nothing by hand; ask the participant that shows it (-e HOST:PORT)");
}

void Engine::drain_participant(const NodeName& name, bool drain, const Operator& by, DrainDone done,
                               Now now) {
  const bool known = options_.participants.count(name) != 0;
  audit(drain ? "drain" : "resume", name.text(), known ? "ok" : "refused", by, now);
  if (!known)
    return done(fail(ErrorCode::kNotFound, fmt::format("no participant is called {}", name)));
  // It acts at once, and is confirmed when no crash can take it back.
  operators_waiting_.emplace(log_.appended(), [done = std::move(done)] { done({}); });
}

void Engine::audit(const std::string& action, const std::string& subject, const std::string& result,
                   const Operator& by, Now now) {
  ++meters_.operator_actions[{action, result}];
  logger_.info("operator", {{"action", action},
                            {"subject", subject},
                            {"result", result},
                            {"by", by.name},
                            {"reason", by.reason}});
  operators_.note({now.wall, action, result, subject, by});
}

}  // namespace troth::coordinator
