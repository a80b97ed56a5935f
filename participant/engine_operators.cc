// Decisions by hand on the agent's side (protocol.md section 8): refused where somebody knows,
// written down before they act, compared with the truth when it arrives, shown until forgotten.
#include <fmt/format.h>

#include <algorithm>

#include "participant/engine.h"

namespace troth::participant {

using namespace protocol;

namespace {

constexpr auto kAskForTruth = std::chrono::seconds(5);

bool is_mixed(const HeuristicRecord& record) {
  if (record.truth != Outcome::kCommitted && record.truth != Outcome::kAborted) return false;
  return (record.decision == Decision::kCommit) != (record.truth == Outcome::kCommitted);
}

const char* done_word(Decision decision) {
  return decision == Decision::kCommit ? "committed" : "aborted";
}

}  // namespace

std::string Engine::heuristic_state(const HeuristicRecord& record) {
  if (is_mixed(record)) return "heuristic_mixed";
  if (record.truth == Outcome::kInDoubt) return "heuristic_hazard";
  return fmt::format("heuristic_{}", done_word(record.decision));
}

std::string Engine::describe_heuristic(const HeuristicRecord& record) const {
  auto out = fmt::format("{} was {} here by {} (\"{}\")", record.gtid, done_word(record.decision),
                         record.by.name, record.by.reason);
  const auto& coordinator = record.coordinator;
  if (is_mixed(record))
    return out + fmt::format(
                     ", but {} decided {}: MIXED outcome, the databases differ. Repair them, "
                     "then troth txn forget {}",
                     coordinator, record.truth == Outcome::kCommitted ? "COMMIT" : "ABORT",
                     record.gtid);
  if (record.truth == Outcome::kInDoubt)
    return out + fmt::format(
                     "; {} cannot prove what it decided (HAZARD). Compare the databases, "
                     "then troth txn forget {}",
                     coordinator, record.gtid);
  if (record.truth == Outcome::kPending)
    return out + fmt::format("; what {} decided is not known yet", coordinator);
  return out + fmt::format("; {} decided the same. troth txn forget {} ends it", coordinator,
                           record.gtid);
}

std::string Engine::revision_of(const Entry& entry) const {
  return fmt::format("{}.{}.{}", options_.epoch, to_string(entry.branch.state()),
                     entry.promise_lsn);
}

bool Engine::is_connected(const NodeName& peer) const {
  const auto link = links_.find(peer);
  return link != links_.end() && link->second.connected;
}

Result<ResolveReply> Engine::plan_resolve(const ResolveRequest& request, Now now) const {
  std::string problem;
  const auto* entry = find(request.id, problem);
  if (entry == nullptr) return fail(ErrorCode::kNotFound, problem);
  const auto& branch = entry->branch;
  const Gtid gtid = branch.gtid();
  const auto& coordinator = branch.coordinator();
  if (const auto* known = operators_.find(gtid)) return refused(describe_heuristic(*known));
  if (branch.is_over() || branch.state() == Branch::State::kCommitting ||
      branch.state() == Branch::State::kCommitted)
    return refused(fmt::format("the log knows: {} is {} here", gtid, to_string(branch.state())));
  if (!branch.in_doubt())
    return refused(fmt::format("{} has not voted yet ({}); it ends by itself", gtid,
                               to_string(branch.state())));
  if (is_connected(coordinator) && !branch.continuity_not_proven())
    return refused(fmt::format("{} is connected and knows the decision: troth txn retry {}",
                               coordinator, gtid));
  ResolveReply reply;
  reply.gtid = gtid;
  reply.revision = revision_of(*entry);
  reply.lines = consequences(*entry, request.decision, now);
  if (request.dry_run) return reply;
  TROTH_TRY(check_typed(request.by, request.confirm, gtid));
  if (request.revision != reply.revision)
    return refused(fmt::format("it has moved on since you looked (revision {}, now {})",
                               request.revision, reply.revision));
  return reply;
}

std::vector<std::string> Engine::consequences(const Entry& entry, Decision decision,
                                              Now now) const {
  const auto& branch = entry.branch;
  const auto& coordinator = branch.coordinator();
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now.monotonic - entry.since);
  std::vector<std::string> lines;
  lines.push_back(fmt::format(
      "{} voted yes to {} {} s ago and {} {}.", options_.name, branch.gtid(), age.count(),
      coordinator,
      branch.continuity_not_proven() ? "cannot prove what it decided" : "is not connected"));
  for (const auto& member : branch.members())
    if (member.name != options_.name)
      lines.push_back(
          fmt::format("ask {} first; if it committed, the decision was COMMIT: "
                      "troth txn show {} -e {}",
                      member.name, branch.gtid(), member.address));
  if (entry.quorum) {
    const auto& members = entry.quorum->setup().members;
    const auto here = std::count_if(members.begin(), members.end(), [&](const Member& member) {
      return member.name == options_.name || is_connected(member.name);
    });
    lines.push_back(fmt::format(
        "it is a three-phase transaction: {} of its {} members end it together, {} "
        "connected here. Connecting more of them is better than deciding",
        entry.quorum->quorum(), members.size(), here == 1 ? "1 is" : fmt::format("{} are", here)));
  }
  lines.push_back(decision == Decision::kCommit
                      ? "COMMIT puts its work into this database and frees its rows."
                      : "ABORT throws its work away here and frees its rows.");
  lines.push_back(
      fmt::format("If {} decided otherwise, the databases differ for good. Your decision "
                  "is written down and compared with {}'s when that arrives.",
                  coordinator, coordinator));
  return lines;
}

void Engine::resolve(const ResolveRequest& request, ResolveDone done, Now now) {
  auto reply = plan_resolve(request, now);
  if (request.dry_run) return done(std::move(reply));
  const auto subject = reply ? reply->gtid.text() : request.id;
  audit(request.decision == Decision::kCommit ? "resolve_commit" : "resolve_abort", subject,
        reply ? "ok" : "refused", request.by, now);
  if (!reply) return done(std::move(reply));
  Entry& entry = branches_.at(reply->gtid);
  HeuristicRecord record;
  record.gtid = reply->gtid;
  record.decision = request.decision;
  if (entry.branch.continuity_not_proven()) record.truth = Outcome::kInDoubt;
  record.coordinator = entry.branch.coordinator();
  record.when = now.wall;
  record.by = request.by;
  count("forced_writes");
  operators_.write(record);
  carry_out_by_hand(entry, record, now);
  truth_at_ = now.monotonic;
  reply->applied = true;
  reply->lines = {describe_heuristic(record)};
  tell_when_durable(std::move(done), std::move(*reply));
}

// As if the coordinator had decided, except that nobody is owed an acknowledgement.
void Engine::carry_out_by_hand(Entry& entry, const HeuristicRecord& record, Now now) {
  const Decide decide{record.gtid,
                      record.decision,
                      AnswerAt::kDecided,
                      {AbortCode::kOperator, record.by.reason, options_.name, -1}};
  entry.quorum.reset();  // what the members promised each other goes on without this node
  const auto before = entry.branch.state();
  auto effects = entry.branch.step(Branch::Decided{record.coordinator, decide}, now.monotonic);
  effects.promises.clear();
  count_transition(entry, before);
  carry_out(entry, std::move(effects), now, nullptr);
}

// A crash came between a decision by hand and its ABORTED record, which is not forced.
void Engine::finish_by_hand(Now now) {
  for (const auto& [gtid, record] : operators_.heuristics()) {
    const auto found = branches_.find(gtid);
    if (found != branches_.end() && found->second.branch.in_doubt())
      carry_out_by_hand(found->second, record, now);
  }
  truth_at_ = now.monotonic;
}

void Engine::forget(const ForgetRequest& request, ResolveDone done, Now now) {
  auto reply = plan_forget(request);
  if (request.dry_run) return done(std::move(reply));
  audit("forget", reply ? reply->gtid.text() : request.id, reply ? "ok" : "refused", request.by,
        now);
  if (!reply) return done(std::move(reply));
  const auto record = *operators_.find(reply->gtid);
  count("forced_writes");
  const Lsn lsn = operators_.forget(reply->gtid);
  // The coordinator repeats its COMMIT until somebody acknowledges it.
  if (is_mixed(record) && record.truth == Outcome::kCommitted)
    hold(lsn, {record.gtid, {{record.coordinator, Message(Ack{record.gtid})}}, {}, {}});
  reply->applied = true;
  tell_when_durable(std::move(done), std::move(*reply));
}

Result<ResolveReply> Engine::plan_forget(const ForgetRequest& request) const {
  const HeuristicRecord* record = nullptr;
  for (const auto& [gtid, known] : operators_.heuristics())
    if (names(request.id, gtid)) {
      if (record != nullptr)
        return fail(ErrorCode::kNotFound,
                    fmt::format("more than one of them starts or ends with \"{}\"", request.id));
      record = &known;
    }
  if (record == nullptr)
    return fail(ErrorCode::kNotFound,
                fmt::format("nothing was decided by hand here that starts or ends with \"{}\"",
                            request.id));
  if (record->truth == Outcome::kPending && is_connected(record->coordinator))
    return refused(
        fmt::format("{} is connected and will say what it decided", record->coordinator));
  ResolveReply reply;
  reply.gtid = record->gtid;
  reply.lines = {describe_heuristic(*record),
                 "forgotten: it is no longer shown, and no longer "
                 "compared with what the coordinator says"};
  if (!request.dry_run) TROTH_TRY(check_typed(request.by, request.confirm, record->gtid));
  return reply;
}

// True: the decision was about something that an operator decided before.
bool Engine::compare_with_truth(const NodeName& from, const Decide& message, Now now) {
  const bool commit = message.decision == Decision::kCommit;
  if (operators_.was_forgotten(message.gtid)) {
    if (commit) hold(log_.appended(), {message.gtid, {{from, Message(Ack{message.gtid})}}, {}, {}});
    return true;
  }
  const auto* known = operators_.find(message.gtid);
  if (known == nullptr) return false;
  auto record = *known;
  record.truth = commit ? Outcome::kCommitted : Outcome::kAborted;
  if (known->truth != record.truth) {
    count("forced_writes");
    operators_.write(record);
    const bool mixed = is_mixed(record);
    audit("truth", record.gtid.text(), mixed ? "mixed" : "confirmed", {from.text(), ""}, now);
    const auto what = describe_heuristic(record);
    if (mixed) {
      count("mixed_outcomes");
      logger_.error("mixed outcome", {{"txn", record.gtid}, {"what", what}});
      send(record.coordinator, Alarm{record.gtid, fmt::format("{}: {}", options_.name, what)});
    } else {
      logger_.info("a decision by hand was right", {{"txn", record.gtid}, {"what", what}});
    }
  }
  if (commit && !is_mixed(record))
    hold(log_.appended(), {record.gtid, {{from, Message(Ack{record.gtid})}}, {}, {}});
  return true;
}

void Engine::hazard(const Gtid& gtid) {
  const auto* known = operators_.find(gtid);
  if (known == nullptr || known->truth != Outcome::kPending) return;
  auto record = *known;
  record.truth = Outcome::kInDoubt;
  operators_.write(std::move(record));
}

void Engine::ask_for_truth(Now now) {
  truth_at_.reset();
  for (const auto& [gtid, record] : operators_.heuristics()) {
    if (record.truth != Outcome::kPending) continue;
    send(record.coordinator, Inquire{gtid});
    truth_at_ = now.monotonic + kAskForTruth;
  }
}

void Engine::audit(const std::string& action, const std::string& subject, const std::string& result,
                   const Operator& by, Now now) {
  ++operator_actions_[{action, result}];
  logger_.info("operator", {{"action", action},
                            {"subject", subject},
                            {"result", result},
                            {"by", by.name},
                            {"reason", by.reason}});
  operators_.note({now.wall, action, result, subject, by});
}

void Engine::tell_when_durable(ResolveDone done, ResolveReply reply) {
  auto shared =
      std::make_shared<std::pair<ResolveDone, ResolveReply>>(std::move(done), std::move(reply));
  operators_waiting_.emplace(log_.appended(), [shared] { shared->first(shared->second); });
}

std::vector<std::string> Engine::timeline(const Entry& entry) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < entry.steps_taken; ++i) {
    const auto& [at, state] = entry.steps[i];
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(at - entry.since);
    out.push_back(fmt::format("+{} ms  {}", age.count(), to_string(state)));
  }
  return out;
}

Result<TransactionDetail> Engine::show_heuristic(const std::string& id, Now now) const {
  for (const auto& [gtid, record] : operators_.heuristics()) {
    if (!names(id, gtid)) continue;
    TransactionDetail detail;
    detail.summary = summary_of(record, now);
    detail.explanation = describe_heuristic(record);
    const auto found = branches_.find(gtid);
    if (found != branches_.end()) detail.events = timeline(found->second);
    return detail;
  }
  return fail(ErrorCode::kNotFound, "");
}

void Engine::show_heuristics(NodeStatus& status) const {
  for (const auto& [gtid, record] : operators_.heuristics())
    status.alarms.push_back(describe_heuristic(record));
  status.counters.emplace_back("heuristic", operators_.heuristics().size());
}

TransactionSummary Engine::summary_of(const HeuristicRecord& record, Now now) const {
  TransactionSummary summary;
  summary.gtid = record.gtid;
  summary.state = heuristic_state(record);
  const auto found = branches_.find(record.gtid);
  summary.protocol = std::string(to_string(
      found == branches_.end() ? CommitProtocol::kTwoPhase : found->second.branch.protocol()));
  summary.age_ms = now.wall.unix_ms - record.when.unix_ms;
  summary.decision = record.decision == Decision::kCommit ? "commit" : "abort";
  if (record.truth == Outcome::kPending) summary.waiting_for.push_back(record.coordinator);
  summary.comment = fmt::format("by {}: {}", record.by.name, record.by.reason);
  return summary;
}

}  // namespace troth::participant
