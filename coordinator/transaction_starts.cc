// How transactions start: an attempt of a request, a request to one participant, an interactive one
// whose client asks for the commit, one found in the log. And how a request that lost a conflict
// starts again with the age it has, so that it wins in the end.
#include <algorithm>

#include "coordinator/transactions.h"
#include "os/failpoint.h"
#include "protocol/reads_only.h"

namespace troth::coordinator {

using namespace protocol;

Member Transactions::member(const NodeName& name) const {
  return PeerHandshake::member(name, peers_.find(name));
}

void Transactions::adopt(const CommitRecord& unended, const std::string& rows, Now now) {
  auto& txn =
      tables_.live.adopt(GlobalCommit::recovered(unended, core_.options.resend, now.monotonic));
  txn.since = now.monotonic;
  txn.known_since = unended.decided;
  txn.answered = true;
  if (!rows.empty()) txn.rows = rows;
  tables_.outcomes.keep_comment(unended.gtid, unended.comment);
  txn.note({TimelineEvent::Kind::kState, "found in the log: COMMIT without END", {}, {}, {}}, now);
}

void Transactions::adopt(const recovery::UndecidedQuorum& undecided, const std::string& rows,
                         Now now) {
  const auto& record = undecided.record.commit;
  auto& txn = tables_.live.adopt(GlobalCommit::recovered(undecided.record, undecided.position,
                                                         core_.options.name, core_.options.resend,
                                                         core_.options.suspicion, now.monotonic));
  txn.since = now.monotonic;
  txn.known_since = record.decided;
  txn.owns_key = !record.idempotency_key.empty();
  if (!rows.empty()) txn.rows = rows;
  if (txn.owns_key) tables_.keys.start(txn.key(), record.gtid, record.body_digest);
  txn.note({TimelineEvent::Kind::kState,
            "found in the log: PRECOMMITTED without a decision; the members are asked",
            {},
            {},
            {}},
           now);
}

void Transactions::choose_protocol(GlobalCommit::Setup& setup,
                                   std::optional<CommitProtocol> asked) const {
  setup.protocol = asked.value_or(core_.options.protocol);
  // One-phase would leave several participants in doubt; and one participant (interactive) is no
  // majority without this node: three-phase would only cost more.
  if (setup.protocol == CommitProtocol::kOnePhase || setup.members.size() < 2)
    setup.protocol = CommitProtocol::kTwoPhase;
  if (setup.protocol == CommitProtocol::kThreePhase)
    setup.quorum = GlobalCommit::Quorum{
        {core_.options.name, core_.options.log_id, core_.options.epoch, core_.own_address},
        core_.options.suspicion};
}

void Transactions::start(Attempt&& attempt, std::vector<SubmitDone>&& clients, Now now) {
  auto& request = attempt.request;
  GlobalCommit::Setup setup;
  setup.gtid = core_.own.mint(Decider::kCoordinator);
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
  auto trace = core_.spans.join(setup.gtid, setup.traceparent);
  setup.comment = request.comment;
  setup.earlier = attempt.earlier;
  setup.deadline = attempt.deadline;
  setup.submitted = now.wall;
  setup.resend = tables_.live.resend(core_.options.resend);
  choose_protocol(setup, request.protocol);
  const Gtid gtid = setup.gtid;
  auto& txn = tables_.live.start<GlobalCommit>(std::move(setup), gtid);
  txn.seat = tables_.live.seats().take();
  if (!attempt.earlier.empty()) {
    const Gtid& before = attempt.earlier.back();
    if (const auto lost = tables_.outcomes.outcome_of(before))
      tables_.history.note_attempt(*lost, gtid, now);
    tables_.outcomes.follow(before, gtid);
  }
  if (attempt.number == 1) ++core_.meters.begun_of(txn.protocol());
  txn.since = now.monotonic;
  txn.owns_key = !request.idempotency_key.empty();
  txn.clients = std::move(clients);
  if (txn.owns_key) tables_.keys.start(txn.key(), gtid, attempt.digest);
  txn.attempt = attempt.number;
  txn.trace = std::move(trace);
  if (request.retries > 0) txn.again = std::make_unique<Attempt>(std::move(attempt));
  TROTH_FAILPOINT("coordinator.submit.accepted");
  step(txn, GlobalCommit::Event(GlobalCommit::Start{}), now);
}

void Transactions::start_one_phase(SubmitRequest&& request, std::string&& digest, SubmitDone&& done,
                                   Now now) {
  OnePhaseCommit::Setup setup;
  setup.participant = request.branches[0].participant;
  setup.named_epoch = peers_.position_of(setup.participant).epoch;
  setup.request.gtid = core_.own.mint(Decider::kParticipant);
  setup.request.priority = {now.wall.unix_ms, setup.request.gtid};
  setup.request.statements = std::move(request.branches[0].statements);
  setup.reads_only = read_only(setup.request.statements);
  setup.request.idempotency_key = request.idempotency_key;
  setup.request.body_digest = digest;
  setup.request.key_retention = core_.options.key_retention;
  setup.request.answer_at = request.answer_at;
  setup.comment = std::move(request.comment);
  setup.request.traceparent = std::move(request.traceparent);
  auto trace = core_.spans.join(setup.request.gtid, setup.request.traceparent);
  setup.deadline = now.monotonic + request.deadline;
  constexpr Duration kLeastGrace = std::chrono::milliseconds(200);
  constexpr Duration kMostGrace = std::chrono::seconds(1);
  setup.grace = std::clamp<Duration>(request.deadline / 4, kLeastGrace, kMostGrace);
  setup.resend = tables_.live.resend(core_.options.resend);
  const Gtid gtid = setup.request.gtid;
  auto& txn = tables_.live.start<OnePhaseCommit>(std::move(setup), gtid);
  txn.seat = tables_.live.seats().take();
  ++core_.meters.begun_of(txn.protocol());
  txn.since = now.monotonic;
  txn.owns_key = !request.idempotency_key.empty();
  txn.clients.push_back(std::move(done));
  txn.trace = std::move(trace);
  if (txn.owns_key) tables_.keys.start(txn.key(), gtid, digest);
  TROTH_FAILPOINT("coordinator.submit.accepted");
  step(txn, OnePhaseCommit::Event(OnePhaseCommit::Start{core_.cut_off(txn.one_phase())}), now);
}

void Transactions::start_executed(GlobalCommit::Setup&& setup, std::optional<CommitProtocol> asked,
                                  Begun&& before, SubmitDone&& done, Now now) {
  setup.resend = tables_.live.resend(core_.options.resend);
  choose_protocol(setup, asked);
  const Gtid gtid = setup.gtid;
  auto& txn = tables_.live.start<GlobalCommit>(std::move(setup), gtid);
  ++core_.meters.begun_of(txn.protocol());
  txn.since = before.since;
  txn.seat = tables_.live.seats().take();
  txn.clients.push_back(std::move(done));
  txn.age = before.age;
  txn.trace = std::move(before.trace);
  step(txn, GlobalCommit::Event(GlobalCommit::Start{}), now);
}

// True: the clients go over to the next attempt, which starts when this step is over (its ABORT
// messages leave first).
bool Transactions::lost_a_conflict(Transaction& txn, const TransactionOutcome& outcome, Now now) {
  if (!txn.again || core_.standing.draining() || core_.standing.stopped()) return false;
  if (outcome.outcome != Outcome::kAborted || !retried_automatically(outcome.reason.code))
    return false;
  core_.reports.count("retried");
  txn.answered = true;
  txn.seat.leave();
  txn.owns_key = false;  // it stays in flight, for the next attempt
  auto next = std::move(*txn.again);
  txn.again.reset();
  --next.request.retries;
  ++next.number;
  next.earlier.push_back(outcome.gtid);
  // Too late for another round: it is still started and ends with TIMEOUT, once, like any other.
  next.deadline = std::max(next.deadline, now.monotonic);
  again_.emplace_back(std::move(next), std::exchange(txn.clients, {}));
  return true;
}

void Transactions::start_again(Now now) {
  while (!again_.empty()) {
    auto [attempt, clients] = std::move(again_.front());
    again_.erase(again_.begin());
    start(std::move(attempt), std::move(clients), now);
  }
}

}  // namespace troth::coordinator
