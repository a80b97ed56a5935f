// Interactive transactions until their commit is asked for. Nothing of them is in any log: whatever
// goes wrong before is an abort. The commit itself is the same two-phase commit as of any other
// transaction, with PREPAREs that name what the branches have executed.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/engine.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

std::optional<Refusal> refuse(ErrorCode code, std::string what,
                              AbortCode abort = AbortCode::kNone) {
  return Refusal{{code, std::move(what)}, abort, Duration{0}};
}

bool within(Duration value, Duration low, Duration high) {
  return value.count() == 0 || (value >= low && value <= high);
}

}  // namespace

void Engine::begin(BeginRequest request, InteractivePort::BeginDone done, Now now) {
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  auto refusal = admit();
  if (standing_.stopped())
    refusal = refuse(ErrorCode::kUnavailable, "the coordinator has lost its memory and stops");
  if (!within(request.deadline, milliseconds(100), minutes(60)))
    refusal = refuse(ErrorCode::kInvalidArgument, "the deadline must be between 100ms and 60m");
  if (!within(request.idle_timeout, milliseconds(100), minutes(10)))
    refusal = refuse(ErrorCode::kInvalidArgument, "the idle timeout must be between 100ms and 10m");
  if (refusal) {
    reports_.count("refused");
    return done({std::move(refusal), {}, {}, {}});
  }
  reports_.count("begun");
  if (request.deadline.count() == 0) request.deadline = options_.interactive_deadline;
  if (request.idle_timeout.count() == 0) request.idle_timeout = options_.idle_timeout;
  const Gtid gtid = mint(Decider::kCoordinator);
  auto& open = open_[gtid];
  open.priority = {now.wall.unix_ms, gtid};
  if (const auto age = ages_.find(request.retry_of); age != ages_.end())
    open.priority = age->second;
  open.since = open.last_use = now.monotonic;
  open.deadline = now.monotonic + request.deadline;
  open.trace = join_trace(gtid, request.traceparent);
  open.request = std::move(request);
  schedule_open(gtid, open);
  done({std::nullopt, gtid, open.request.deadline, open.request.idle_timeout});
}

// Why a request about `gtid` cannot be served; `ended` is set if the transaction is over.
std::optional<Refusal> Engine::not_open(const Gtid& gtid, bool may_run,
                                        std::optional<TransactionOutcome>& ended) {
  const auto open = open_.find(gtid);
  if (open != open_.end()) {
    if (open->second.running && !may_run)
      return refuse(ErrorCode::kIllegalState,
                    fmt::format("a statement of {} is still running", gtid));
    return std::nullopt;
  }
  if (const auto known = recent_.find(gtid); known) {
    ended = outcome_of(gtid, *known);
    return std::nullopt;
  }
  if (live_.count(gtid) != 0)
    return refuse(ErrorCode::kIllegalState, fmt::format("{} is being committed", gtid));
  return refuse(ErrorCode::kNotFound,
                fmt::format("{} is no open transaction of this coordinator (it does not survive "
                            "a restart)",
                            gtid));
}

void Engine::execute(const Gtid& gtid, BranchRequest request, InteractivePort::ExecuteDone done,
                     Now now) {
  ExecuteReply reply;
  reply.refusal = not_open(gtid, false, reply.ended);
  if (reply.ended && reply.ended->outcome == Outcome::kCommitted) {
    reply.ended.reset();
    reply.refusal = refuse(ErrorCode::kIllegalState, fmt::format("{} is committed already", gtid));
  }
  if (!reply.refusal && options_.participants.count(request.participant) == 0)
    reply.refusal = refuse(ErrorCode::kNotFound,
                           fmt::format("no participant is called {}", request.participant),
                           AbortCode::kUnknownParticipant);
  if (!reply.refusal && request.statements.empty())
    reply.refusal = refuse(ErrorCode::kInvalidArgument, "there is no statement");
  if (!reply.refusal) reply.refusal = refuse_length(request.participant, request.statements);
  if (reply.refusal || reply.ended) return done(std::move(reply));
  auto& open = open_.at(gtid);
  auto branch = std::find_if(open.branches.begin(), open.branches.end(),
                             [&](const auto& b) { return b.participant == request.participant; });
  if (branch == open.branches.end() && is_drained(request.participant)) {
    reply.refusal = refuse(
        ErrorCode::kBusy,
        fmt::format("{} is drained by an operator: nothing new touches it", request.participant),
        AbortCode::kDraining);
    return done(std::move(reply));
  }
  if (branch == open.branches.end())
    branch = open.branches.insert(branch, {request.participant, 0, {}});
  reports_.count("executes");
  open.last_use = now.monotonic;
  Open::Running running;
  running.participant = request.participant;
  running.done = std::move(done);
  running.message.gtid = gtid;
  running.message.number = branch->executed + 1;
  running.message.priority = open.priority;
  running.message.statements = std::move(request.statements);
  running.message.traceparent = open.request.traceparent;
  open.running = std::move(running);
  send_execute(gtid, open, now);
}

void Engine::send_execute(const Gtid& gtid, Open& open, Now now) {
  auto& running = *open.running;
  running.message.time_left = std::max(Duration{0}, open.deadline - now.monotonic);
  running.next_resend = now.monotonic + backoff(options_.resend, ++running.attempts, gtid);
  gate_.send(running.participant, running.message);
  schedule_open(gtid, open);
}

void Engine::on_execute_result(const NodeName& from, const ExecuteResult& result, Now now) {
  const auto found = open_.find(result.gtid);
  if (found == open_.end()) return;  // it ended meanwhile, or its PREPARE will say so
  auto& open = found->second;
  const auto branch = std::find_if(open.branches.begin(), open.branches.end(),
                                   [&](const auto& b) { return b.participant == from; });
  if (branch == open.branches.end()) return;
  auto reason = result.reason;
  if (reason.code == AbortCode::kNone && branch->executed > 0 &&
      branch->epoch != result.executor.epoch)
    reason = {AbortCode::kStaleEpoch, "restarted in the middle of the transaction", from, -1};
  if (reason.code != AbortCode::kNone) {
    reason.participant = from;
    abort_open(result.gtid, std::move(reason), now);
    return;
  }
  if (!open.running || open.running->participant != from ||
      open.running->message.number != result.number)
    return;  // a repetition
  branch->executed = result.number;
  branch->epoch = result.executor.epoch;
  open.last_use = now.monotonic;
  const auto done = std::move(open.running->done);
  open.running.reset();
  schedule_open(result.gtid, open);
  ExecuteReply reply;
  reply.results = result.results;
  done(std::move(reply));
}

void Engine::commit(const Gtid& gtid, InteractivePort::SubmitDone done, Now now) {
  SubmitReply reply;
  std::optional<TransactionOutcome> ended;
  reply.refusal = not_open(gtid, false, ended);
  if (ended) reply.outcome = std::move(*ended);
  if (reply.refusal || ended) return done(std::move(reply));
  Open open = std::move(open_.at(gtid));
  open_.erase(gtid);
  if (open.branches.empty()) {  // it did nothing
    reply.outcome.gtid = gtid;
    reply.outcome.outcome = Outcome::kCommitted;
    remember(reply.outcome, now.monotonic);
    return done(std::move(reply));
  }
  GlobalCommit::Setup setup;
  setup.gtid = gtid;
  setup.priority = open.priority;
  for (const auto& branch : open.branches) {
    setup.members.push_back(member(branch.participant));
    setup.members.back().epoch = branch.epoch;
    setup.branches.push_back({branch.participant, {}, branch.executed});
  }
  setup.answer_at = open.request.answer_at;
  setup.traceparent = open.request.traceparent;
  setup.comment = open.request.comment;
  setup.deadline = std::min(open.deadline, now.monotonic + options_.prepare_timeout);
  setup.submitted = now.wall;
  setup.resend = resend();
  choose_protocol(setup, open.request.protocol);
  auto& txn = live_.emplace(gtid, std::in_place_type<GlobalCommit>, std::move(setup)).first->second;
  ++meters_.begun_of(label_of(txn));
  txn.since = open.since;
  txn.clients.push_back(std::move(done));
  txn.age = open.priority;
  txn.trace = std::move(open.trace);
  step(txn, GlobalCommit::Event(GlobalCommit::Start{}), now);
}

void Engine::rollback(const Gtid& gtid, InteractivePort::SubmitDone done, Now now) {
  SubmitReply reply;
  std::optional<TransactionOutcome> ended;
  reply.refusal = not_open(gtid, true, ended);
  if (ended) reply.outcome = std::move(*ended);
  if (!reply.refusal && !ended)
    reply.outcome = abort_open(gtid, {AbortCode::kClientCancelled, "rolled back", {}, -1}, now);
  done(std::move(reply));
}

TransactionOutcome Engine::abort_open(Gtid gtid, AbortReason reason, Now now) {
  Open open = std::move(open_.at(gtid));
  open_.erase(gtid);
  reports_.count("aborted");
  reports_.log().debug(
      "aborted", {{"txn", gtid}, {"code", to_string(reason.code)}, {"reason", reason.detail}});
  if (retried_automatically(reason.code)) remember_age(gtid, open.priority);
  for (const auto& branch : open.branches) gate_.presume_abort(branch.participant, gtid, reason);
  TransactionOutcome outcome;
  outcome.gtid = gtid;
  outcome.outcome = Outcome::kAborted;
  outcome.reason = std::move(reason);
  if (open.trace)
    end_span(*open.trace, "troth.v1.Coordinator/beginTransaction", outcome,
             now.monotonic - open.since, now);
  remember(outcome, now.monotonic);
  if (open.running) {
    ExecuteReply reply;
    reply.ended = outcome;
    open.running->done(std::move(reply));
  }
  return outcome;
}

void Engine::remember_age(const Gtid& gtid, const Priority& priority) {
  constexpr std::size_t kKept = 10000;
  if (ages_.emplace(gtid, priority).second) ages_order_.push_back(gtid);
  for (; ages_order_.size() > kKept; ages_order_.pop_front()) ages_.erase(ages_order_.front());
}

void Engine::abort_open_at(const NodeName& peer, Epoch epoch, Now now) {
  std::vector<Gtid> lost;
  for (const auto& [gtid, open] : open_)
    for (const auto& branch : open.branches)
      if (branch.participant == peer && branch.executed > 0 && branch.epoch < epoch)
        lost.push_back(gtid);
  for (const auto& gtid : lost)
    abort_open(gtid,
               {AbortCode::kStaleEpoch, "restarted in the middle of the transaction", peer, -1},
               now);
}

void Engine::schedule_open(const Gtid& gtid, const Open& open) {
  auto wake = open.running ? open.running->next_resend : open.last_use + open.request.idle_timeout;
  other_timers_.emplace(std::min(wake, open.deadline), gtid);
}

void Engine::tick_open(const Gtid& gtid, Now now) {
  auto& open = open_.at(gtid);
  const bool late = now.monotonic >= open.deadline;
  const bool idle = !open.running && now.monotonic >= open.last_use + open.request.idle_timeout;
  if (late || idle) {
    reports_.count(late ? "deadlines_passed" : "idle_aborts");
    AbortReason reason{AbortCode::kTimeout, "its deadline passed before it was committed", {}, -1};
    if (!late) reason = {AbortCode::kClientCancelled, "its client was silent for too long", {}, -1};
    abort_open(gtid, std::move(reason), now);
    return;
  }
  if (open.running && now.monotonic >= open.running->next_resend) send_execute(gtid, open, now);
}

}  // namespace troth::coordinator
