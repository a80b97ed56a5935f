#include "coordinator/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/packed_message.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

// Nothing is decided any more, and nobody is told a decision. Clients that wait hear that it is not
// known.
void enter_quarantine(Core& core, TransactionTable& table, KnownOutcomes& outcomes,
                      Conversations& conversations, Now now) {
  const auto& quarantine = core.standing.quarantine();
  if (!quarantine.active()) return;
  core.reports.alarm(quarantine.reason(), {});
  const AbortReason why{AbortCode::kDraining, quarantine.reason(), core.options.name, -1};
  for (auto& [gtid, txn] : table) {
    TransactionOutcome unknown;
    unknown.gtid = gtid;
    unknown.outcome = Outcome::kInDoubt;
    unknown.reason = why;
    txn.answered = true;
    for (auto& client : std::exchange(txn.clients, {})) client(SubmitReply{std::nullopt, unknown});
  }
  outcomes.tell_unknown(why);
  conversations.abort_all(why, now);
}

}  // namespace

Engine::Engine(EngineOptions options, RecordLog& log, Transport& transport, Logger logger)
    : core_(std::move(options), log, transport, std::move(logger)),
      tables_(core_.options),
      desk_(core_.log, core_.reports),
      transactions_(core_, tables_, core_.peers),
      admission_(core_, desk_.book()),
      conversations_(core_,
                     {admission_, tables_.live, transactions_, tables_.outcomes, tables_.ages}),
      submissions_(core_, {admission_, tables_.live, transactions_, tables_.keys, conversations_}),
      searches_(core_, tables_.outcomes),
      inquiries_(core_, {tables_.live, conversations_, tables_.outcomes, tables_.keys, searches_,
                         desk_.book()}),
      retention_(core_, {tables_, conversations_, inquiries_, desk_.book()}),
      lost_(core_, tables_.live, tables_.outcomes, transactions_, desk_),
      views_(core_, {tables_.live, conversations_, tables_.outcomes, desk_, lost_, core_.peers,
                     tables_.keys}),
      checkpointer_(core_.log, core_.options.checkpoint_bytes),
      told_(log.durable()) {
  for (const auto& [name, address] : core_.options.participants)
    core_.peers.configure(name, address, Role::kParticipant);
  // A counter that is not there yet cannot be watched; the usual ones first.
  for (const char* name :
       {"messages_sent", "forced_writes", "submitted", "committed", "aborted", "answered_in_doubt",
        "replayed", "refused", "refused_busy", "presumed_aborts", "stale_refused", "hello_refused",
        "alarms", "amnesia_alarms", "checkpoints"})
    core_.reports.count(name, 0);
}

// ---- the start

void Engine::adopt(recovery::CoordinatorTables tables, Now now) {
  views_.started(now.monotonic);
  core_.own.adopt(tables.adopted);
  tables_.outcomes.adopt(tables.horizon);
  checkpointer_.adopt(tables.first_record);
  for (const auto& [name, peer] : tables.peers) core_.peers.adopt(peer);
  core_.standing.quarantine().adopt(tables.claims);
  enter_quarantine(core_, tables_.live, tables_.outcomes, conversations_, now);
  desk_.adopt(std::move(tables.operators));
  for (const auto& [gtid, known] : tables.outcomes) {
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = known.outcome;
    outcome.reason = known.reason;
    tables_.outcomes.remember(outcome, nullptr, now.monotonic);
  }
  tables_.keys.adopt(std::move(tables.keys), core_.log.appended(), now);
  for (const auto& [gtid, record] : tables.unended) transactions_.adopt(record, now);
  for (const auto& [gtid, undecided] : tables.undecided) {
    if (gtid.epoch() < tables.adopted.below) {
      inquiries_.adopt(undecided);
    } else {
      transactions_.adopt(undecided, now);
    }
  }
  lost_.give_up_again(now);
}

void Engine::measured_recovery(Duration took) {
  core_.meters.recovery_seconds = std::chrono::duration<double>(took).count();
  core_.meters.recovered["recommitted"] = tables_.live.size();
}

void Engine::set_participants(const std::map<NodeName, std::string>& participants) {
  for (const auto& [name, address] : participants) {
    core_.options.participants[name] = address;
    core_.peers.configure(name, address, Role::kParticipant);
  }
}

// ---- what the network brings

void Engine::judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now) {
  for (const auto& record : judgement.to_append) core_.append(record);
  if (judgement.lost_memory) {
    if (const auto claim = core_.standing.quarantine().raise(*judgement.lost_memory, now.wall)) {
      core_.append(*claim);
      enter_quarantine(core_, tables_.live, tables_.outcomes, conversations_, now);
    }
  }
  if (!judgement.restarted || core_.standing.stopped()) return;
  const Epoch epoch = core_.peers.position_of(peer).epoch;
  conversations_.on_restarted(peer, epoch, now);
  transactions_.on_restarted(peer, epoch, now);
}

HelloReply Engine::on_hello(const Hello& hello, Now now) {
  HelloReply reply;
  const auto judgement = core_.peers.on_hello(hello, core_.reaches(), reply);
  judge(judgement, hello.name, now);
  if (reply.verdict != HelloVerdict::kWelcome) {
    core_.reports.count("hello_refused");
    if (!judgement.repeated)
      core_.reports.log().warn("refused a greeting",
                               {{"peer", hello.name}, {"reason", judgement.refusal}});
    return reply;
  }
  if (core_.standing.stopped()) {
    reply.verdict = HelloVerdict::kNotReady;
    reply.detail = core_.standing.quarantine().reason();
    return reply;
  }
  // The link may sit out a pause after its last failure.
  if (!hello.address.empty()) core_.gate.heard_from(hello.name, hello.address);
  transactions_.on_reachable(hello.name, now);
  lost_.tell_what_was_given_up(hello.name);
  return reply;
}

Hello Engine::make_hello(const NodeName& peer) const {
  return core_.peers.make_hello(peer, core_.own_address, core_.reaches());
}

bool Engine::on_hello_reply(const NodeName& peer, const HelloReply& reply, Now now) {
  const auto judgement = core_.peers.on_reply(peer, reply, core_.reaches());
  judge(judgement, peer, now);
  if (!judgement.refusal.empty() && !judgement.repeated)
    core_.reports.log().warn("link refused", {{"peer", peer}, {"reason", judgement.refusal}});
  return judgement.refusal.empty() && !core_.standing.stopped();
}

void Engine::on_link(const LinkStatus& status, Now now) {
  const bool up = status.connected && !core_.links.is_connected(status.peer);
  core_.links.changed(status);
  if (up) transactions_.on_link_up(status.peer, now);
}

void Engine::on_batch(Batch batch, Now now) {
  if (core_.standing.stopped()) return;
  const auto judgement = core_.peers.on_batch(batch.header);
  judge(judgement, batch.header.sender, now);
  if (!judgement.refusal.empty()) {
    core_.reports.count("stale_refused");
    return core_.reports.log().debug(
        "refused a batch", {{"peer", batch.header.sender}, {"reason", judgement.refusal}});
  }
  const NodeName sender = std::move(batch.header.sender);
  take_messages(
      std::move(batch),
      [&](Message&& message) {
        core_.log.heard();
        handle(sender, std::move(message), now);
      },
      [&](const Error& why) {
        core_.reports.count("messages_damaged");
        core_.reports.log().warn("dropped a message of a peer",
                                 {{"peer", sender}, {"why", why.context}});
      });
}

void Engine::handle(const NodeName& from, Message&& message, Now now) {
  if (const auto* alarmed = std::get_if<Alarm>(&message)) {
    core_.reports.count("amnesia_alarms");
    const auto rank = core_.own.minted(alarmed->gtid) ? Alarms::Rank::kKnown : Alarms::Rank::kClaim;
    return core_.reports.alarm(alarmed->what, alarmed->gtid, Alarms::Until::kEnded, from, rank);
  }
  if (const auto* executed = std::get_if<ExecuteResult>(&message))
    return conversations_.on_result(from, *executed, now);
  if (const auto* result = std::get_if<OnePhaseResult>(&message)) {
    if (!transactions_.take(from, *result, now)) searches_.on_result(from, *result, now);
    return;
  }
  if (const auto* wound = std::get_if<Wound>(&message)) {
    if (!transactions_.take(from, *wound, now))
      inquiries_.on_unknown(from, Inquire{wound->gtid}, now);
    return;
  }
  if (std::holds_alternative<Ack>(message)) {
    // Whatever it reported, somebody has repaired it there.
    core_.reports.end_alarm(gtid_of(message), from);
    lost_.confirmed_after_all(from, gtid_of(message), now);
  }
  if (!transactions_.take(from, message, now)) inquiries_.on_unknown(from, message, now);
}

// ---- operators

Result<ResolveReply> Engine::resolve(const ResolveRequest& request, Now now) {
  auto reply = views_.why_not(request.id, now);
  if (!request.dry_run)
    desk_.audit(request.decision == Decision::kCommit ? "resolve_commit" : "resolve_abort",
                request.id, "refused", request.by, now);
  return reply;
}

void Engine::forget(const ForgetRequest& request, ResolveDone done, Now now) {
  const auto detail = show(request.id, now);
  lost_.forget(request, detail ? Status() : fail(detail.error()), std::move(done), now);
}

void Engine::drain_participant(const NodeName& name, bool drain, const Operator& by, DrainDone done,
                               Now now) {
  const bool known = core_.options.find(name) != nullptr;
  desk_.audit(drain ? "drain" : "resume", name.text(), known ? "ok" : "refused", by, now);
  if (!known)
    return done(fail(ErrorCode::kNotFound, fmt::format("no participant is called {}", name)));
  // It acts at once, and is confirmed when no crash can take it back.
  desk_.when_durable(core_.log.appended(), [done = std::move(done)] { done({}); });
}

Result<std::int64_t> Engine::retry(const std::string& id, const Operator& by, Now now) {
  std::vector<Gtid> gtids;
  if (id.empty()) {
    gtids = tables_.live.gtids();
  } else {
    std::string problem;
    const auto* txn = std::as_const(tables_.live).find(id, problem);
    if (txn == nullptr) return fail(ErrorCode::kNotFound, problem);
    gtids.push_back(txn->gtid());
  }
  for (const auto& gtid : gtids) transactions_.retry(gtid, now);
  desk_.audit("retry", id, "ok", by, now);
  return static_cast<std::int64_t>(gtids.size());
}

void Engine::cancel_undecided(Now now) {
  conversations_.abort_all({AbortCode::kDraining, "the coordinator is shutting down", {}, -1}, now);
  transactions_.cancel_undecided(now);
}

// ---- timers and rounds

std::optional<MonotonicTime> Engine::next_wake() const {
  std::optional<MonotonicTime> wake;
  if (core_.standing.stopped()) return wake;
  for (const auto& at : {tables_.live.next_wake(), conversations_.next_wake(),
                         searches_.next_wake(), core_.log.next_wake()})
    if (at && (!wake || *at < *wake)) wake = at;
  return wake;
}

void Engine::tick(Now now) {
  if (core_.standing.stopped()) return;
  conversations_.tick(now);
  searches_.tick(now);
  transactions_.tick(now);
  core_.log.tick(now.monotonic);
}

void Engine::on_durable(Lsn durable, Now now) {
  if (core_.standing.stopped()) return;
  retention_.publish();
  transactions_.on_durable(durable, now);
  told_ = std::max(told_, durable);
  desk_.on_durable(durable);
}

void Engine::end_of_round(Now now) {
  if (!core_.standing.stopped()) {
    tables_.keys.mark(told_, checkpointer_.open());
    if (const auto failure = tables_.keys.failure(); failure && on_fatal) on_fatal(*failure);
    checkpointer_.release(tables_.keys.stored(core_.log.durable()));
    // Not further than told_: an abort whose record is on its way to the disk has not reached the
    // keys yet.
    if (checkpointer_.due()) checkpointer_.begin(told_, [&] { copy_forward(now); });
    retention_.publish();
    core_.log.end_of_round(now.monotonic);
  }
  const bool here = may_force_here();
  if (!here) core_.log.flush();  // so that the disk works while messages are sent
  core_.gate.flush();
  if (!here) return;
  forced_here_ = core_.log.force_here();
  if (!forced_here_) core_.log.flush();
}

// What still lives, so that everything before can go.
void Engine::copy_forward(Now now) {
  const auto append = [&](const Record& record) { core_.append(record); };
  append(EpochRecord{core_.options.epoch});
  if (core_.own.adopted().lineage > 0) append(core_.own.adopted());
  for (const auto& peer : core_.peers.records()) append(peer);
  for (const auto& [witness, claim] : core_.standing.quarantine().claims()) append(claim);
  transactions_.copy_forward();
  inquiries_.copy_forward();
  tables_.keys.copy_forward(now, append);
  desk_.book().copy_forward();
  append(HorizonRecord{core_.own.next()});
  core_.reports.count("checkpoints");
}

}  // namespace troth::coordinator
