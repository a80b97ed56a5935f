// What /metrics shows of the agent's engine (docs/reference/metrics.md).
#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

void Engine::measure(Measurements& out, Now now) const {
  const auto seen = status(now);
  const Labels database{{"database", options_.name.text()}};
  const auto counters = counters_.all();
  const auto counter = [&](const char* name) {
    const auto found = counters.find(name);
    return found == counters.end() ? std::uint64_t{0} : found->second;
  };
  std::uint64_t waiting = 0;
  for (const auto& [gtid, entry] : branches_)
    if (!entry.waits_for.empty()) ++waiting;
  out.add("agent_prepared_branches", database, seen.in_doubt);
  out.add("agent_oldest_prepared_age_seconds", database,
          static_cast<double>(seen.oldest_in_doubt_ms) / 1000.0);
  out.add("agent_live_branches", database, std::uint64_t{live_});
  out.add("agent_waiting_branches", database, waiting);
  out.add("agent_lock_waits_total", database, counter("lock_waits"));
  out.add("agent_flushes_total", database, counter("flushes"));
  for (const auto& [key, n] : operator_actions_)
    out.add("operator_actions_total", {{"action", key.first}, {"result", key.second}}, n);
  std::uint64_t mixed = 0;
  for (const auto& [gtid, record] : operators_.heuristics())
    if (heuristic_state(record) == "heuristic_mixed") ++mixed;
  out.add("agent_heuristic_outcomes", {database.front(), {"kind", "mixed"}}, mixed);
  out.add("agent_heuristic_outcomes", {database.front(), {"kind", "other"}},
          operators_.heuristics().size() - mixed);
  for (const char* ended : {"prepared", "read_only", "committed", "aborted"})
    out.add("agent_branches_total", {database.front(), {"step", ended}}, counter(ended));
  for (const auto& [protocol, name] :
       {std::pair("2pc", "prepares"), std::pair("1pc", "one_phase"), std::pair("local", "local")})
    out.add("agent_requests_total", {database.front(), {"protocol", protocol}}, counter(name));
}

}  // namespace troth::participant
