// Attempts of two-phase transactions: how one starts, how an older transaction wounds it, and how a
// request that lost a conflict starts again with the age it has, so that it wins in the end.
#include <fmt/format.h>

#include "coordinator/engine.h"
#include "os/failpoint.h"

namespace troth::coordinator {

using namespace protocol;

void Engine::start_two_phase(Attempt&& attempt, std::vector<SubmitDone>&& clients, Now now) {
  auto& request = attempt.request;
  GlobalCommit::Setup setup;
  setup.gtid = mint(Decider::kCoordinator);
  if (attempt.priority.gtid.is_nil()) attempt.priority = {now.wall.unix_ms, setup.gtid};
  setup.priority = attempt.priority;
  setup.members.reserve(request.branches.size());
  for (const auto& branch : request.branches) setup.members.push_back(member(branch.participant));
  setup.tried_again = request.retries > 0;
  setup.branches = setup.tried_again ? request.branches : std::move(request.branches);
  setup.answer_at = request.answer_at;
  setup.idempotency_key = request.idempotency_key;
  setup.body_digest = attempt.digest;
  setup.traceparent = request.traceparent;
  auto trace = join_trace(setup.gtid, setup.traceparent);
  setup.comment = request.comment;
  setup.deadline = attempt.deadline;
  setup.submitted = now.wall;
  setup.resend = resend();
  choose_protocol(setup, request.protocol);
  const Gtid gtid = setup.gtid;
  auto& txn = live_.emplace(gtid, std::in_place_type<GlobalCommit>, std::move(setup)).first->second;
  if (attempt.number == 1) ++meters_.begun_of(label_of(txn));
  txn.since = now.monotonic;
  txn.owns_key = !request.idempotency_key.empty();
  txn.clients = std::move(clients);
  if (txn.owns_key) keys_in_flight_[txn.key()] = {gtid, attempt.digest};
  txn.attempt = attempt.number;
  txn.trace = std::move(trace);
  if (request.retries > 0) txn.again = std::make_unique<Attempt>(std::move(attempt));
  TROTH_FAILPOINT("coordinator.submit.accepted");
  step(txn, GlobalCommit::Event(GlobalCommit::Start{}), now);
}

// Wound-wait across participants. Until every vote is in, the younger transaction gives way.
// Afterwards COMMIT is on its way to the disk, or a majority of members decides (three-phase: this
// node is only one of them, and a promise of its own could contradict theirs): nothing here may
// abort it, and its locks are on their way out.
void Engine::on_wound(const NodeName& from, const Wound& wound, Now now) {
  const auto found = live_.find(wound.gtid);
  const auto* machine =
      found == live_.end() ? nullptr : std::get_if<GlobalCommit>(&found->second.machine);
  if (machine == nullptr) return on_unknown(from, Inquire{wound.gtid}, now);
  if (!machine->undecided()) {
    reports_.count("wounds_refused");
    return step(found->second, GlobalCommit::Event(GlobalCommit::Inquired{from}), now);
  }
  reports_.count("wounded");
  found->second.gave_way_to = wound.waiter;
  note(found->second, {Event::Kind::kWound, {}, participant(from), {}, {}}, now);
  AbortReason reason{AbortCode::kDeadlock,
                     fmt::format("gave way to the older transaction {}, which waited for {}",
                                 wound.waiter, wound.resource),
                     from, -1};
  step(found->second, GlobalCommit::Event(GlobalCommit::Cancel{std::move(reason)}), now);
}

// True: the clients go over to the next attempt, which starts when this step is over (its ABORT
// messages leave first).
bool Engine::lost_a_conflict(Transaction& txn, const TransactionOutcome& outcome, Now now) {
  if (!txn.again || standing_.draining() || standing_.stopped()) return false;
  if (outcome.outcome != Outcome::kAborted || !retried_automatically(outcome.reason.code))
    return false;
  reports_.count("retried");
  txn.answered = true;
  txn.owns_key = false;  // it stays in flight, for the next attempt
  auto next = std::move(*txn.again);
  txn.again.reset();
  --next.request.retries;
  ++next.number;
  // Too late for another round: it is started all the same and says TIMEOUT, once, like any other.
  next.deadline = std::max(next.deadline, now.monotonic);
  again_.emplace_back(std::move(next), std::exchange(txn.clients, {}));
  return true;
}

void Engine::start_again(Now now) {
  while (!again_.empty()) {
    auto [attempt, clients] = std::move(again_.front());
    again_.erase(again_.begin());
    start_two_phase(std::move(attempt), std::move(clients), now);
  }
}

}  // namespace troth::coordinator
