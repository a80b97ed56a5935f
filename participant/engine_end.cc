// How an agent ends: what has not begun is refused, and after a failure nothing more is promised.
#include <fmt/format.h>

#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

void Engine::refuse_executing(Now now) {
  for (auto& [gtid, entry] : branches_) {
    if (entry.branch.state() != Branch::State::kExecuting) continue;
    AbortReason reason{AbortCode::kDraining,
                       fmt::format("{} stopped before it was executed", options_.name),
                       options_.name, -1};
    step(entry, Branch::Dropped{std::move(reason)}, now);
  }
}

void Engine::stop_for(const Error& error, bool log_failed) {
  stopped_ = true;
  if (!failure_) {
    failure_ = error;
    alarm(fmt::format("{} can promise nothing more and must be restarted: {}", options_.name,
                      error.context),
          {});
  }
  // A record that was appended becomes durable as long as the log lives: then its answer follows.
  for (auto& [gtid, entry] : branches_)
    if (log_failed || entry.branch.state() == Branch::State::kExecuting) end_local(entry);
}

void Engine::end_local_transactions() {
  for (auto& [gtid, entry] : branches_) end_local(entry);
}

void Engine::end_local(Entry& entry) {
  if (!entry.done) return;
  const bool recorded = entry.committed.value != 0;
  const auto why = failure_ ? failure_->context : "it was stopped";
  TransactionOutcome outcome;
  outcome.gtid = entry.branch.gtid();
  outcome.outcome = recorded ? Outcome::kInDoubt : Outcome::kAborted;
  outcome.reason = {failure_ ? AbortCode::kInternal : AbortCode::kDraining,
                    recorded ? fmt::format("whether it committed is known after the next start of "
                                           "{}: {}",
                                           options_.name, why)
                             : fmt::format("{} cannot commit it: {}", options_.name, why),
                    options_.name, -1};
  std::exchange(entry.done, nullptr)(std::move(outcome));
}

}  // namespace troth::participant
