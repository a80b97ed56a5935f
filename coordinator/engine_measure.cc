// What /metrics shows of the coordinator's engine (docs/reference/metrics.md).
#include "coordinator/engine.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

void Engine::measured_recovery(Duration took) {
  meters_.recovery_seconds = std::chrono::duration<double>(took).count();
  meters_.recovered["recommitted"] = live_.size();
}

// Two-phase: the COMMIT record is durable. Three-phase: a majority holds PRECOMMITTED.
void Engine::measure_decided(Transaction& txn, Now now) {
  if (txn.decided == MonotonicTime{}) return;  // before this start
  txn.decided_durably = now.monotonic;
  meters_.observe(Meters::Phase::kLogDecision, now.monotonic - txn.decided);
}

Meters::Protocol Engine::label_of(const Transaction& txn) {
  const auto* machine = std::get_if<GlobalCommit>(&txn.machine);
  if (machine == nullptr) return Meters::Protocol::kOnePhase;
  return machine->setup().protocol == CommitProtocol::kThreePhase ? Meters::Protocol::kThreePhase
                                                                  : Meters::Protocol::kTwoPhase;
}

// Once per transaction, at its first definite answer.
void Engine::measure_answer(const Transaction& txn, const TransactionOutcome& outcome, Now now) {
  if (outcome.outcome == Outcome::kInDoubt || txn.answered) return;
  meters_.observe_end(label_of(txn), outcome.outcome == Outcome::kCommitted,
                      now.monotonic - txn.since);
  // Nobody wrote, so there is no record that would have ended the phase.
  const auto* two = std::get_if<GlobalCommit>(&txn.machine);
  if (two != nullptr && !two->recovered_from_log() && outcome.outcome == Outcome::kCommitted &&
      txn.decided == MonotonicTime{})
    meters_.observe(Meters::Phase::kPrepare, now.monotonic - txn.since);
  if (outcome.outcome == Outcome::kAborted) ++meters_.aborts[lower(to_string(outcome.reason.code))];
}

void Engine::measure(Measurements& out, Now now) const {
  const auto seen = status(now);
  for (std::size_t i = 0; i < meters_.begun.size(); ++i) {
    const char* const protocol = Meters::kProtocols[i];
    if (meters_.begun[i] > 0)
      out.add("transactions_begun_total", {{"protocol", protocol}}, meters_.begun[i]);
    for (const bool committed : {false, true}) {
      const auto& histogram = meters_.duration[i][committed ? 1 : 0];
      if (histogram.total() == 0) continue;
      const Labels labels{{"protocol", protocol}, {"outcome", committed ? "committed" : "aborted"}};
      out.add("transactions_total", labels, histogram.total());
      out.add("transaction_duration_seconds", labels, histogram);
    }
  }
  for (const auto& [reason, n] : meters_.aborts)
    out.add("transaction_aborts_total", {{"reason", reason}}, n);
  for (const auto& [reason, n] : meters_.rejected)
    out.add("rejected_total", {{"reason", reason}}, n);
  for (std::size_t i = 0; i < meters_.phase.size(); ++i)
    if (meters_.phase[i].total() > 0)
      out.add("phase_duration_seconds", {{"phase", Meters::kPhases[i]}}, meters_.phase[i]);
  for (const auto& [action, n] : meters_.recovered)
    out.add("recovery_transactions_total", {{"action", action}}, n);
  out.add("recovery_duration_seconds", {}, meters_.recovery_seconds);
  for (const auto& [key, n] : meters_.operator_actions)
    out.add("operator_actions_total", {{"action", key.first}, {"result", key.second}}, n);

  std::map<std::string, std::uint64_t> states{
      {"preparing", 0}, {"releasing", 0}, {"precommitting", 0}, {"committing", 0}};
  std::map<NodeName, std::uint64_t> blockers;
  for (const auto& [name, address] : options_.participants) blockers[name] = 0;
  for (const auto& [gtid, txn] : live_) {
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
  for (const auto& [key, record] : operators_.unconfirmed()) ++unconfirmed[key.second];
  for (const auto& [name, n] : unconfirmed)
    out.add("unconfirmed_transactions", {{"participant", name.text()}}, n);
  out.add("oldest_in_doubt_age_seconds", {}, static_cast<double>(seen.oldest_in_doubt_ms) / 1000.0);
}

}  // namespace troth::coordinator
