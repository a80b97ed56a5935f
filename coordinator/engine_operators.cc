// What operators ask of a coordinator: it never decides by hand, for its log is what decides. It
// says why, and keeps the trail.
#include <fmt/format.h>

#include "coordinator/engine.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

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
  if (summary.state == "heuristic_hazard")
    return refused(
        fmt::format("it is committed, only {} never confirmed it: there is nothing to "
                    "decide",
                    joined(summary.waiting_for)));
  if (summary.state == "uncertain" || summary.protocol == "one_phase")
    return refused(fmt::format("only {} knows the outcome: troth txn retry {}",
                               joined(summary.waiting_for), summary.gtid));
  return refused(fmt::format("it is {} and decides by itself within its deadline; it waits for {}",
                             summary.state, joined(summary.waiting_for)));
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

Result<std::int64_t> Engine::retry(const std::string& id, const Operator& by, Now now) {
  std::vector<Gtid> gtids;
  if (id.empty()) {
    for (const auto& [gtid, txn] : live_) gtids.push_back(gtid);
  } else {
    std::string problem;
    const auto* txn = find(id, problem);
    if (txn == nullptr) return fail(ErrorCode::kNotFound, problem);
    gtids.push_back(std::visit([](const auto& m) { return m.gtid(); }, txn->machine));
  }
  for (const auto& gtid : gtids) poke(gtid, now);
  audit("retry", id, "ok", by, now);
  return static_cast<std::int64_t>(gtids.size());
}

void Engine::poke(const Gtid& gtid, Now now) {
  const auto found = live_.find(gtid);
  if (found == live_.end()) return;
  if (std::holds_alternative<GlobalCommit>(found->second.machine)) {
    step(found->second, GlobalCommit::Event(GlobalCommit::RetryNow{}), now);
  } else {
    step(found->second, OnePhaseCommit::Event(OnePhaseCommit::RetryNow{}), now);
  }
}

void Engine::audit(const std::string& action, const std::string& subject, const std::string& result,
                   const Operator& by, Now now) {
  ++meters_.operator_actions[{action, result}];
  reports_.log().info("operator", {{"action", action},
                                   {"subject", subject},
                                   {"result", result},
                                   {"by", by.name},
                                   {"reason", by.reason}});
  operators_.note({now.wall, action, result, subject, by});
}

}  // namespace troth::coordinator
