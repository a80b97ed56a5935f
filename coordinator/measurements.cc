// What /metrics shows of the coordinator's engine (docs/reference/metrics.md).
#include "coordinator/status_views.h"

namespace troth::coordinator {

using namespace protocol;

void StatusViews::measure_protocols(Measurements& out) const {
  for (std::size_t i = 0; i < core_.meters.begun.size(); ++i) {
    const char* const protocol = Meters::kProtocols[i];
    if (core_.meters.begun[i] > 0)
      out.add("transactions_begun_total", {{"protocol", protocol}}, core_.meters.begun[i]);
    for (const bool committed : {false, true}) {
      const auto& histogram = core_.meters.duration[i][committed ? 1 : 0];
      if (histogram.total() == 0) continue;
      const Labels labels{{"protocol", protocol}, {"outcome", committed ? "committed" : "aborted"}};
      out.add("transactions_total", labels, histogram.total());
      out.add("transaction_duration_seconds", labels, histogram);
    }
  }
}

void StatusViews::measure(Measurements& out, Now now) const {
  measure_protocols(out);
  for (const auto& [reason, n] : core_.meters.aborts)
    out.add("transaction_aborts_total", {{"reason", reason}}, n);
  for (const auto& [reason, n] : core_.meters.rejected)
    out.add("rejected_total", {{"reason", reason}}, n);
  for (std::size_t i = 0; i < core_.meters.phase.size(); ++i)
    if (core_.meters.phase[i].total() > 0)
      out.add("phase_duration_seconds", {{"phase", Meters::kPhases[i]}}, core_.meters.phase[i]);
  for (const auto& [action, n] : core_.meters.recovered)
    out.add("recovery_transactions_total", {{"action", action}}, n);
  out.add("retained_keys", {}, std::uint64_t{parts_.keys.size()});
  out.add("retained_keys_limit", {}, std::uint64_t{core_.options.max_retained_keys});
  const auto history = parts_.history.use();
  out.add("history_bytes", {}, history.bytes);
  out.add("history_transactions", {}, history.transactions);
  out.add("history_dropped_total", {}, history.dropped);
  out.add("recovery_duration_seconds", {}, core_.meters.recovery_seconds);
  for (const auto& [key, n] : parts_.desk.actions())
    out.add("operator_actions_total", {{"action", key.first}, {"result", key.second}}, n);

  std::map<std::string, std::uint64_t> states{
      {"preparing", 0}, {"releasing", 0}, {"precommitting", 0}, {"committing", 0}};
  std::map<NodeName, std::uint64_t> blockers;
  for (const auto& [name, address] : core_.options.participants) blockers[name] = 0;
  for (const auto& [gtid, txn] : parts_.table) {
    const auto summary = summary_of(txn, now);
    ++states[summary.state];
    if (summary.state != "committing" && summary.state != "precommitting" &&
        summary.state != "uncertain")
      continue;
    for (const auto& name : summary.waiting_for) ++blockers[name];
  }
  for (const auto& [state, n] : states) out.add("active_transactions", {{"state", state}}, n);
  for (const auto& [name, n] : blockers)
    out.add("in_doubt_transactions", {{"participant", name.text()}}, n);
  std::map<NodeName, std::uint64_t> unconfirmed;
  for (const auto& [key, record] : parts_.desk.book().unconfirmed()) ++unconfirmed[key.second];
  for (const auto& [name, n] : unconfirmed)
    out.add("unconfirmed_transactions", {{"participant", name.text()}}, n);
  out.add("oldest_in_doubt_age_seconds", {},
          std::chrono::duration<double>(status(now).oldest_in_doubt).count());
}

}  // namespace troth::coordinator
