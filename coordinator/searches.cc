#include "coordinator/searches.h"

#include <utility>

namespace troth::coordinator {

using namespace protocol;

void Searches::start(const Gtid& gtid, bool wait, Done done, Now now) {
  auto& search = searches_[gtid];
  (wait ? search.waiting : search.impatient).push_back(std::move(done));
  if (search.attempts > 0) return;  // being asked already
  for (const auto& [name, address] : core_.options.participants) search.unanswered.push_back(name);
  ask(gtid, search, now);
}

void Searches::ask(const Gtid& gtid, Search& search, Now now) {
  constexpr std::uint32_t kMaxAttempts = 10;  // whoever still wants to know asks this node again
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.reason = {AbortCode::kUnreachable, "not every participant has answered for it", {}, -1};
  if (search.attempts > 0)
    for (auto& done : std::exchange(search.impatient, {})) done(outcome);
  if (search.attempts == kMaxAttempts) {
    const auto given_up = std::move(search.waiting);
    searches_.erase(gtid);
    for (const auto& done : given_up) done(outcome);
    return;
  }
  for (const auto& name : search.unanswered) core_.gate.send(name, InquireOnePhase{gtid});
  search.next_ask = now.monotonic + backoff(core_.options.resend, ++search.attempts, gtid);
  timers_.emplace(search.next_ask, gtid);
}

void Searches::on_result(const NodeName& from, const OnePhaseResult& result, Now now) {
  const auto search = searches_.find(result.gtid);
  if (search == searches_.end() || (result.outcome == Outcome::kPending && !result.forgotten))
    return;
  std::erase(search->second.unanswered, from);
  search->second.forgotten |= result.forgotten;
  if (result.outcome == Outcome::kAborted && result.reason.code != AbortCode::kTombstone)
    search->second.reason = result.reason;
  const bool committed = result.outcome == Outcome::kCommitted;
  if (!committed && !search->second.unanswered.empty()) return;
  const bool unknown = !committed && search->second.forgotten;
  TransactionOutcome outcome;
  outcome.gtid = result.gtid;
  outcome.outcome = committed ? Outcome::kCommitted
                    : unknown ? Outcome::kInDoubt
                              : Outcome::kAborted;
  // "It never arrived" would blame a participant that may have had nothing to do with it.
  outcome.reason = search->second.reason;
  if (unknown)
    outcome.reason = {AbortCode::kNone,
                      "it ended too long ago: its participant does not remember what became of it",
                      {},
                      -1};
  const auto finished = std::move(search->second);
  searches_.erase(search);
  if (!unknown) outcomes_.remember(outcome, nullptr, now.monotonic);
  for (const auto& done : finished.waiting) done(outcome);
  for (const auto& done : finished.impatient) done(outcome);
}

std::optional<MonotonicTime> Searches::next_wake() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

void Searches::tick(Now now) {
  while (!timers_.empty() && timers_.begin()->first <= now.monotonic) {
    const Gtid gtid = timers_.begin()->second;
    timers_.erase(timers_.begin());
    const auto asked = searches_.find(gtid);
    if (asked != searches_.end() && asked->second.next_ask <= now.monotonic)
      ask(gtid, asked->second, now);
  }
}

}  // namespace troth::coordinator
