#include "participant/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/witnesses.h"
#include "participant/held.h"
#include "protocol/packed_message.h"

namespace troth::participant {

using namespace protocol;

namespace {

// engine/authority.h holds the rules; the branch's own record names its members.
PeerStanding standing_of(const PeerHandshake& peers, const BranchTable& table, const NodeName& from,
                         const Gtid& gtid) {
  const auto standing = peers.standing(from, gtid);
  if (standing == PeerStanding::kCoordinator || peers.disputed(gtid.tag())) return standing;
  const auto* found = table.find(gtid);
  if (found == nullptr || found->branch.prepared_record().members.empty()) return standing;
  const auto& members = found->branch.prepared_record().members;
  const bool member =
      std::any_of(members.begin(), members.end(), [&](const Member& m) { return m.name == from; });
  return member ? PeerStanding::kMember : PeerStanding::kStranger;
}

// The consequences for the sender of a message that counts. Nothing: the message does not.
std::optional<PeerHandshake::Judgement> hear(PeerHandshake& peers, const BranchTable& table,
                                             Reports& reports, const NodeName& from,
                                             const Message& message, MonotonicTime now) {
  const auto standing = standing_of(peers, table, from, gtid_of(message));
  if (!participant_takes(message, standing)) {
    reports.count("unauthorized");
    reports.refused("refused a message", from, name_of(message),
                    fmt::format("the sender is {} of {}", to_string(standing), gtid_of(message)),
                    now);
    return std::nullopt;
  }
  auto accepted = peers.accept(from);
  if (accepted.refusal.empty()) return accepted;
  reports.count("unauthorized");
  reports.refused("refused a peer", from, "too many", accepted.refusal, now);
  return std::nullopt;
}

}  // namespace

Engine::Engine(EngineOptions options, RecordLog& log, Transport& transport, WorkerPort& worker,
               Logger logger)
    : core_(std::move(options), log, transport, worker, std::move(logger)),
      table_(core_.options),
      promises_(core_.options, core_.log, core_.transport, core_.standing, core_.reports),
      flush_(core_.options, core_.log, core_.worker),
      keys_(core_.options, core_.log, core_.reports, {table_, flush_, promises_}),
      links_(core_.peers, transport, core_.reports),
      horizon_(core_.log),
      presumption_(horizon_, core_.peers.lives()),
      branches_(core_.options, core_.log, core_.worker, core_.reports,
                {table_, flush_, keys_, links_, promises_}),
      by_hand_(core_.options, core_.log, table_, branches_, links_, promises_, core_.reports),
      members_(core_.options, core_.log, core_.reports,
               {table_, branches_, links_, promises_, horizon_, presumption_, by_hand_.book(),
                core_.peers}),
      wounds_(core_.options, core_.worker, table_, branches_, promises_, core_.reports),
      messages_(core_.options, core_.log, core_.reports,
                {table_, flush_, branches_, keys_, promises_, by_hand_, members_, wounds_, horizon_,
                 presumption_, core_.peers, core_.standing}),
      greetings_(core_, {table_, branches_, by_hand_, horizon_, links_, members_, messages_}),
      locks_(core_.options, table_, core_.worker),
      views_(core_.options, core_.log, table_, links_, core_.peers, by_hand_, locks_, keys_,
             core_.standing, core_.reports),
      checkpointer_(core_.log, core_.options.checkpoint_bytes) {
  for (const auto& [name, address] : core_.options.coordinators)
    core_.peers.configure(name, address, Role::kCoordinator);
  for (const auto& [name, address] : core_.options.peers)
    core_.peers.configure(name, address, Role::kParticipant);
}

// ---- the start

void Engine::adopt(recovery::ParticipantTables tables, MonotonicTime now) {
  views_.started(now);
  presumption_.adopt(tables.adopted);
  horizon_.adopt(std::move(tables.ended));
  for (const auto& [name, peer] : tables.peers) {
    core_.peers.adopt(peer);
    members_.heard(name, now);
    const bool met = !peer.position.log_id.is_nil();  // others are only named: nobody calls them
    if (met && !peer.address.empty()) core_.transport.learn_address(name, peer.address);
  }
  core_.peers.adopt(std::move(tables.lives), tables.adopted, core_.log.appended());
  core_.peers.adopt(tables.claims);
  core_.standing.quarantine().adopt(tables.claims);
  if (core_.standing.quarantine().active())
    core_.reports.alarm(core_.standing.quarantine().reason(), {});
  by_hand_.adopt(std::move(tables.operators), now);
  Witnesses(by_hand_.desk(), core_.reports).adopt();
  adopt_prepared(tables, {now, {}});
  adopt_outcomes(tables, {now, {}});
  checkpointer_.adopt(tables.first_record);
}

void Engine::adopt_prepared(recovery::ParticipantTables& tables, Now now) {
  for (auto& [gtid, prepared] : tables.prepared) {
    core_.peers.hear_members(prepared.record.members);
    auto& entry = table_.start(
        gtid, Branch::recovered_prepared(table_.settings(), prepared.record, now.monotonic), now);
    entry.recovered = true;
    entry.priority = prepared.record.priority;
    entry.before_adoption = !presumption_.knows_promises(prepared.record, core_.options.name);
    members_.join(entry, prepared.position, now);
    table_.schedule(entry);
  }
}

void Engine::adopt_outcomes(recovery::ParticipantTables& tables, Now now) {
  for (auto& [gtid, remembered] : tables.remembered) {
    const auto kind =
        gtid.decider() == Decider::kParticipant ? Branch::Kind::kOnePhase : Branch::Kind::kTwoPhase;
    if (!remembered.idempotency_key.empty()) keys_.adopt(gtid, remembered);
    if (gtid.tag() == CoordinatorTag::of(core_.options.log_id))
      continue;  // a local one: no node will ask
    table_.start(gtid,
                 remembered.outcome == Outcome::kCommitted
                     ? Branch::recovered_committed(table_.settings(), gtid, kind)
                     : Branch::tombstone(table_.settings(), gtid, remembered.reason, true),
                 now);
  }
}

// ---- what the network brings

// A record that was appended becomes durable as long as the log lives: then its answer follows.
void Engine::stop_for(const Error& error, bool log_failed) {
  const bool complete = is_held_by(error) || error.code == ErrorCode::kFenced;
  if (core_.standing.fail_for(error))
    core_.reports.alarm(complete
                            ? error.context
                            : fmt::format("{} can promise nothing more and must be restarted: {}",
                                          core_.options.name, error.context),
                        {});
  if (log_failed) return branches_.end_local_all(core_.standing.failure());
  branches_.end_local_executing(core_.standing.failure());
}

void Engine::on_batch(Batch batch, Now now) {
  if (core_.standing.stopped()) return;
  const auto judgement = core_.peers.on_batch(batch.header);
  greetings_.judge(judgement, batch.header.sender, now);
  if (!judgement.refusal.empty()) {
    core_.reports.count("stale_refused");
    return core_.reports.log().debug(
        "refused a batch", {{"peer", batch.header.sender}, {"reason", judgement.refusal}});
  }
  const BatchHeader header = std::move(batch.header);
  members_.heard(header.sender, now.monotonic);
  greetings_.accepted().heard(header.sender, now.monotonic);
  // First, because the messages may ask for branches that are forgotten here.
  if (header.ended_below && core_.peers.owns(header.sender, *header.ended_below) &&
      header.ended_below->epoch() <= header.position.epoch)
    forget_ended(header);
  take_messages(
      std::move(batch),
      [&](Message&& message) {
        core_.log.heard();
        greetings_.accepted().make_room_for(header.sender, now.monotonic);
        const auto heard =
            hear(core_.peers, table_, core_.reports, header.sender, message, now.monotonic);
        if (!heard) return;
        if (!heard->to_append.empty())  // it was a guest until now
          greetings_.accepted().heard(header.sender, now.monotonic);
        greetings_.judge(*heard, header.sender, now);
        messages_.handle(header.sender, std::move(message), now);
      },
      [&](const Error& why) {
        core_.reports.count("messages_damaged");
        core_.reports.refused("dropped a message of a peer", header.sender, "damaged", why.context,
                              now.monotonic);
      });
}

void Engine::forget_ended(const BatchHeader& header) {
  if (!horizon_.advance(header)) return;
  const auto tag = header.ended_below->tag();
  const Epoch epoch = header.position.epoch;
  // One-phase outcomes that the coordinator may have to ask for: they are kept, within bounds.
  const Gtid epoch_start(tag, epoch, 0, Decider::kCoordinator);
  if (horizon_.news_from() < epoch_start &&
      horizon_.forget_unconfirmed(tag, table_.one_phase_before(tag, epoch))) {
    core_.reports.count("one_phase_outcomes_forgotten");
    core_.reports.log().warn("forgot one-phase outcomes that the coordinator did not confirm",
                             {{"peer", header.sender}});
  }
  const auto ended = [this](const Gtid& gtid) { return horizon_.ended(gtid); };
  table_.erase_over(horizon_.news_from(), std::max(*header.ended_below, epoch_start), ended);
  horizon_.note(tag);
  keys_.forget_redirected(ended);
}

// ---- what the log, the worker and embedded clients bring

void Engine::on_durable(Lsn durable, Now now) {
  promises_.publish();
  by_hand_.desk().on_durable(durable);
  while (auto held = promises_.take_durable(durable)) {
    if (held->answer) branches_.answer_local(held->gtid, std::move(*held->answer));
    if (held->record) members_.on_durable(held->gtid, *held->record, now);
  }
}

void Engine::on_worker(WorkerResult&& result, Now now) {
  if (core_.standing.stopped()) return;
  if (auto* executed = std::get_if<Executed>(&result))
    return branches_.on_executed(std::move(*executed), now);
  if (const auto* waiting = std::get_if<Waiting>(&result)) return wounds_.on_waiting(*waiting, now);
  if (const auto* granted = std::get_if<Granted>(&result)) return wounds_.on_granted(*granted);
  if (const auto* flushed = std::get_if<Flushed>(&result))
    return branches_.on_flushed(flushed->marker, now);
  if (auto* made = std::get_if<MadeDurable>(&result)) {
    flush_.made_durable(made->marker, made->database.more_to_do, now);
    return views_.saw(std::move(made->database));
  }
  if (std::holds_alternative<ReadyToCollect>(result)) return core_.worker.post(CollectJob{});
  if (auto* seen = std::get_if<LocksSeen>(&result)) return locks_.on_seen(std::move(*seen), now);
  const auto& error = std::get<WorkerFailed>(result).error;
  // The log goes on, so that its records become durable and the restart finds them.
  if (is_held_by(error)) return stop_for(held(error), false);
  core_.reports.log().error("the database failed; stopping", {{"cause", error.context}});
  stop_for(error, false);
  if (on_fatal) on_fatal(error);
}

void Engine::transact(std::vector<Statement> statements, Duration deadline, LocalDone done,
                      Now now) {
  const Gtid gtid(CoordinatorTag::of(core_.options.log_id), core_.options.epoch, next_local_++,
                  Decider::kParticipant);
  if (const auto refused = messages_.admission(core_.options.name, core_.options.epoch, gtid)) {
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = Outcome::kAborted;
    outcome.reason = *refused;
    return done(std::move(outcome));
  }
  branches_.start_local(gtid, std::move(statements), deadline, std::move(done), now);
}

void Engine::look_at_locks(const LockQuery& query, LocksDone done) {
  if (core_.standing.stopped()) return done(fail(ErrorCode::kBusy, "the agent is stopping"));
  locks_.look(query, std::move(done));
}

void Engine::forget_peer(const ForgetPeerRequest& request, PeerForgetting::Done done, Now now) {
  const auto& name = request.peer;
  const PeerAtHand peer{
      core_.peers.table().knows(name) || links_.all().count(name) != 0,
      core_.options.coordinators.count(name) != 0 || core_.options.peers.count(name) != 0,
      links_.is_connected(name), what_is_owed(name, table_, by_hand_.book())};
  if (!PeerForgetting(by_hand_.desk(), core_.peers, core_.reports)
           .forget(request, peer, std::move(done), now))
    return;
  links_.forget(name);
  core_.transport.forget(name);
}

Result<std::int64_t> Engine::retry(const std::string& id, const Operator& by, Now now) {
  std::string problem;
  const BranchEntry* only = id.empty() ? nullptr : table_.find(id, problem);
  if (!id.empty() && only == nullptr) return fail(ErrorCode::kNotFound, problem);
  std::int64_t poked = 0;
  for (auto& [gtid, entry] : table_) {
    if (only != nullptr && &entry != only) continue;
    if (!entry.branch.in_doubt()) continue;
    branches_.step(entry, Branch::RetryNow{}, now);
    members_.step(entry, QuorumBallot::Suspect{}, now);
    ++poked;
  }
  if (!by_hand_.book().heuristics().empty()) by_hand_.ask_for_truth(now);
  by_hand_.desk().audit("retry", id, "ok", by, now);
  return poked;
}

std::size_t Engine::busy_branches() const {
  const auto busy = std::count_if(table_.begin(), table_.end(), [](const auto& item) {
    const auto state = item.second.branch.state();
    return state == Branch::State::kExecuting || state == Branch::State::kPreparing ||
           state == Branch::State::kCommitting;
  });
  if (core_.standing.stopped()) return 0;  // nothing of it ends any more
  return static_cast<std::size_t>(busy) + (flush_.busy() ? 1 : 0);
}

// ---- timers and rounds

std::optional<MonotonicTime> Engine::next_wake() const {
  std::optional<MonotonicTime> wake;
  if (core_.standing.stopped()) return wake;
  for (const auto& at :
       {table_.next_wake(), flush_.next_wake(), by_hand_.next_wake(), core_.log.next_wake()})
    if (at && (!wake || *at < *wake)) wake = at;
  return wake;
}

void Engine::tick(Now now) {
  while (auto* entry = table_.take_due(now.monotonic)) {
    if (wounds_.give_up_if_due(*entry, now)) continue;
    wounds_.wound_if_due(*entry, now);
    const auto wake = entry->branch.next_wake();
    if (wake && *wake <= now.monotonic) branches_.step(*entry, Branch::Tick{}, now);
    members_.tick(*entry, now);
    table_.schedule(*entry);
  }
  flush_.tick(now);
  by_hand_.tick(now);
  core_.log.tick(now.monotonic);
}

// The results that the worker would have delivered later.
void Engine::run_jobs_here(Now now) {
  std::vector<WorkerResult> results;
  while (alone() && core_.worker.run_here(results))
    for (auto& result : std::exchange(results, {})) on_worker(std::move(result), now);
}

void Engine::end_of_round(Now now) {
  if (!core_.standing.stopped()) {
    run_jobs_here(now);
    flush_.flush_if_due(table_.live(), now);
    if (checkpointer_.copied()) flush_.move_marker_to(checkpointer_.start());
    checkpoint_if_due(now);
    core_.log.end_of_round(now.monotonic);
  }
  branches_.forget_local();
  if (const auto forgotten = table_.forget_aborts(); forgotten > 0)
    core_.reports.count("aborts_forgotten", forgotten);
  promises_.publish();
  core_.worker.flush();
  const bool here = may_force_here();
  if (!here) core_.log.flush();  // so that the disk works while messages are sent
  core_.transport.flush();
  if (!here) return;
  forced_here_ = core_.log.force_here();
  if (!forced_here_) core_.log.flush();
}

void Engine::checkpoint_if_due(Now now) {
  // All or nothing, and never beyond the file's own durable marker. The redo of a COMMITTED record
  // is in its PREPARED record before it, and at a start the marker proves that nothing is lost.
  checkpointer_.release(flush_.file_durable());
  if (checkpointer_.due()) checkpointer_.begin(core_.log.appended(), [&] { copy_forward(now); });
}

void Engine::copy_forward(Now now) {
  keys_.forget_old(now);
  core_.append(EpochRecord{core_.options.epoch});
  core_.append(core_.peers.lives().record());
  if (presumption_.adopted().lineage > 0) core_.append(presumption_.adopted());
  by_hand_.copy_forward();
  for (const auto& peer : core_.peers.records()) core_.append(peer);
  for (const auto& [witness, claim] : core_.standing.quarantine().claims()) core_.append(claim);
  horizon_.copy_forward();  // before the outcomes that are left
  branches_.copy_forward();
  keys_.copy_forward();
  core_.reports.count("checkpoints");
}

}  // namespace troth::participant
