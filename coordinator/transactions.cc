#include "coordinator/transactions.h"

#include <algorithm>

#include "os/failpoint.h"
#include "protocol/result_rows.h"

// Flushes first, so that the fail point hits after the messages were sent.
#ifdef TROTH_FAILPOINTS
#define SENT_FAILPOINT(name) (core_.gate.flush(), TROTH_FAILPOINT(name))
#else
#define SENT_FAILPOINT(name) static_cast<void>(0)
#endif

namespace troth::coordinator {

using namespace protocol;

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// What a majority has decided waits for no promise of this node, which may still be on its way.
bool decided_by_majority(const Transaction& txn) {
  const auto* commit = txn.global();
  return commit != nullptr && commit->quorum() != nullptr && commit->quorum()->decided();
}

}  // namespace

// ---- steps and their effects

void Transactions::step(Transaction& txn, GlobalCommit::Event&& event, Now now) {
  auto& machine = *txn.global();
  const Gtid gtid = machine.gtid();
  const auto before = machine.state();
  auto effects = machine.step(std::move(event), now.monotonic);
  if (machine.state() != before)
    txn.note({TimelineEvent::Kind::kState, to_string(machine.state()), {}, {}, {}}, now);
  if (before == GlobalCommit::State::kPrecommitting &&
      machine.state() == GlobalCommit::State::kCommitting) {
    measure_decided(txn, now);
    TROTH_FAILPOINT("coordinator.precommit.majority");
  }
  if (effects.append && (type_of(*effects.append) == RecordType::kCommit ||
                         (type_of(*effects.append) == RecordType::kPrecommitted &&
                          before == GlobalCommit::State::kPreparing)))
    TROTH_FAILPOINT("coordinator.votes.all_in");
  if (effects.append && type_of(*effects.append) == RecordType::kAbort)
    TROTH_FAILPOINT("coordinator.abort.decided");
  if (effects.append && type_of(*effects.append) == RecordType::kEnd)
    TROTH_FAILPOINT("coordinator.acks.all_in");
  tables_.live.schedule(txn, gtid, machine.next_wake());
  if (!effects.prepares.empty()) send_prepares(txn, effects.prepares, now);
  const bool ended = machine.state() == GlobalCommit::State::kEnded;
  if (effects.append && effects.results != nullptr) keep_rows(txn, effects);
  carry_out(txn, std::move(effects), now);
  if (ended) finish(gtid, now);
  start_again(now);
}

void Transactions::step(Transaction& txn, const OnePhaseCommit::Event& event, Now now) {
  auto& machine = std::get<OnePhaseCommit>(txn.machine);
  const Gtid gtid = machine.gtid();
  auto effects = machine.step(event, now.monotonic);
  tables_.live.schedule(txn, gtid, machine.next_wake());
  const bool ended = machine.state() == OnePhaseCommit::State::kEnded;
  carry_out(txn, std::move(effects), now);
  if (ended) finish(gtid, now);
}

void Transactions::carry_out(Transaction& txn, EffectsOf<TransactionOutcome>&& effects, Now now) {
  const Gtid gtid = txn.gtid();
  if (effects.alarm) core_.reports.alarm(*effects.alarm, gtid);
  for (auto& out : effects.now) {
    if (core_.spans.wanted()) core_.spans.begin(gtid, txn.trace.get(), out, now);
    core_.gate.send(std::move(out));
  }
  std::optional<RecordType> forced;
  if (effects.append) forced = append(txn, *effects.append, now);
  if (effects.promises.empty() && !effects.answer && !forced) return;
  DurabilityGate::Held held{gtid, {}, {}, forced};
  held.promises = std::move(effects.promises);
  if (effects.answer) held.answer = std::move(*effects.answer);
  auto due = decided_by_majority(txn)
                 ? core_.gate.hold_decided_by_majority(txn.promise_lsn, std::move(held))
                 : core_.gate.hold(txn.promise_lsn, std::move(held));
  if (due) release(std::move(*due), now);
}

// Before its COMMIT or PRECOMMITTED, with which they become durable.
void Transactions::keep_rows(Transaction& txn, const CommitEffects& effects) {
  if (txn.key().empty() || txn.rows) return;
  auto rows = encode_rows(effects.answer ? effects.answer->results : *effects.results);
  if (rows.empty()) return;
  core_.append(RowsRecord{txn.gtid(), rows});
  txn.rows = std::move(rows);
}

// Nothing: the record is not forced.
std::optional<RecordType> Transactions::append(Transaction& txn, const Record& record, Now now) {
  const Gtid gtid = txn.gtid();
  const auto type = type_of(record);
  const auto force = force_of(record);
  const Lsn lsn = core_.log.append(type, encode(record), force);
  txn.note({TimelineEvent::Kind::kRecord, to_string(type), nullptr, lsn, {}}, now);
  std::optional<RecordType> forced;
  if (force == Force::kYes) {
    core_.reports.count("forced_writes");
    txn.promise_lsn = lsn;
    if (type == RecordType::kCommit ||
        (type == RecordType::kPrecommitted && txn.decided == MonotonicTime{})) {
      txn.decided = now.monotonic;
      core_.meters.observe(Meters::Phase::kPrepare, now.monotonic - txn.since);
    }
    forced = type;
  }
  if (type == RecordType::kCommit) TROTH_FAILPOINT("coordinator.commit.appended");
  const auto* decided = std::get_if<DecidedRecord>(&record);
  const bool ends =
      type == RecordType::kEnd || (decided != nullptr && decided->decision == Decision::kAbort);
  if (!ends) return forced;
  tables_.ended.note(lsn, gtid);
  if (txn.decided_durably != MonotonicTime{})
    core_.meters.observe(Meters::Phase::kCommit, now.monotonic - txn.decided_durably);
  if (type == RecordType::kEnd) TROTH_FAILPOINT("coordinator.end.appended");
  return forced;
}

// When the record is COMMIT, its durability was THE COMMIT POINT: nothing from here on can change
// the outcome.
void Transactions::release(DurabilityGate::Due&& due, Now now) {
  const bool commit = due.record() == RecordType::kCommit;
  const bool precommit = due.record() == RecordType::kPrecommitted;
  if (precommit) TROTH_FAILPOINT("coordinator.precommit.durable");
  if (commit) TROTH_FAILPOINT("coordinator.commit.durable");
  if (auto* txn = tables_.live.find(due.gtid()); commit && txn != nullptr)
    measure_decided(*txn, now);
  if (auto known = due.take_answer()) answer(due.gtid(), std::move(*known), now);
  if (commit) TROTH_FAILPOINT("coordinator.commit.answered");
  if (core_.spans.wanted()) core_.spans.begin(due, now);
  [[maybe_unused]] bool first = true;
  core_.gate.send(std::move(due), [&](const Message&, const auto& leave) {
    leave();
    if (commit && std::exchange(first, false)) SENT_FAILPOINT("coordinator.commit.sent_one");
  });
  if (commit) SENT_FAILPOINT("coordinator.commit.sent_all");
  if (precommit) SENT_FAILPOINT("coordinator.precommit.sent_all");
}

void Transactions::on_durable(Lsn durable, Now now) {
  while (auto due = core_.gate.take_due(durable)) {
    const Gtid gtid = due->gtid();
    const bool tell = due->record().has_value();
    release(std::move(*due), now);
    if (!tell) continue;
    if (auto* txn = tables_.live.find(gtid))
      step(*txn, GlobalCommit::Event(GlobalCommit::RecordDurable{}), now);
  }
  start_again(now);
}

void Transactions::send_prepares(const Transaction& txn, const std::vector<PrepareTo>& prepares,
                                 Now now) {
  for (const auto& prepare : prepares) {
    if (!core_.spans.wanted()) {
      core_.gate.send(prepare);
    } else {
      OutgoingNow out(prepare.to, prepare.prepare.message());
      core_.spans.begin(txn.gtid(), txn.trace.get(), out, now);
      core_.gate.send(std::move(out));
    }
    if (&prepare == &prepares.front()) SENT_FAILPOINT("coordinator.prepare.sent_one");
  }
  SENT_FAILPOINT("coordinator.prepare.sent_all");
}

// ---- answers

// It is known before any caller hears of it. The last waiting caller gets the results themselves.
void Transactions::answer(const Gtid& gtid, TransactionOutcome&& outcome, Now now) {
  auto* txn = tables_.live.find(gtid);
  core_.reports.count(outcome.outcome == Outcome::kCommitted ? "committed"
                      : outcome.outcome == Outcome::kAborted ? "aborted"
                                                             : "answered_in_doubt");
  if (outcome.outcome == Outcome::kAborted)
    core_.reports.log().debug("aborted", {{"txn", gtid},
                                          {"code", to_string(outcome.reason.code)},
                                          {"reason", outcome.reason.detail}});
  if (core_.spans.any() && outcome.outcome == Outcome::kAborted)
    core_.spans.end_all(gtid, std::string(to_string(outcome.reason.code)), now);
  std::vector<SubmitDone> clients;
  if (txn != nullptr && !lost_a_conflict(*txn, outcome, now))
    clients = take_clients(*txn, outcome, now);
  const bool definite = outcome.outcome != Outcome::kInDoubt;
  if (definite && txn != nullptr && !goes_on(gtid)) tables_.history.note(*txn, outcome, now);
  if (definite) tables_.outcomes.remember(outcome, tables_.live.find(outcome.gtid), now.monotonic);
  for (std::size_t i = 0; i + 1 < clients.size(); ++i)
    clients[i](SubmitReply{std::nullopt, outcome});
  if (definite && !goes_on(gtid)) tables_.outcomes.tell(outcome, gtid);
  if (!clients.empty()) clients.back()(SubmitReply{std::nullopt, std::move(outcome)});
}

std::vector<SubmitDone> Transactions::take_clients(Transaction& txn, TransactionOutcome& outcome,
                                                   Now now) {
  const Gtid gtid = txn.gtid();
  measure_answer(txn, outcome, now);
  if (txn.age && retried_automatically(outcome.reason.code)) tables_.ages.remember(gtid, *txn.age);
  outcome.attempts = txn.attempt;
  if (txn.trace && outcome.outcome != Outcome::kInDoubt)
    core_.spans.end_transaction(
        *std::exchange(txn.trace, nullptr),
        txn.age ? "troth.v1.Coordinator/beginTransaction" : "troth.v1.Coordinator/submit", outcome,
        now.monotonic - txn.since, now);
  txn.answered = true;
  txn.seat.leave();
  if (txn.rows && outcome.outcome == Outcome::kCommitted && outcome.results.empty())
    outcome.results = decode_rows(*txn.rows);  // found in the log
  const auto& key = txn.key();
  const bool frees_key = outcome.outcome == Outcome::kAborted && is_retryable(outcome.reason.code);
  if (!key.empty() && outcome.outcome != Outcome::kInDoubt && !frees_key)
    tables_.keys.finish(key, outcome, core_.log.appended(), now.wall);
  if (gtid.decider() == Decider::kParticipant && outcome.outcome != Outcome::kInDoubt)
    note_one_phase(gtid, outcome, now);
  return std::exchange(txn.clients, {});
}

// Its participant decided. So that this node can still tell after a restart, when the participant
// has forgotten: the participant forgets only when this is durable. No caller waits for it.
void Transactions::note_one_phase(const Gtid& gtid, const TransactionOutcome& outcome, Now now) {
  const bool commit = outcome.outcome == Outcome::kCommitted;
  core_.append(DecidedRecord{gtid, commit ? Decision::kCommit : Decision::kAbort, outcome.reason});
  const auto* txn = tables_.live.find(gtid);
  if (outcome.gtid != gtid) {  // answered with the first one of its key
    TransactionOutcome own;
    own.gtid = gtid;
    own.outcome = outcome.outcome;
    own.reason = outcome.reason;
    own.replayed = true;
    tables_.outcomes.remember(own, txn, now.monotonic);
  }
  if (txn != nullptr && !txn->key().empty())
    if (const auto* key = tables_.keys.find(txn->key(), now)) core_.append(*key);
  tables_.ended.note(core_.log.appended(), gtid);
}

// Another attempt of its request follows when this step is over.
bool Transactions::goes_on(const Gtid& gtid) const {
  return std::any_of(again_.begin(), again_.end(),
                     [&](const auto& next) { return next.first.earlier.back() == gtid; });
}

// Of a machine that has ended.
void Transactions::finish(const Gtid& gtid, Now now) {
  const auto* txn = tables_.live.find(gtid);
  if (txn == nullptr) return;
  if (txn->owns_key) tables_.keys.end(txn->key());
  if (const auto* commit = txn->global(); commit != nullptr && core_.spans.wanted()) {
    const auto known = tables_.outcomes.find(gtid);
    core_.spans.end_recovered(*commit, known ? std::optional(known->outcome) : std::nullopt,
                              now.monotonic - txn->since, now);
  }
  erase(gtid);
}

void Transactions::erase(const Gtid& gtid) {
  core_.spans.forget(gtid);
  tables_.live.erase(gtid);
}

// ---- what is measured

// Two-phase: the COMMIT record is durable. Three-phase: a majority holds PRECOMMITTED.
void Transactions::measure_decided(Transaction& txn, Now now) {
  if (txn.decided == MonotonicTime{}) return;  // before this start
  txn.decided_durably = now.monotonic;
  core_.meters.observe(Meters::Phase::kLogDecision, now.monotonic - txn.decided);
}

// Once per transaction, at its first definite answer.
void Transactions::measure_answer(const Transaction& txn, const TransactionOutcome& outcome,
                                  Now now) {
  if (outcome.outcome == Outcome::kInDoubt || txn.answered) return;
  core_.meters.observe_end(txn.protocol(), outcome.outcome == Outcome::kCommitted,
                           now.monotonic - txn.since);
  // No participant wrote, so there is no record that would have ended the phase.
  const auto* commit = txn.global();
  if (commit != nullptr && !commit->recovered_from_log() &&
      outcome.outcome == Outcome::kCommitted && txn.decided == MonotonicTime{})
    core_.meters.observe(Meters::Phase::kPrepare, now.monotonic - txn.since);
  if (outcome.outcome == Outcome::kAborted)
    ++core_.meters.aborts[lower(to_string(outcome.reason.code))];
}

// ---- timers and the end

void Transactions::tick(Now now) {
  while (auto* txn = tables_.live.take_due(now.monotonic)) {
    if (txn->global() == nullptr) {
      step(*txn, OnePhaseCommit::Event(OnePhaseCommit::Tick{core_.cut_off(txn->one_phase())}), now);
    } else {
      const auto down = core_.links.unreachable(core_.options.participants);
      step(*txn, GlobalCommit::Event(GlobalCommit::Tick{down}), now);
    }
  }
}

void Transactions::cancel_undecided(Now now) {
  for (const auto& gtid : tables_.live.gtids()) {
    auto* txn = tables_.live.find(gtid);
    if (txn == nullptr) continue;
    if (txn->global() == nullptr) {
      if (txn->clients.empty()) continue;
      // Only its participant decides: the honest answer is "ask later".
      TransactionOutcome outcome;
      if (!txn->one_phase().may_have_committed()) outcome.outcome = Outcome::kAborted;
      outcome.gtid = gtid;
      outcome.reason = {AbortCode::kDraining, "the coordinator shut down before it knew", {}, -1};
      answer(gtid, std::move(outcome), now);
      continue;
    }
    step(*txn,
         GlobalCommit::Event(GlobalCommit::Cancel{
             {AbortCode::kDraining, "the coordinator is shutting down", {}, -1}}),
         now);
    const auto* still = tables_.live.find(gtid);
    if (still == nullptr || still->clients.empty() ||
        still->global()->state() != GlobalCommit::State::kPrecommitting)
      continue;
    TransactionOutcome outcome;  // the members may end it without this node
    outcome.gtid = gtid;
    outcome.reason = {
        AbortCode::kDraining, "the coordinator shut down before a majority answered", {}, -1};
    answer(gtid, std::move(outcome), now);
  }
}

std::size_t Transactions::unanswered() const {
  return static_cast<std::size_t>(
      std::count_if(tables_.live.begin(), tables_.live.end(),
                    [](const auto& t) { return !t.second.clients.empty(); }));
}

// ---- checkpoints

void Transactions::copy_forward() {
  for (const auto& [gtid, txn] : tables_.live)
    if (txn.global() != nullptr) append_live(txn);
}

// What a log must hold of a live transaction.
void Transactions::append_live(const Transaction& txn) {
  const auto& machine = *txn.global();
  const auto append_rows = [&] {
    if (txn.rows) core_.append(RowsRecord{machine.gtid(), *txn.rows});
  };
  if (machine.state() == GlobalCommit::State::kPrecommitting) {
    append_rows();
    core_.append(machine.setup().precommitted_record());
    for (const auto& record : machine.quorum()->records()) core_.append(record);
    return;
  }
  if (machine.state() != GlobalCommit::State::kCommitting &&
      machine.state() != GlobalCommit::State::kDeciding)
    return;
  append_rows();
  core_.append(unended_record(machine));
}

}  // namespace troth::coordinator
