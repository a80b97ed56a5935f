#include "participant/engine.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "os/failpoint.h"

namespace troth::participant {

using namespace protocol;

Engine::Engine(EngineOptions options, RecordLog& log, Transport& transport, WorkerPort& worker,
               Logger logger)
    : options_(std::move(options)),
      log_(log),
      transport_(transport),
      worker_(worker),
      logger_(std::move(logger)),
      peers_(options_.name, Role::kParticipant, options_.log_id, options_.epoch, false),
      branch_settings_{
          options_.name, {options_.log_id, options_.epoch, {}}, {}, options_.suspicion.timeout / 3},
      operators_(log),
      checkpoint_end_(log.appended()) {}

namespace {

bool is_ballot_record(RecordType type) {
  return type == RecordType::kPrecommitted || type == RecordType::kPreaborted ||
         type == RecordType::kElected;
}

}  // namespace

// The more branches live, the longer a decision may honestly take: asking for what is merely on its
// way would delay it further.
const BranchSettings& Engine::settings() {
  constexpr Duration kPerBranch = std::chrono::microseconds(200);
  auto& inquiry = branch_settings_.inquiry;
  inquiry = options_.inquiry;
  inquiry.first = std::min(inquiry.first + kPerBranch * static_cast<std::int64_t>(live_),
                           std::max(inquiry.max, inquiry.first));
  return branch_settings_;
}

Engine::Entry& Engine::start_entry(const Gtid& gtid, Branch&& branch, Now now) {
  return started(branches_.emplace(gtid, std::move(branch)), now);
}

Engine::Entry& Engine::start_entry(const Gtid& gtid, Branch::Kind kind, Now now) {
  return started(branches_.emplace(gtid, settings(), gtid, kind), now);
}

Engine::Entry& Engine::started(std::pair<GtidMap<Entry>::iterator, bool> added, Now now) {
  const auto [at, is_new] = added;
  TROTH_ASSERT(is_new, "gtid {} is known already", at->first);
  at->second.since = now.monotonic;
  at->second.live = !at->second.branch.is_over();
  if (at->second.live) ++live_;
  return at->second;
}

GtidMap<Engine::Entry>::iterator Engine::erase(GtidMap<Entry>::iterator at) {
  timers_.clear(at->second);
  if (at->second.live) --live_;
  if (!gave_up_.empty()) gave_up_.erase(at->second.branch.gtid());
  return branches_.erase(at);
}

// ---- steps and their effects
// ---------------------------------------------------------------------------------------

void Engine::step(Entry& entry, Branch::Event&& event, Now now,
                  std::vector<Statement>* statements) {
  const auto before = entry.branch.state();
  auto effects = entry.branch.step(std::move(event), now.monotonic);
  if (options_.spans != nullptr && entry.live && entry.branch.is_over()) end_span(entry, now);
  count_transition(entry, before);
  if (entry.branch.state() != before && entry.steps_taken < entry.steps.size())
    entry.steps[entry.steps_taken++] = {now.monotonic, entry.branch.state()};
  if (!effects.now.empty()) find_members(entry, effects.now);
  carry_out(entry, std::move(effects), now, statements);
  if (entry.quorum) tell_quorum(entry, now);
}

void Engine::count_transition(Entry& entry, Branch::State before) {
  const auto after = entry.branch.state();
  if (entry.live && entry.branch.is_over()) {
    entry.live = false;
    --live_;
  }
  if (after == before) return;
  if (before == Branch::State::kPrepared) end_alarm(entry.branch.gtid());
  switch (after) {
    case Branch::State::kPreparing:
      return count("prepared");
    case Branch::State::kReadOnly:
      return count("read_only");
    case Branch::State::kAborted:
      return count("aborted");
    case Branch::State::kCommitted:
      return count(before == Branch::State::kExecuting ? "read_only" : "committed");
    case Branch::State::kExecuting:
    case Branch::State::kOpen:
    case Branch::State::kPrepared:
    case Branch::State::kCommitting:
    case Branch::State::kForgotten:
      return;
  }
}

void Engine::carry_out(Entry& entry, BranchEffects&& effects, Now now,
                       std::vector<Statement>* statements) {
  const Gtid gtid = entry.branch.gtid();
  if (effects.alarm) alarm(*effects.alarm, gtid);
  for (auto& out : effects.now) send(out.to, std::move(out.message));
  std::optional<RecordType> forced;
  if (effects.prepared != nullptr) {
    encode(*effects.prepared, encoded_);
    forced = append_encoded(entry, RecordType::kPrepared, force_of(*effects.prepared));
  } else if (effects.append) {
    encode(*effects.append, encoded_);
    forced = append_encoded(entry, type_of(*effects.append), force_of(*effects.append));
  }
  if (!entry.key.empty()) settle_key(entry);
  start_job(entry, effects.job, now, statements);
  schedule(entry);
  if (entry.branch.kind() == Branch::Kind::kLocal && entry.branch.is_over())
    local_over_.push_back(gtid);
  if (effects.promises.empty() && !effects.answer && !forced) return;
  Held held;
  held.gtid = gtid;
  held.promises = std::move(effects.promises);
  if (effects.answer) held.answer.emplace(std::move(*effects.answer));
  held.record = forced;
  hold(entry.promise_lsn, std::move(held));
}

// Says which record it was if something may wait for it.
std::optional<RecordType> Engine::append_encoded(Entry& entry, RecordType type, Force force) {
  // Only the coordinator waits for this one, and only to forget the transaction.
  const bool patiently = type == RecordType::kCommitted && !file_awaited_;
  const Lsn lsn = patiently ? log_.append_patiently(type, encoded_.view())
                            : log_.append(type, encoded_.view(), force);
  constexpr std::size_t kKept = std::size_t{1} << 20;
  if (encoded_.view().size() > kKept) static_cast<void>(encoded_.take());
  if (force == Force::kYes) {
    count("forced_writes");
    entry.promise_lsn = lsn;
  }
  if (type == RecordType::kPrepared) TROTH_FAILPOINT("participant.prepared.appended");
  if (type == RecordType::kAborted) TROTH_FAILPOINT("participant.aborted.appended");
  if (type == RecordType::kCommitted || type == RecordType::kOnePhase) {
    entry.committed = lsn;
    if (entry.branch.has_work()) unflushed_.emplace_back(lsn, entry.branch.gtid());
  }
  if (type == RecordType::kCommitted) TROTH_FAILPOINT("participant.committed.appended");
  if (type == RecordType::kOnePhase) {
    TROTH_FAILPOINT("participant.onephase.appended");
    last_one_phase_ = lsn;
  }
  return force == Force::kYes ? std::optional(type) : std::nullopt;
}

// What waits for its own record always goes through on_durable(), which also tells the branch: the
// log may have become durable between the append and this line.
void Engine::hold(Lsn until, Held&& held) {
  if (!held.record && until <= log_.durable()) return release(std::move(held));
  held_.add(until, std::move(held));
}

void Engine::start_job(Entry& entry, BranchJob job, Now now, std::vector<Statement>* statements) {
  const Gtid gtid = entry.branch.gtid();
  switch (job) {
    case BranchJob::kNone:
      return;
    case BranchJob::kExecute:
    case BranchJob::kFinish: {
      ExecuteRequest request{gtid,
                             entry.priority,
                             {},
                             entry.branch.interactive(),
                             entry.branch.kind() != Branch::Kind::kTwoPhase,
                             entry.branch.protocol() == CommitProtocol::kThreePhase,
                             entry.branch.deadline()};
      if (job == BranchJob::kExecute) {
        TROTH_ASSERT(statements != nullptr, "gtid {} executes nothing", gtid);
        request.statements = std::move(*statements);
      }
      entry.sql = sql_texts_.add(entry.sql, request.statements);
      entry.executing = true;
      ++jobs_out_;
      worker_.post(ExecuteJob{std::move(request)});
      return;
    }
    case BranchJob::kApply: {
      const ApplyJob apply{gtid, entry.committed};
      if (flush_wanted_) {
        held_applies_.push_back(
            apply);  // its locks stay until the flush is through: at most one fsync
        return;
      }
      worker_.post(apply);
      highest_apply_ = std::max(highest_apply_, apply.committed);
      ++applies_since_flush_;
      if (!flush_at_) flush_at_ = now.monotonic + options_.flush_interval;
      return;
    }
    case BranchJob::kDiscard:
      if (entry.executing) {  // a waiting branch that is discarded is not reported any more
        entry.executing = false;
        --jobs_out_;
      }
      stop_waiting(entry);
      worker_.post(DiscardJob{gtid});
      return;
  }
}

// The only way out for votes, acks and answers. The record they wait for is durable.
void Engine::release(Held&& held) {
  if (held.record == RecordType::kPrepared) TROTH_FAILPOINT("participant.prepared.durable");
  if (held.record == RecordType::kPrecommitted) TROTH_FAILPOINT("participant.precommitted.durable");
  if (held.record == RecordType::kCommitted) TROTH_FAILPOINT("participant.committed.durable");
  if (held.record == RecordType::kOnePhase) TROTH_FAILPOINT("participant.onephase.durable");
  for (auto& out : held.promises) {
    const bool vote = std::holds_alternative<VoteMessage>(out.message);
    const bool ack = std::holds_alternative<Ack>(out.message);
    send(out.to, std::move(out.message));
    if (vote) TROTH_FAILPOINT("participant.vote.sent");
    if (ack) TROTH_FAILPOINT("participant.ack.sent");
  }
  if (!held.answer) return;
  const auto found = branches_.find(held.gtid);
  if (found == branches_.end() || !found->second.done) return;
  std::exchange(found->second.done, nullptr)(std::move(*held.answer));
  local_over_.push_back(held.gtid);
}

void Engine::send(const NodeName& to, Message&& message) {
  if (stopped_) return;
  count("messages_sent");
  transport_.send(to, std::move(message));
}

void Engine::append(const Record& record) {
  const auto force = force_of(record);
  if (force == Force::kYes) count("forced_writes");
  log_.append(type_of(record), encode(record), force);
}

void Engine::on_durable(Lsn durable, Now now) {
  publish();
  while (!operators_waiting_.empty() && operators_waiting_.begin()->first <= durable) {
    const auto tell = std::move(operators_waiting_.begin()->second);
    operators_waiting_.erase(operators_waiting_.begin());
    tell();
  }
  while (held_.due(durable)) {
    auto held = held_.take();
    const Gtid gtid = held.gtid;
    const auto record = held.record;
    release(std::move(held));
    if (!record) continue;
    const auto found = branches_.find(gtid);
    if (found == branches_.end()) continue;
    Entry& entry = found->second;
    if (is_ballot_record(*record)) {
      step_quorum(entry, QuorumBallot::RecordDurable{}, now);
    } else {
      step(entry, Branch::RecordDurable{}, now);
      join_quorum(entry, std::nullopt, now);
    }
  }
}

void Engine::schedule(Entry& entry) {
  auto wake = entry.branch.next_wake();
  const auto consider = [&](const std::optional<MonotonicTime>& other) {
    if (other && (!wake || *other < *wake)) wake = other;
  };
  if (entry.quorum) consider(entry.quorum->next_wake());
  consider(entry.lock_deadline);
  consider(entry.wound_at);
  timers_.set(entry, entry.branch.gtid(), wake);
}

void Engine::alarm(const std::string& what, const Gtid& gtid, Alarms::Until until,
                   const NodeName& from) {
  count("alarms");
  if (alarms_.raise(what, until, gtid, from))
    logger_.error("alarm", {{"txn", gtid}, {"what", what}});
}

void Engine::end_alarm(const Gtid& gtid, const NodeName& from) {
  if (alarms_.end(gtid, from)) logger_.info("the cause of an alarm has ended", {{"txn", gtid}});
}

// ---- the worker's answers
// -----------------------------------------------------------------------------------------

void Engine::on_worker(WorkerResult&& result, Now now) {
  if (stopped_) return;
  if (auto* executed = std::get_if<Executed>(&result))
    return on_executed(std::move(*executed), now);
  if (const auto* waiting = std::get_if<Waiting>(&result)) return on_waiting(*waiting, now);
  if (const auto* flushed = std::get_if<Flushed>(&result)) return on_flushed(flushed->marker, now);
  if (const auto* made = std::get_if<MadeDurable>(&result)) {
    file_durable_ = std::max(file_durable_, made->marker);
    return;
  }
  if (auto* seen = std::get_if<LocksSeen>(&result)) return on_locks_seen(std::move(*seen), now);
  const auto& error = std::get<WorkerFailed>(result).error;
  logger_.error("the database failed; stopping", {{"cause", error.context}});
  stop_for(error, false);
  if (on_fatal) on_fatal(error);
}

void Engine::on_executed(Executed&& executed, Now now) {
  const auto found = branches_.find(executed.gtid);
  if (found == branches_.end()) return;  // discarded and forgotten while this was on its way
  Entry& entry = found->second;
  if (entry.executing) {
    entry.executing = false;
    --jobs_out_;
  }
  stop_waiting(entry);
  if (executed.vote == Vote::kCommit) TROTH_FAILPOINT("participant.prepare.executed");
  // What it read may be a one-phase commit that is not durable yet: whatever it says waits for that
  // too.
  entry.promise_lsn = std::max(entry.promise_lsn, last_one_phase_);
  if (executed.vote == Vote::kAbort) executed.reason.participant = options_.name;
  Branch::Event event;
  auto& news = event.emplace<Branch::Executed>();
  news.vote = executed.vote;
  if (executed.vote == Vote::kAbort) news.reason = std::move(executed.reason);
  news.redo = std::move(executed.redo);
  news.results = std::move(executed.results);
  step(entry, std::move(event), now);
}

// ---- timers
// --------------------------------------------------------------------------------------------------------

std::optional<MonotonicTime> Engine::next_wake() const {
  std::optional<MonotonicTime> wake;
  if (stopped_) return wake;
  const auto consider = [&](std::optional<MonotonicTime> t) {
    if (t && (!wake || *t < *wake)) wake = t;
  };
  if (!timers_.empty()) consider(timers_.first());
  if (!flush_wanted_ && !flush_out_) {
    consider(flush_at_);
    consider(quiet_at_);
  }
  consider(durable_at_);
  consider(truth_at_);
  return wake;
}

void Engine::tick(Now now) {
  while (!timers_.empty() && timers_.first() <= now.monotonic) {
    Entry& entry = timers_.pop();
    if (entry.lock_deadline && *entry.lock_deadline <= now.monotonic &&
        entry.branch.state() == Branch::State::kExecuting) {
      AbortReason reason{AbortCode::kLockTimeout,
                         fmt::format("waited too long for {}", entry.waits_for), options_.name, -1};
      entry.lock_deadline.reset();
      blame(entry);
      step(entry, Branch::Executed{Vote::kAbort, std::move(reason), {}, {}}, now);
      continue;
    }
    if (entry.wound_at && *entry.wound_at <= now.monotonic) wound_younger(entry, now);
    const auto wake = entry.branch.next_wake();
    if (wake && *wake <= now.monotonic) step(entry, Branch::Tick{}, now);
    if (entry.quorum && entry.quorum->next_wake() && *entry.quorum->next_wake() <= now.monotonic)
      step_quorum(entry, QuorumBallot::Tick{}, now);
    schedule(entry);
  }
  if (durable_at_ && *durable_at_ <= now.monotonic) {
    durable_at_.reset();
    worker_.post(MakeDurableJob{flushed_});
  }
  if (truth_at_ && *truth_at_ <= now.monotonic) {
    if (std::exchange(unfinished_by_hand_, false)) finish_by_hand(now);
    ask_for_truth(now);
  }
}

// What the worker would have answered by the time it had been woken.
void Engine::run_jobs_here(Now now) {
  std::vector<WorkerResult> results;
  while (alone() && worker_.run_here(results))
    for (auto& result : std::exchange(results, {})) on_worker(std::move(result), now);
}

void Engine::end_of_round(Now now) {
  if (!stopped_) {
    run_jobs_here(now);
    flush_if_due(now);
    checkpoint_if_due(now);
  }
  for (const auto& gtid : std::exchange(local_over_, {})) {
    const auto found = branches_.find(gtid);
    if (found != branches_.end() && found->second.branch.is_over() && !found->second.done)
      erase(found);
  }
  publish();
  worker_.flush();
  const bool here = may_force_here();
  if (!here) log_.flush();  // so that the disk works while messages are sent
  transport_.flush();
  if (!here) return;
  forced_here_ = log_.force_here();
  if (!forced_here_) log_.flush();
}

// Before any promise leaves: the batch that carries a vote or an ack must also say that the log
// reaches at least that far, or a peer could not tell later that this log lost it.
void Engine::publish() {
  const Lsn durable = log_.durable();
  if (durable == published_) return;
  published_ = durable;
  transport_.publish({{options_.log_id, options_.epoch, durable}, std::nullopt});
}

std::size_t Engine::busy_branches() const {
  std::size_t busy = 0;
  for (const auto& [gtid, entry] : branches_) {
    const auto state = entry.branch.state();
    if (state == Branch::State::kExecuting || state == Branch::State::kPreparing ||
        state == Branch::State::kCommitting)
      ++busy;
  }
  return busy + (applies_since_flush_ > 0 || flush_out_ ? 1 : 0);
}

void Engine::transact(std::vector<Statement> statements, Duration deadline, LocalDone done,
                      Now now) {
  const Gtid gtid(CoordinatorTag::of(options_.log_id), options_.epoch, next_local_++,
                  Decider::kParticipant);
  if (const auto refused = admission(options_.name, options_.epoch, gtid)) {
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = Outcome::kAborted;
    outcome.reason = *refused;
    return done(std::move(outcome));
  }
  auto& entry = start_entry(gtid, Branch::local(settings(), gtid, now.monotonic + deadline), now);
  entry.done = std::move(done);
  entry.priority = {now.wall.unix_ms, gtid};
  count("local");
  BranchEffects effects;
  effects.job = BranchJob::kExecute;
  carry_out(entry, std::move(effects), now, &statements);
}

}  // namespace troth::participant
