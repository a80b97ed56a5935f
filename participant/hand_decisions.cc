#include "participant/hand_decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace troth::participant {

using namespace protocol;

namespace {

constexpr auto kAskForTruth = std::chrono::seconds(5);

const char* done_word(Decision decision) {
  return decision == Decision::kCommit ? "committed" : "aborted";
}

}  // namespace

bool is_mixed(const HeuristicRecord& record) {
  if (record.truth != Outcome::kCommitted && record.truth != Outcome::kAborted) return false;
  return (record.decision == Decision::kCommit) != (record.truth == Outcome::kCommitted);
}

std::string heuristic_state(const HeuristicRecord& record) {
  if (is_mixed(record)) return "heuristic_mixed";
  if (record.truth == Outcome::kInDoubt) return "heuristic_hazard";
  return fmt::format("heuristic_{}", done_word(record.decision));
}

std::string describe_heuristic(const HeuristicRecord& record) {
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

std::string revision_of(const EngineOptions& options, const BranchEntry& entry) {
  return fmt::format("{}.{}.{}", options.epoch, to_string(entry.branch.state()), entry.promise_lsn);
}

void HandDecisions::adopt(recovery::OperatorTables tables, MonotonicTime now) {
  desk_.book().adopt(std::move(tables));
  if (desk_.book().heuristics().empty()) return;
  unfinished_ = true;
  truth_at_ = now;
}

Result<ResolveReply> HandDecisions::plan_resolve(const ResolveRequest& request, Now now) const {
  std::string problem;
  const auto* entry = table_.find(request.id, problem);
  if (entry == nullptr) return fail(ErrorCode::kNotFound, problem);
  const auto& branch = entry->branch;
  const Gtid gtid = branch.gtid();
  const auto& coordinator = branch.coordinator();
  if (const auto* known = desk_.book().find(gtid)) return refused(describe_heuristic(*known));
  if (branch.is_over() || branch.state() == Branch::State::kCommitting ||
      branch.state() == Branch::State::kCommitted)
    return refused(fmt::format("the log knows: {} is {} here", gtid, to_string(branch.state())));
  if (!branch.in_doubt())
    return refused(fmt::format("{} has not voted yet ({}); it ends by itself", gtid,
                               to_string(branch.state())));
  if (links_.is_connected(coordinator) && !branch.inquiries().continuity_not_proven())
    return refused(fmt::format("{} is connected and knows the decision: troth txn retry {}",
                               coordinator, gtid));
  ResolveReply reply;
  reply.gtid = gtid;
  reply.revision = revision_of(options_, *entry);
  reply.lines = consequences(*entry, request.decision, now);
  if (request.dry_run) return reply;
  TROTH_TRY(check_typed(request.by, request.confirm, gtid));
  if (request.revision != reply.revision)
    return refused(fmt::format("it has moved on since you looked (revision {}, now {})",
                               request.revision, reply.revision));
  return reply;
}

std::vector<std::string> HandDecisions::consequences(const BranchEntry& entry, Decision decision,
                                                     Now now) const {
  const auto& branch = entry.branch;
  const auto& coordinator = branch.coordinator();
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now.monotonic - entry.since);
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{} voted yes to {} {} s ago and {} {}.", options_.name,
                              branch.gtid(), age.count(), coordinator,
                              branch.inquiries().continuity_not_proven()
                                  ? "cannot prove what it decided"
                                  : "is not connected"));
  for (const auto& member : branch.prepared_record().members)
    if (member.name != options_.name)
      lines.push_back(
          fmt::format("ask {} first; if it committed, the decision was COMMIT: "
                      "troth txn show {} -e {}",
                      member.name, branch.gtid(), member.address));
  if (entry.quorum) {
    const auto& members = entry.quorum->setup().members;
    const auto here = std::count_if(members.begin(), members.end(), [&](const Member& member) {
      return member.name == options_.name || links_.is_connected(member.name);
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

void HandDecisions::resolve(const ResolveRequest& request, Done done, Now now) {
  auto reply = plan_resolve(request, now);
  if (request.dry_run) return done(std::move(reply));
  const auto subject = reply ? reply->gtid.text() : request.id;
  desk_.audit(request.decision == Decision::kCommit ? "resolve_commit" : "resolve_abort", subject,
              reply ? "ok" : "refused", request.by, now);
  if (!reply) return done(std::move(reply));
  BranchEntry& entry = table_.at(reply->gtid);
  HeuristicRecord record;
  record.gtid = reply->gtid;
  record.decision = request.decision;
  if (entry.branch.inquiries().continuity_not_proven()) record.truth = Outcome::kInDoubt;
  record.coordinator = entry.branch.coordinator();
  record.when = now.wall;
  record.by = request.by;
  reports_.count("forced_writes");
  desk_.book().write(record);
  carry_out(entry, record, now);
  truth_at_ = now.monotonic;
  reply->applied = true;
  reply->lines = {describe_heuristic(record)};
  tell_when_durable(std::move(done), std::move(*reply));
}

void HandDecisions::carry_out(BranchEntry& entry, const HeuristicRecord& record, Now now) {
  entry.quorum.reset();  // the promises between members go on without this node
  branches_.decide_by_hand(entry, record.coordinator,
                           {record.gtid,
                            record.decision,
                            AnswerAt::kDecided,
                            {AbortCode::kOperator, record.by.reason, options_.name, -1}},
                           now);
}

// A crash came between a decision by hand and its ABORTED record, which is not forced.
void HandDecisions::finish(Now now) {
  for (const auto& [gtid, record] : desk_.book().heuristics()) {
    auto* entry = table_.find(gtid);
    if (entry != nullptr && entry->branch.in_doubt()) carry_out(*entry, record, now);
  }
  truth_at_ = now.monotonic;
}

void HandDecisions::forget(const ForgetRequest& request, Done done, Now now) {
  auto reply = plan_forget(request);
  if (request.dry_run) return done(std::move(reply));
  desk_.audit("forget", reply ? reply->gtid.text() : request.id, reply ? "ok" : "refused",
              request.by, now);
  if (!reply) return done(std::move(reply));
  const auto record = *desk_.book().find(reply->gtid);
  reports_.count("forced_writes");
  const Lsn lsn = desk_.book().forget(reply->gtid);
  // The coordinator repeats its COMMIT until this participant acknowledges it.
  if (is_mixed(record) && record.truth == Outcome::kCommitted)
    ack(lsn, record.gtid, record.coordinator);
  reply->applied = true;
  tell_when_durable(std::move(done), std::move(*reply));
}

Result<ResolveReply> HandDecisions::plan_forget(const ForgetRequest& request) const {
  const HeuristicRecord* record = nullptr;
  for (const auto& [gtid, known] : desk_.book().heuristics())
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
  if (record->truth == Outcome::kPending && links_.is_connected(record->coordinator))
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

bool HandDecisions::compare_with_truth(const NodeName& from, const Decide& message, Now now) {
  const bool commit = message.decision == Decision::kCommit;
  if (desk_.book().was_forgotten(message.gtid)) {
    if (commit) ack(log_.appended(), message.gtid, from);
    return true;
  }
  const auto* known = desk_.book().find(message.gtid);
  if (known == nullptr) return false;
  auto record = *known;
  record.truth = commit ? Outcome::kCommitted : Outcome::kAborted;
  if (known->truth != record.truth) {
    reports_.count("forced_writes");
    desk_.book().write(record);
    const bool mixed = is_mixed(record);
    desk_.audit("truth", record.gtid.text(), mixed ? "mixed" : "confirmed", {from.text(), ""}, now);
    const auto what = describe_heuristic(record);
    if (mixed) {
      reports_.count("mixed_outcomes");
      reports_.log().error("mixed outcome", {{"txn", record.gtid}, {"what", what}});
      promises_.send(record.coordinator,
                     Alarm{record.gtid, fmt::format("{}: {}", options_.name, what)});
    } else {
      reports_.log().info("a decision by hand was right", {{"txn", record.gtid}, {"what", what}});
    }
  }
  if (commit && !is_mixed(record)) ack(log_.appended(), record.gtid, from);
  return true;
}

void HandDecisions::hazard(const Gtid& gtid) {
  const auto* known = desk_.book().find(gtid);
  if (known == nullptr || known->truth != Outcome::kPending) return;
  auto record = *known;
  record.truth = Outcome::kInDoubt;
  desk_.book().write(std::move(record));
}

void HandDecisions::ack(Lsn until, const Gtid& gtid, const NodeName& coordinator) {
  promises_.hold(until, gtid, coordinator, Message(Ack{gtid}));
}

void HandDecisions::ask_soon(Now now) {
  if (!desk_.book().heuristics().empty()) truth_at_ = now.monotonic;
}

void HandDecisions::tick(Now now) {
  if (!truth_at_ || *truth_at_ > now.monotonic) return;
  if (std::exchange(unfinished_, false)) finish(now);
  ask_for_truth(now);
}

void HandDecisions::ask_for_truth(Now now) {
  truth_at_.reset();
  for (const auto& [gtid, record] : desk_.book().heuristics()) {
    if (record.truth != Outcome::kPending) continue;
    promises_.send(record.coordinator, Inquire{gtid});
    truth_at_ = now.monotonic + kAskForTruth;
  }
}

void HandDecisions::tell_when_durable(Done done, ResolveReply reply) {
  auto shared = std::make_shared<std::pair<Done, ResolveReply>>(std::move(done), std::move(reply));
  desk_.when_durable(log_.appended(), [shared] { shared->first(shared->second); });
}

}  // namespace troth::participant
