#include "coordinator/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "os/failpoint.h"

// Messages leave when a round ends. Whoever stops here asks for them to be on their way.
#ifdef TROTH_FAILPOINTS
#define SENT_FAILPOINT(name) (gate_.flush(), TROTH_FAILPOINT(name))
#else
#define SENT_FAILPOINT(name) static_cast<void>(0)
#endif

namespace troth::coordinator {

using namespace protocol;

namespace {}  // namespace

Engine::Engine(EngineOptions options, RecordLog& log, Transport& transport, Logger logger)
    : options_(std::move(options)),
      log_(log),
      reports_(std::move(logger)),
      gate_(log, transport, standing_, reports_),
      peers_(options_.name, Role::kCoordinator, options_.log_id, options_.epoch, true),
      operators_(log),
      told_(log.durable()),
      checkpointer_(log, options_.checkpoint_bytes) {
  for (const auto& [name, address] : options_.participants) peers_.allow(name, address);
  for (const char* name :
       {"messages_sent", "forced_writes", "submitted", "committed", "aborted", "answered_in_doubt",
        "replayed", "refused", "refused_busy", "presumed_aborts", "stale_refused", "hello_refused",
        "alarms", "amnesia_alarms", "checkpoints"})
    reports_.count(name,
                   0);  // a counter that is not there yet cannot be watched; the usual ones first
}

void Engine::set_participants(const std::map<NodeName, std::string>& participants) {
  for (const auto& [name, address] : participants) {
    options_.participants[name] = address;
    peers_.allow(name, address);
  }
}

Gtid Engine::mint(Decider decider) {
  return Gtid(CoordinatorTag::of(options_.log_id), options_.epoch, next_sequence_++, decider);
}

Member Engine::member(const NodeName& name) const {
  return recovery::PeerTable::member(name, peers_.find(name));
}

// ---- steps and their effects
// ---------------------------------------------------------------------------------------

void Engine::step(Transaction& txn, GlobalCommit::Event&& event, Now now) {
  auto& machine = std::get<GlobalCommit>(txn.machine);
  const Gtid gtid = machine.gtid();
  const auto before = machine.state();
  auto effects = machine.step(std::move(event), now.monotonic);
  if (machine.state() != before)
    note(txn, {Event::Kind::kState, to_string(machine.state()), {}, {}, {}}, now);
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
  schedule(txn, gtid, machine.next_wake());
  if (!effects.prepares.empty()) send_prepares(gtid, txn, effects.prepares, now);
  const bool ended = machine.state() == GlobalCommit::State::kEnded;
  carry_out(txn, std::move(effects), now);
  if (ended) finish(gtid, now);
  start_again(now);
}

void Engine::step(Transaction& txn, const OnePhaseCommit::Event& event, Now now) {
  auto& machine = std::get<OnePhaseCommit>(txn.machine);
  const Gtid gtid = machine.gtid();
  auto effects = machine.step(event, now.monotonic);
  schedule(txn, gtid, machine.next_wake());
  const bool ended = machine.state() == OnePhaseCommit::State::kEnded;
  carry_out(txn, std::move(effects), now);
  if (ended) finish(gtid, now);
}

void Engine::carry_out(Transaction& txn, EffectsOf<TransactionOutcome>&& effects, Now now) {
  const Gtid gtid = std::visit([](const auto& m) { return m.gtid(); }, txn.machine);
  if (effects.alarm) reports_.alarm(*effects.alarm, gtid);
  for (auto& out : effects.now) {
    if (options_.spans != nullptr) begin_call(gtid, txn, out, now);
    gate_.send(std::move(out));
  }
  std::optional<RecordType> forced;
  if (effects.append) {
    const auto type = type_of(*effects.append);
    const auto force = force_of(*effects.append);
    const Lsn lsn = log_.append(type, encode(*effects.append), force);
    note(txn, {Event::Kind::kRecord, to_string(type), nullptr, lsn, {}}, now);
    if (force == Force::kYes) {
      reports_.count("forced_writes");
      txn.promise_lsn = lsn;
      if (type == RecordType::kCommit ||
          (type == RecordType::kPrecommitted && txn.decided == MonotonicTime{})) {
        txn.decided = now.monotonic;
        meters_.observe(Meters::Phase::kPrepare, now.monotonic - txn.since);
      }
      forced = type;
    }
    if (type == RecordType::kCommit) TROTH_FAILPOINT("coordinator.commit.appended");
    const auto* decided = std::get_if<DecidedRecord>(&*effects.append);
    const bool ends =
        type == RecordType::kEnd || (decided != nullptr && decided->decision == Decision::kAbort);
    if (ends) {
      while (!ends_.empty() && ends_.back().second >= gtid) ends_.pop_back();
      ends_.emplace_back(lsn, gtid);
      if (txn.decided_durably != MonotonicTime{})
        meters_.observe(Meters::Phase::kCommit, now.monotonic - txn.decided_durably);
      if (type == RecordType::kEnd) TROTH_FAILPOINT("coordinator.end.appended");
    }
  }
  if (effects.promises.empty() && !effects.answer && !forced) return;
  DurabilityGate::Held held{gtid, {}, {}, forced};
  held.promises = std::move(effects.promises);
  if (effects.answer) held.answer = std::move(*effects.answer);
  // What a majority has decided waits for no promise of this node, which may still be on its way.
  const auto* two = std::get_if<GlobalCommit>(&txn.machine);
  const bool decided_by_all =
      two != nullptr && two->quorum() != nullptr && two->quorum()->decided();
  auto due = decided_by_all ? gate_.hold_decided_by_majority(txn.promise_lsn, std::move(held))
                            : gate_.hold(txn.promise_lsn, std::move(held));
  if (due) release(std::move(*due), now);
}

// When the record is COMMIT, its durability was THE COMMIT POINT: nothing from here on can change
// the outcome.
void Engine::release(DurabilityGate::Due&& due, Now now) {
  const bool commit = due.record() == RecordType::kCommit;
  const bool precommit = due.record() == RecordType::kPrecommitted;
  if (precommit) TROTH_FAILPOINT("coordinator.precommit.durable");
  if (commit) TROTH_FAILPOINT("coordinator.commit.durable");
  if (const auto found = live_.find(due.gtid()); commit && found != live_.end())
    measure_decided(found->second, now);
  if (auto known = due.take_answer()) answer(due.gtid(), std::move(*known), now);
  if (commit) TROTH_FAILPOINT("coordinator.commit.answered");
  if (options_.spans != nullptr) begin_calls(due, now);
  [[maybe_unused]] bool first = true;
  gate_.send(std::move(due), [&](const Message&, const auto& leave) {
    leave();
    if (commit && std::exchange(first, false)) SENT_FAILPOINT("coordinator.commit.sent_one");
  });
  if (commit) SENT_FAILPOINT("coordinator.commit.sent_all");
  if (precommit) SENT_FAILPOINT("coordinator.precommit.sent_all");
}

void Engine::on_durable(Lsn durable, Now now) {
  if (standing_.stopped()) return;
  publish();
  while (auto due = gate_.take_due(durable)) {
    const Gtid gtid = due->gtid();
    const bool tell = due->record().has_value();
    release(std::move(*due), now);
    if (!tell) continue;
    const auto found = live_.find(gtid);
    if (found != live_.end())
      step(found->second, GlobalCommit::Event(GlobalCommit::RecordDurable{}), now);
  }
  told_ = std::max(told_, durable);
  while (!operators_waiting_.empty() && operators_waiting_.begin()->first <= durable) {
    const auto tell = std::move(operators_waiting_.begin()->second);
    operators_waiting_.erase(operators_waiting_.begin());
    tell();
  }
  start_again(now);
}

// It is known before anybody is told. The last one who is told gets the results themselves.
void Engine::answer(const Gtid& gtid, TransactionOutcome&& outcome, Now now) {
  reports_.count(outcome.outcome == Outcome::kCommitted ? "committed"
                 : outcome.outcome == Outcome::kAborted ? "aborted"
                                                        : "answered_in_doubt");
  if (outcome.outcome == Outcome::kAborted)
    reports_.log().debug("aborted", {{"txn", gtid},
                                     {"code", to_string(outcome.reason.code)},
                                     {"reason", outcome.reason.detail}});
  if (!calls_.empty() && outcome.outcome == Outcome::kAborted)
    end_calls(gtid, std::string(to_string(outcome.reason.code)), now);
  std::vector<SubmitDone> clients;
  const auto found = live_.find(gtid);
  if (found != live_.end() && !lost_a_conflict(found->second, outcome, now)) {
    measure_answer(found->second, outcome, now);
    if (found->second.age && retried_automatically(outcome.reason.code))
      remember_age(gtid, *found->second.age);
    outcome.attempts = found->second.attempt;
    if (found->second.trace && outcome.outcome != Outcome::kInDoubt)
      end_span(*std::exchange(found->second.trace, nullptr),
               found->second.age ? "troth.v1.Coordinator/beginTransaction"
                                 : "troth.v1.Coordinator/submit",
               outcome, now.monotonic - found->second.since, now);
    clients = std::exchange(found->second.clients, {});
    found->second.answered = true;
    const auto& key = found->second.key();
    if (!key.empty() && outcome.outcome != Outcome::kInDoubt &&
        gtid.decider() == Decider::kCoordinator)
      keys_[key] = {key,     keys_in_flight_[key].second, gtid, outcome.outcome, outcome.reason,
                    now.wall};
  }
  const bool definite = outcome.outcome != Outcome::kInDoubt;
  if (definite) remember(outcome, now.monotonic);
  for (std::size_t i = 0; i + 1 < clients.size(); ++i)
    clients[i](SubmitReply{std::nullopt, outcome});
  const auto waiting = definite ? awaiting_.find(gtid) : awaiting_.end();
  if (waiting != awaiting_.end()) {
    auto callbacks = std::move(waiting->second);
    awaiting_.erase(waiting);
    for (auto& callback : callbacks) callback(outcome);
  }
  if (!clients.empty()) clients.back()(SubmitReply{std::nullopt, std::move(outcome)});
}

std::string Engine::kept_comment(const std::string& comment) {
  constexpr std::size_t kKept = 80;
  return comment.substr(0, kKept);
}

void Engine::remember(const TransactionOutcome& outcome, MonotonicTime now) {
  const Gtid& gtid = outcome.gtid;
  RememberedOutcomes::Entry known;
  known.outcome = outcome.outcome;
  known.replayed = outcome.replayed;
  known.attempts = outcome.attempts;
  known.ended = now;
  if (outcome.outcome != Outcome::kCommitted) known.reason = outcome.reason;
  if (const auto live = live_.find(gtid); live != live_.end()) {
    const auto* two = std::get_if<GlobalCommit>(&live->second.machine);
    known.three_phase = two != nullptr && two->setup().protocol == CommitProtocol::kThreePhase;
    const auto& comment = two != nullptr
                              ? two->setup().comment
                              : std::get<OnePhaseCommit>(live->second.machine).setup().comment;
    if (!comment.empty()) known.comment = kept_comment(comment);
  }
  recent_.add(gtid, std::move(known));
  while (recent_.size() > options_.max_recent) {
    const Gtid oldest = recent_.gtid_at(0);
    // One above it: what is forgotten must never be taken for "no record, hence aborted".
    horizon_ = std::max(
        horizon_, Gtid(oldest.tag(), oldest.epoch(), oldest.sequence() + 1, Decider::kCoordinator));
    recent_.forget_oldest();
  }
}

TransactionOutcome Engine::outcome_of(const Gtid& gtid, const RememberedOutcomes::View& known) {
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.outcome = known.outcome;
  outcome.replayed = known.replayed;
  outcome.attempts = known.attempts;
  if (known.reason != nullptr) outcome.reason = *known.reason;
  return outcome;
}

GtidMap<Engine::Transaction>::iterator Engine::erase(GtidMap<Transaction>::iterator at) {
  timers_.clear(at->second);
  if (!calls_.empty()) calls_.erase(at->first);
  return live_.erase(at);
}

// Of a machine that has ended.
void Engine::finish(const Gtid& gtid, Now now) {
  const auto found = live_.find(gtid);
  if (found == live_.end()) return;
  if (found->second.owns_key) keys_in_flight_.erase(found->second.key());
  if (const auto* two = std::get_if<GlobalCommit>(&found->second.machine))
    end_recovered_span(*two, found->second.since, now);
  erase(found);
}

void Engine::send_prepares(const Gtid& gtid, const Transaction& txn,
                           const std::vector<PrepareTo>& prepares, Now now) {
  for (const auto& prepare : prepares) {
    if (options_.spans == nullptr) {
      gate_.send(prepare);
    } else {
      OutgoingNow out(prepare.to, prepare.prepare.message());
      begin_call(gtid, txn, out, now);
      gate_.send(std::move(out));
    }
    if (&prepare == &prepares.front()) SENT_FAILPOINT("coordinator.prepare.sent_one");
  }
  SENT_FAILPOINT("coordinator.prepare.sent_all");
}

void Engine::append(const Record& record) {
  const auto force = force_of(record);
  if (force == Force::kYes) reports_.count("forced_writes");
  log_.append(type_of(record), encode(record), force);
}

void Engine::note(Transaction& txn, Event event, Now now) {
  constexpr std::size_t kKept = 32;
  constexpr std::size_t kUsual = 5;  // by far most wait for votes; at its end it is twice as many
  if (txn.events.size() >= kKept) return;
  if (txn.events.empty()) txn.events.reserve(kUsual);
  event.after = now.monotonic - txn.since;
  txn.events.emplace_back(event);
}

Engine::PackedEvent::PackedEvent(const Event& event)
    : what_(event.what.data()),
      about_(event.kind == Event::Kind::kRecord ? event.lsn.value
                                                : reinterpret_cast<std::uintptr_t>(event.from)),
      after_us_(static_cast<std::uint32_t>(std::clamp<std::int64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(event.after).count(), 0,
          std::numeric_limits<std::uint32_t>::max()))),
      what_size_(static_cast<std::uint8_t>(event.what.size())),
      kind_(event.kind) {}

Engine::Event Engine::PackedEvent::unpack() const {
  Event out{kind_, {what_, what_size_}, nullptr, {}, std::chrono::microseconds(after_us_)};
  if (kind_ == Event::Kind::kRecord)
    out.lsn = {about_};
  else
    out.from = reinterpret_cast<const NodeName*>(about_);
  return out;
}

const std::string& Engine::Transaction::key() const {
  static const std::string kNone;
  if (!owns_key) return kNone;
  if (const auto* one = std::get_if<OnePhaseCommit>(&machine))
    return one->setup().request.idempotency_key;
  return std::get<GlobalCommit>(machine).setup().idempotency_key;
}

// ---- timers
// --------------------------------------------------------------------------------------------------------

// A timer that rings too early asks again; most transactions end before theirs rings at all.
void Engine::schedule(Transaction& txn, const Gtid& gtid, std::optional<MonotonicTime> wake) {
  if (!wake) return;
  if (const auto set = timers_.of(txn); set && *set <= *wake) return;
  timers_.set(txn, gtid, wake);
}

// The longer the queue, the longer an answer may honestly take: repeating what is merely waiting
// would make the queue longer still.
RetryPolicy Engine::resend() const {
  constexpr Duration kPerTransaction = std::chrono::microseconds(200);
  auto policy = options_.resend;
  policy.first += kPerTransaction * static_cast<std::int64_t>(live_.size());
  policy.first = std::min(policy.first, std::max(policy.max, options_.resend.first));
  return policy;
}

std::optional<MonotonicTime> Engine::next_wake() const {
  if (standing_.stopped() || (timers_.empty() && other_timers_.empty())) return std::nullopt;
  if (timers_.empty()) return other_timers_.begin()->first;
  if (other_timers_.empty()) return timers_.first();
  return std::min(timers_.first(), other_timers_.begin()->first);
}

std::vector<NodeName> Engine::unreachable() const {
  std::vector<NodeName> out;
  for (const auto& [name, address] : options_.participants) {
    const auto link = links_.find(name);
    if (link == links_.end() || !link->second.connected) out.push_back(name);
  }
  return out;
}

void Engine::tick(Now now) {
  if (standing_.stopped()) return;
  while (!other_timers_.empty() && other_timers_.begin()->first <= now.monotonic) {
    const Gtid gtid = other_timers_.begin()->second;
    other_timers_.erase(other_timers_.begin());
    if (open_.count(gtid) != 0) tick_open(gtid, now);
    const auto asked = searches_.find(gtid);
    if (asked != searches_.end() && asked->second.next_ask <= now.monotonic)
      ask_again(gtid, asked->second, now);
  }
  while (!timers_.empty() && timers_.first() <= now.monotonic) {
    Transaction& txn = timers_.pop();
    const auto [gtid, wake] =
        std::visit([](const auto& m) { return std::pair(m.gtid(), m.next_wake()); }, txn.machine);
    if (!wake || *wake > now.monotonic) {
      schedule(txn, gtid, wake);
      continue;
    }
    const auto cut_off = unreachable();
    if (const auto* one = std::get_if<OnePhaseCommit>(&txn.machine)) {
      const bool down =
          std::find(cut_off.begin(), cut_off.end(), one->setup().participant) != cut_off.end();
      step(txn, OnePhaseCommit::Event(OnePhaseCommit::Tick{down}), now);
    } else {
      step(txn, GlobalCommit::Event(GlobalCommit::Tick{cut_off}), now);
    }
  }
}

void Engine::end_of_round(Now now) {
  if (!standing_.stopped()) {
    checkpoint_if_due(now);
    publish();
  }
  const bool here = may_force_here();
  if (!here) log_.flush();  // so that the disk works while messages are sent
  gate_.flush();
  if (!here) return;
  forced_here_ = log_.force_here();
  if (!forced_here_) log_.flush();
}

// Before any promise leaves: the batch that carries a decision must also say that the log reaches
// at least that far, or a peer could not tell later that this log lost it.
void Engine::publish() {
  LinkState state;
  state.position = {options_.log_id, options_.epoch, log_.durable()};
  // Every gtid below is ended everywhere, and this log knows it durably: participants may forget
  // theirs. Were an END lost that they had acted on, the next start would ask for an ack of what
  // nobody remembers.
  while (!ends_.empty() && ends_.front().first <= state.position.durable) ends_.pop_front();
  auto ended_below = Gtid(CoordinatorTag::of(options_.log_id), options_.epoch, next_sequence_,
                          Decider::kCoordinator);
  if (!live_.empty()) ended_below = std::min(ended_below, live_.begin()->first);
  if (!open_.empty()) ended_below = std::min(ended_below, open_.begin()->first);
  if (!before_adoption_.empty())
    ended_below = std::min(ended_below, before_adoption_.begin()->first);
  if (!ends_.empty()) ended_below = std::min(ended_below, ends_.front().second);
  // Not everywhere: a lost participant may come back and ask the others.
  if (!operators_.unconfirmed().empty())
    ended_below = std::min(ended_below, operators_.unconfirmed().begin()->first.first);
  state.ended_below = ended_below;
  if (state.position == published_.position && state.ended_below == published_.ended_below) return;
  published_ = state;
  gate_.publish(state);
}

}  // namespace troth::coordinator
