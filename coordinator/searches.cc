#include "coordinator/searches.h"

#include <fmt/format.h>

#include <utility>

namespace troth::coordinator {

using namespace protocol;

void Searches::start(const Gtid& gtid, bool wait, Done done, Now now) {
  auto& search = searches_[gtid];
  (wait ? search.waiting : search.impatient).push_back(std::move(done));
  if (search.attempts > 0) return;  // being asked already
  search.unanswered = core_.participants_ever_met();
  search.forgotten = !book_.forgotten_peers().empty();
  ask(gtid, search, now);
}

void Searches::ask(const Gtid& gtid, Search& search, Now now) {
  constexpr std::uint32_t kMaxAttempts = 10;  // a client that still wants to know asks again
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  if (!search.unanswered.empty())
    outcome.reason = {AbortCode::kUnreachable,
                      fmt::format("{} has not answered for it, and may have executed it",
                                  search.unanswered.front()),
                      search.unanswered.front(), -1};
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
  // Only the answer of a participant that was asked counts, and only once.
  if (std::erase(search->second.unanswered, from) == 0) return;
  search->second.forgotten |= result.forgotten;
  // Only the participant that was sent it can have executed it, or refused it for a reason.
  const bool executed = result.outcome == Outcome::kAborted && !result.forgotten &&
                        result.reason.code != AbortCode::kTombstone &&
                        result.reason.code != AbortCode::kNone;
  if (executed) search->second.reason = result.reason;
  const bool committed = result.outcome == Outcome::kCommitted;
  const bool definite = committed || executed;
  if (!definite && !search->second.unanswered.empty()) return;
  // A transaction that this node once knew, and of which no trace is left, may have only read.
  const bool forgotten = !definite && outcomes_.is_forgotten(result.gtid);
  const bool unknown = !definite && (forgotten || search->second.forgotten);
  TransactionOutcome outcome;
  outcome.gtid = result.gtid;
  outcome.outcome = committed ? Outcome::kCommitted
                    : unknown ? Outcome::kInDoubt
                              : Outcome::kAborted;
  if (executed) {
    outcome.reason = search->second.reason;
  } else if (unknown) {
    outcome.reason = {AbortCode::kNone,
                      "it ended too long ago: its participant does not remember what became of it",
                      {},
                      -1};
  } else if (!committed) {  // "it never arrived" would blame an uninvolved participant
    outcome.reason = {AbortCode::kPresumedAbort,
                      "no participant holds a record of it (one that only read leaves none)",
                      {},
                      -1};
  }
  if (unknown) outcome.forgotten_since = history_.forgotten_since();
  const auto finished = std::move(search->second);
  searches_.erase(search);
  if (!unknown) {
    outcomes_.remember(outcome, nullptr, now.monotonic);
    history_.note_found(outcome, now);
  }
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
