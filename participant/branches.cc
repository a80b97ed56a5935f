#include "participant/branches.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "os/failpoint.h"

namespace troth::participant {

using namespace protocol;

namespace {

// However the branch learnt the decision, the quorum answers with it from now on.
void tell_quorum(BranchTable& table, BranchEntry& entry, Now now) {
  if (entry.quorum->decided()) return;
  const auto state = entry.branch.state();
  if (state == Branch::State::kCommitting || state == Branch::State::kCommitted)
    entry.quorum->step(QuorumBallot::Decided{Decision::kCommit}, now.monotonic);
  if (state == Branch::State::kAborted)
    entry.quorum->step(QuorumBallot::Decided{Decision::kAbort}, now.monotonic);
  if (entry.quorum->decided()) table.schedule(entry);
}

}  // namespace

void Branches::step(BranchEntry& entry, Branch::Event&& event, Now now,
                    std::vector<Statement>* statements) {
  const auto before = entry.branch.state();
  auto effects = entry.branch.step(std::move(event), now.monotonic);
  if (options_.spans != nullptr && entry.live && entry.branch.is_over())
    end_span(options_, entry, now);
  count_transition(entry, before);
  if (entry.branch.state() != before && entry.steps_taken < entry.steps.size())
    entry.steps[entry.steps_taken++] = {now.monotonic, entry.branch.state()};
  for (auto& out : effects.now) parts_.links.address(entry, out, now.monotonic);
  carry_out(entry, std::move(effects), now, statements);
  if (entry.quorum) tell_quorum(parts_.table, entry, now);
}

void Branches::decide_by_hand(BranchEntry& entry, const NodeName& coordinator, const Decide& decide,
                              Now now) {
  const auto before = entry.branch.state();
  auto effects = entry.branch.step(Branch::Decided{coordinator, decide}, now.monotonic);
  effects.promises.clear();
  count_transition(entry, before);
  carry_out(entry, std::move(effects), now, nullptr);
}

void Branches::count_transition(BranchEntry& entry, Branch::State before) {
  const auto after = entry.branch.state();
  parts_.table.note_if_over(entry);
  if (after == before) return;
  if (before == Branch::State::kPrepared) reports_.end_alarm(entry.branch.gtid());
  switch (after) {
    case Branch::State::kPreparing:
      return reports_.count("prepared");
    case Branch::State::kReadOnly:
      return reports_.count("read_only");
    case Branch::State::kAborted:
      return reports_.count("aborted");
    case Branch::State::kCommitted:
      return reports_.count(before == Branch::State::kExecuting ? "read_only" : "committed");
    case Branch::State::kExecuting:
    case Branch::State::kOpen:
    case Branch::State::kPrepared:
    case Branch::State::kCommitting:
    case Branch::State::kForgotten:
      return;
  }
}

void Branches::carry_out(BranchEntry& entry, BranchEffects&& effects, Now now,
                         std::vector<Statement>* statements) {
  const Gtid gtid = entry.branch.gtid();
  if (effects.alarm) reports_.alarm(*effects.alarm, gtid);
  for (auto& out : effects.now) parts_.promises.send(std::move(out));
  std::optional<RecordType> forced;
  if (effects.prepared != nullptr) {
    encode(*effects.prepared, encoded_);
    forced = append_encoded(entry, RecordType::kPrepared, force_of(*effects.prepared));
  } else if (effects.append) {
    encode(*effects.append, encoded_);
    forced = append_encoded(entry, type_of(*effects.append), force_of(*effects.append));
  }
  if (!entry.key.empty()) parts_.keys.settle(entry);
  start_job(entry, effects.job, now, statements);
  parts_.table.schedule(entry);
  if (entry.branch.kind() == Branch::Kind::kLocal && entry.branch.is_over())
    local_over_.push_back(gtid);
  if (effects.promises.empty() && !effects.answer && !forced) return;
  Promises::Held held;
  held.gtid = gtid;
  held.promises = std::move(effects.promises);
  if (effects.answer) held.answer.emplace(std::move(*effects.answer));
  held.record = forced;
  if (auto answer = parts_.promises.hold(entry.promise_lsn, std::move(held)))
    answer_local(gtid, std::move(*answer));
}

// Says which record it was if something may wait for it.
std::optional<RecordType> Branches::append_encoded(BranchEntry& entry, RecordType type,
                                                   Force force) {
  // Only the coordinator waits for this one, and only to forget the transaction.
  const bool patiently = type == RecordType::kCommitted && !parts_.flush.file_awaited();
  const Lsn lsn = patiently ? log_.append_patiently(type, encoded_.view())
                            : log_.append(type, encoded_.view(), force);
  constexpr std::size_t kKept = std::size_t{1} << 20;
  if (encoded_.view().size() > kKept) static_cast<void>(encoded_.take());
  if (force == Force::kYes) {
    reports_.count("forced_writes");
    entry.promise_lsn = lsn;
  }
  if (type == RecordType::kPrepared) TROTH_FAILPOINT("participant.prepared.appended");
  if (type == RecordType::kAborted) TROTH_FAILPOINT("participant.aborted.appended");
  if (type == RecordType::kCommitted || type == RecordType::kOnePhase) {
    entry.committed = lsn;
    if (entry.branch.has_work()) parts_.flush.committed(lsn, entry.branch.gtid());
  }
  if (type == RecordType::kCommitted) TROTH_FAILPOINT("participant.committed.appended");
  if (type == RecordType::kOnePhase) {
    TROTH_FAILPOINT("participant.onephase.appended");
    last_one_phase_ = lsn;
  }
  return force == Force::kYes ? std::optional(type) : std::nullopt;
}

void Branches::append(const Record& record) {
  const auto force = force_of(record);
  if (force == Force::kYes) reports_.count("forced_writes");
  log_.append(type_of(record), encode(record), force);
}

void Branches::start_job(BranchEntry& entry, BranchJob job, Now now,
                         std::vector<Statement>* statements) {
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
                             entry.branch.prepared_record().protocol == CommitProtocol::kThreePhase,
                             entry.branch.deadline()};
      if (job == BranchJob::kExecute) {
        TROTH_ASSERT(statements != nullptr, "gtid {} executes nothing", gtid);
        request.statements = std::move(*statements);
      }
      entry.sql = sql_texts_.add(entry.sql, request.statements);
      entry.executing = true;
      return parts_.flush.execute(std::move(request));
    }
    case BranchJob::kApply:
      return parts_.flush.apply({gtid, entry.committed}, now);
    case BranchJob::kDiscard:
      if (entry.executing) worker_.cancel(gtid);
      execution_ended(entry);  // a waiting branch that is discarded is not reported any more
      worker_.post(DiscardJob{gtid});
      return;
  }
}

void Branches::execution_ended(BranchEntry& entry) {
  if (entry.executing) {
    entry.executing = false;
    parts_.flush.execute_ended();
  }
  stop_waiting(entry);
}

void Branches::on_executed(Executed&& executed, Now now) {
  auto* entry = parts_.table.find(executed.gtid);
  if (entry == nullptr) return;  // discarded and forgotten while this was on its way
  execution_ended(*entry);
  if (executed.vote == Vote::kCommit) TROTH_FAILPOINT("participant.prepare.executed");
  entry->only_read =
      executed.vote == Vote::kReadOnly && entry->branch.kind() == Branch::Kind::kOnePhase;
  // It may have read a one-phase commit that is not durable yet. So its answer waits for that too.
  entry->promise_lsn = std::max(entry->promise_lsn, last_one_phase_);
  if (executed.vote == Vote::kAbort) executed.reason.participant = options_.name;
  // What space is left is for decisions. The step below discards the work.
  if (executed.vote == Vote::kCommit && !log_.has_room()) refuse_for_space(*entry, now);
  Branch::Event event;
  auto& news = event.emplace<Branch::ExecutionEnded>();
  news.vote = executed.vote;
  if (executed.vote == Vote::kAbort) news.reason = std::move(executed.reason);
  news.redo = std::move(executed.redo);
  news.results = std::move(executed.results);
  step(*entry, std::move(event), now);
}

void Branches::refuse_for_space(BranchEntry& entry, Now now) {
  step(entry,
       Branch::Dropped{
           {AbortCode::kLogFull, "no disk space is left for the log", options_.name, -1}},
       now);
}

void Branches::on_flushed(Lsn marker, Now now) {
  reports_.count("flushes");
  for (const auto& gtid : parts_.flush.flushed(marker, now))
    if (auto* entry = parts_.table.find(gtid)) step(*entry, Branch::FileFlushed{}, now);
}

void Branches::start_local(const Gtid& gtid, std::vector<Statement>&& statements, Duration deadline,
                           LocalDone&& done, Now now) {
  auto& table = parts_.table;
  auto& entry =
      table.start(gtid, Branch::local(table.settings(), gtid, now.monotonic + deadline), now);
  entry.done = std::move(done);
  entry.priority = {now.wall.unix_ms, gtid};
  reports_.count("local");
  BranchEffects effects;
  effects.job = BranchJob::kExecute;
  carry_out(entry, std::move(effects), now, &statements);
}

void Branches::answer_local(const Gtid& gtid, TransactionOutcome&& outcome) {
  auto* entry = parts_.table.find(gtid);
  if (entry == nullptr || !entry->done) return;
  std::exchange(entry->done, nullptr)(std::move(outcome));
  local_over_.push_back(gtid);
}

void Branches::end_local(BranchEntry& entry, const std::optional<Error>& failure) {
  if (!entry.done) return;
  const bool recorded = entry.committed.value != 0;
  const auto why = failure ? failure->context : "it was stopped";
  TransactionOutcome outcome;
  outcome.gtid = entry.branch.gtid();
  outcome.outcome = recorded ? Outcome::kInDoubt : Outcome::kAborted;
  outcome.reason = {failure ? AbortCode::kInternal : AbortCode::kDraining,
                    recorded ? fmt::format("whether it committed is known after the next start of "
                                           "{}: {}",
                                           options_.name, why)
                             : fmt::format("{} cannot commit it: {}", options_.name, why),
                    options_.name, -1};
  std::exchange(entry.done, nullptr)(std::move(outcome));
}

void Branches::end_local_executing(const std::optional<Error>& failure) {
  for (auto& [gtid, entry] : parts_.table)
    if (entry.branch.state() == Branch::State::kExecuting) end_local(entry, failure);
}

void Branches::end_local_all(const std::optional<Error>& failure) {
  for (auto& [gtid, entry] : parts_.table) end_local(entry, failure);
}

void Branches::refuse_executing(Now now) {
  for (auto& [gtid, entry] : parts_.table) {
    if (entry.branch.state() != Branch::State::kExecuting) continue;
    AbortReason reason{AbortCode::kDraining,
                       fmt::format("{} stopped before it was executed", options_.name),
                       options_.name, -1};
    step(entry, Branch::Dropped{std::move(reason)}, now);
  }
}

void Branches::forget_local() {
  for (const auto& gtid : std::exchange(local_over_, {})) {
    const auto* entry = parts_.table.find(gtid);
    if (entry != nullptr && entry->branch.is_over() && !entry->done) parts_.table.erase(gtid);
  }
}

void Branches::copy_forward() {
  for (const auto& [gtid, entry] : parts_.table) {
    const auto state = entry.branch.state();
    if (state == Branch::State::kPreparing || state == Branch::State::kPrepared)
      append(entry.branch.prepared_record());
    if (entry.quorum && state == Branch::State::kPrepared)
      for (const auto& record : entry.quorum->records()) append(record);
    if (state != Branch::State::kCommitted && state != Branch::State::kAborted &&
        state != Branch::State::kCommitting)
      continue;
    if (entry.branch.kind() == Branch::Kind::kLocal) continue;
    RememberedRecord record;
    record.gtid = gtid;
    record.outcome = state == Branch::State::kAborted ? Outcome::kAborted : Outcome::kCommitted;
    record.reason = entry.branch.reason();
    append(record);
  }
}

}  // namespace troth::participant
