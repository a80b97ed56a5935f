#include "coordinator/conversations.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::coordinator {

using namespace protocol;

void Conversations::begin(BeginRequest request, InteractivePort::BeginDone done, Now now) {
  auto refused = parts_.admission.validate(request);
  if (!refused) refused = parts_.admission.refuse_if_stopped();
  if (!refused)
    refused = parts_.admission.admit(parts_.table.seats_taken() + open_.size(),
                                     parts_.table.size() + open_.size());
  if (refused) {
    core_.reports.count("refused");
    return done({std::move(refused), {}, {}, {}});
  }
  core_.reports.count("begun");
  if (request.deadline.count() == 0) request.deadline = core_.options.interactive_deadline;
  if (request.idle_timeout.count() == 0) request.idle_timeout = core_.options.idle_timeout;
  Conversation::Setup setup;
  const Gtid gtid = setup.gtid = core_.own.mint(Decider::kCoordinator);
  const auto* age = parts_.ages.find(request.retry_of);
  setup.priority = age != nullptr ? *age : Priority{now.wall.unix_ms, gtid};
  setup.deadline = now.monotonic + request.deadline;
  setup.idle_timeout = request.idle_timeout;
  setup.resend = core_.options.resend;
  auto trace = core_.spans.join(gtid, request.traceparent);
  setup.traceparent = request.traceparent;
  const auto& open = open_
                         .emplace(gtid, Open{Conversation(std::move(setup), now.monotonic),
                                             std::move(request),
                                             std::move(trace),
                                             now.monotonic,
                                             {}})
                         .first->second;
  timers_.emplace(open.machine.next_wake(), gtid);
  done({std::nullopt, gtid, open.request.deadline, open.request.idle_timeout});
}

// Why a request about `gtid` cannot be served; `ended` is set if the transaction is over.
std::optional<Refusal> Conversations::not_open(const Gtid& gtid, bool may_run,
                                               std::optional<TransactionOutcome>& ended) const {
  const auto open = open_.find(gtid);
  if (open != open_.end()) {
    if (open->second.machine.runs_at() != nullptr && !may_run)
      return refusal(ErrorCode::kIllegalState,
                     fmt::format("a statement of {} is still running", gtid));
    return std::nullopt;
  }
  ended = parts_.outcomes.outcome_of(gtid);
  if (ended) return std::nullopt;
  if (parts_.table.has(gtid))
    return refusal(ErrorCode::kIllegalState, fmt::format("{} is being committed", gtid));
  return refusal(ErrorCode::kNotFound,
                 fmt::format("{} is no open transaction of this coordinator (it does not survive "
                             "a restart)",
                             gtid));
}

void Conversations::execute(const Gtid& gtid, BranchRequest request,
                            InteractivePort::ExecuteDone done, Now now) {
  ExecuteReply reply;
  reply.refusal = not_open(gtid, false, reply.ended);
  if (reply.ended && reply.ended->outcome == Outcome::kCommitted) {
    reply.ended.reset();
    reply.refusal = refusal(ErrorCode::kIllegalState, fmt::format("{} is committed already", gtid));
  }
  const auto& admission = parts_.admission;
  if (!reply.refusal) reply.refusal = admission.refuse_unknown(request.participant);
  if (!reply.refusal && request.statements.empty())
    reply.refusal = refusal(ErrorCode::kInvalidArgument, "there is no statement");
  if (!reply.refusal)
    reply.refusal = Admission::refuse_length(request.participant, request.statements);
  if (reply.refusal || reply.ended) return done(std::move(reply));
  auto& open = open_.at(gtid);
  if (open.machine.find(request.participant) == nullptr)
    reply.refusal = admission.refuse_new_branch(request.participant);
  if (reply.refusal) return done(std::move(reply));
  core_.reports.count("executes");
  open.done = std::move(done);
  carry_out(gtid,
            open.machine.execute(request.participant, std::move(request.statements), now.monotonic),
            now);
}

void Conversations::carry_out(const Gtid& gtid, Conversation::Effects&& effects, Now now) {
  using Cause = Conversation::Cause;
  if (effects.aborted) {
    const auto cause = effects.aborted->cause;
    if (cause == Cause::kDeadline) core_.reports.count("deadlines_passed");
    if (cause == Cause::kIdle) core_.reports.count("idle_aborts");
    abort(gtid, std::move(effects.aborted->reason), now);
    return;
  }
  if (!effects.send && !effects.results) return;
  auto& open = open_.at(gtid);
  if (effects.send) core_.gate.send(std::move(*effects.send));
  timers_.emplace(open.machine.next_wake(), gtid);
  if (!effects.results) return;
  const auto done = std::exchange(open.done, {});
  ExecuteReply reply;
  reply.results = std::move(*effects.results);
  done(std::move(reply));
}

void Conversations::commit(const Gtid& gtid, SubmitDone done, Now now) {
  SubmitReply reply;
  std::optional<TransactionOutcome> ended;
  reply.refusal = not_open(gtid, false, ended);
  if (ended) reply.outcome = std::move(*ended);
  if (reply.refusal || ended) return done(std::move(reply));
  auto node = open_.extract(gtid);
  Open& open = node.mapped();
  if (open.machine.branches().empty()) {  // it did nothing
    reply.outcome.gtid = gtid;
    reply.outcome.outcome = Outcome::kCommitted;
    parts_.outcomes.remember(reply.outcome, nullptr, now.monotonic);
    parts_.history.note(reply.outcome, {}, open.request.comment, open.since, now);
    return done(std::move(reply));
  }
  const auto& told = open.machine.setup();
  GlobalCommit::Setup setup;
  setup.gtid = gtid;
  setup.priority = told.priority;
  for (const auto& branch : open.machine.branches()) {
    setup.members.push_back(parts_.transactions.member(branch.participant));
    setup.members.back().epoch = branch.epoch;
    setup.branches.push_back({branch.participant, {}, branch.executed});
  }
  setup.answer_at = open.request.answer_at;
  setup.traceparent = open.request.traceparent;
  setup.comment = open.request.comment;
  setup.deadline = std::min(told.deadline, now.monotonic + core_.options.prepare_timeout);
  setup.submitted = now.wall;
  parts_.transactions.start_executed(std::move(setup), open.request.protocol,
                                     {told.priority, open.since, std::move(open.trace)},
                                     std::move(done), now);
}

void Conversations::rollback(const Gtid& gtid, SubmitDone done, Now now) {
  SubmitReply reply;
  std::optional<TransactionOutcome> ended;
  reply.refusal = not_open(gtid, true, ended);
  if (ended) reply.outcome = std::move(*ended);
  if (!reply.refusal && !ended)
    reply.outcome = abort(gtid, {AbortCode::kClientCancelled, "rolled back", {}, -1}, now);
  done(std::move(reply));
}

// Of branches that were not prepared: presumed abort.
TransactionOutcome Conversations::abort(Gtid gtid, AbortReason reason, Now now) {
  auto node = open_.extract(gtid);
  Open& open = node.mapped();
  core_.reports.count("aborted");
  core_.reports.log().debug(
      "aborted", {{"txn", gtid}, {"code", to_string(reason.code)}, {"reason", reason.detail}});
  if (retried_automatically(reason.code)) parts_.ages.remember(gtid, open.machine.setup().priority);
  for (const auto& branch : open.machine.branches())
    core_.gate.presume_abort(branch.participant, gtid, reason);
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.outcome = Outcome::kAborted;
  outcome.reason = std::move(reason);
  if (open.trace)
    core_.spans.end_transaction(*open.trace, "troth.v1.Coordinator/beginTransaction", outcome,
                                now.monotonic - open.since, now);
  parts_.outcomes.remember(outcome, nullptr, now.monotonic);
  std::vector<NodeName> touched;
  for (const auto& branch : open.machine.branches()) touched.push_back(branch.participant);
  parts_.history.note(outcome, std::move(touched), open.request.comment, open.since, now);
  if (open.machine.runs_at() != nullptr) {
    ExecuteReply reply;
    reply.ended = outcome;
    open.done(std::move(reply));
  }
  return outcome;
}

void Conversations::abort_all(const AbortReason& reason, Now now) {
  while (!open_.empty()) abort(open_.begin()->first, reason, now);
}

void Conversations::on_result(const NodeName& from, const ExecuteResult& result, Now now) {
  const auto found = open_.find(result.gtid);
  if (found == open_.end()) return;  // it ended meanwhile, or its PREPARE will say so
  carry_out(result.gtid, found->second.machine.on_result(from, result, now.monotonic), now);
}

void Conversations::on_restarted(const NodeName& peer, Epoch epoch, Now now) {
  for (auto at = open_.begin(); at != open_.end();) {
    const auto& [gtid, open] = *at++;  // it may be erased
    carry_out(Gtid(gtid), open.machine.on_restarted(peer, epoch), now);
  }
}

std::optional<MonotonicTime> Conversations::next_wake() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

void Conversations::tick(Now now) {
  while (!timers_.empty() && timers_.begin()->first <= now.monotonic) {
    const Gtid gtid = timers_.begin()->second;
    timers_.erase(timers_.begin());
    const auto found = open_.find(gtid);
    if (found != open_.end()) carry_out(gtid, found->second.machine.tick(now.monotonic), now);
  }
}

}  // namespace troth::coordinator
