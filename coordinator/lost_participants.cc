#include "coordinator/lost_participants.h"

#include <fmt/format.h>

#include <algorithm>

namespace troth::coordinator {

using namespace protocol;

namespace {

std::string counted(std::size_t n) {
  return n == 1 ? "1 transaction" : fmt::format("{} transactions", n);
}

std::string some_of(const std::vector<Gtid>& gtids) {
  constexpr std::size_t kShown = 3;
  std::string out;
  for (std::size_t i = 0; i < gtids.size() && i < kShown; ++i)
    out += (i == 0 ? "" : ", ") + gtids[i].text();
  if (gtids.size() > kShown) out += fmt::format(" and {} more", gtids.size() - kShown);
  return out;
}

std::string describe(const HeuristicRecord& record) {
  return fmt::format("{}, which {} declared lost (\"{}\")", record.coordinator, record.by.name,
                     record.by.reason);
}

}  // namespace

std::vector<Gtid> LostParticipants::owed_by(const NodeName& participant) const {
  std::vector<Gtid> out;
  for (const auto& [gtid, txn] : table_) {
    const auto* two = txn.global();
    if (two == nullptr || two->state() != GlobalCommit::State::kCommitting) continue;
    const auto& owes = two->unacked();
    if (std::find(owes.begin(), owes.end(), participant) != owes.end()) out.push_back(gtid);
  }
  return out;
}

std::vector<Gtid> LostParticipants::unconfirmed_by(const NodeName& participant) const {
  std::vector<Gtid> out;
  for (const auto& [key, record] : desk_.book().unconfirmed())
    if (key.second == participant) out.push_back(key.first);
  return out;
}

Result<LostReply> LostParticipants::plan_lost(const LostRequest& request,
                                              const std::vector<Gtid>& gtids) const {
  const auto& name = request.participant;
  const bool connected = core_.links.is_connected(name);
  if (connected && gtids.empty())
    return refused(
        fmt::format("{} is connected and confirms by itself: troth txn retry --all", name));
  if (gtids.empty() && core_.options.find(name) == nullptr && unconfirmed_by(name).empty())
    return fail(ErrorCode::kNotFound, fmt::format("no participant is called {}", name));
  if (gtids.empty())
    return refused(fmt::format("nothing that was decided COMMIT waits for {}", name));
  LostReply reply;
  reply.transactions = static_cast<std::int64_t>(gtids.size());
  reply.lines = {
      fmt::format("{} decided COMMIT and not confirmed by {}: {}", counted(gtids.size()), name,
                  some_of(gtids)),
      "They stay committed, and the other participants carry them out.",
      fmt::format("Nobody will wait for {} any more. What they were to write there may be in no "
                  "database: note it first (troth txn show ID).",
                  name),
      "Each will be shown as heuristic_hazard until you say --forget.",
      connected
          ? fmt::format("{} is connected and holds no trace of them. What else it owes is still "
                        "waited for.",
                        name)
          : fmt::format("If {} comes back with its own log after all, it is told COMMIT and the "
                        "hazard ends by itself.",
                        name),
      fmt::format("next: troth participant lost {} --reason TEXT --confirm {}", name, name)};
  if (!request.dry_run) TROTH_TRY(check_typed(request.by, request.confirm, name));
  return reply;
}

Result<LostReply> LostParticipants::plan_forget_lost(const LostRequest& request,
                                                     const std::vector<Gtid>& gtids) const {
  const auto& name = request.participant;
  if (gtids.empty())
    return fail(ErrorCode::kNotFound,
                fmt::format("nothing is shown that {} owed when it was declared lost", name));
  for (const auto& gtid : gtids) TROTH_TRY(may_forget(gtid, name));
  LostReply reply;
  reply.transactions = static_cast<std::int64_t>(gtids.size());
  reply.lines = {fmt::format("{} that {} never confirmed: no longer shown ({})",
                             counted(gtids.size()), name, some_of(gtids))};
  if (!request.dry_run) TROTH_TRY(check_typed(request.by, request.confirm, name));
  return reply;
}

// While others must still confirm it, its COMMIT record names the lost one too, and only the
// HEURISTIC record says that it is not waited for.
Status LostParticipants::may_forget(const Gtid& gtid, const NodeName& participant) const {
  if (table_.has(gtid))
    return refused(fmt::format("others must still confirm {}: troth txn show {}", gtid, gtid));
  if (core_.links.is_connected(participant) && !core_.reports.alarms().any(gtid, participant))
    return refused(fmt::format("{} is connected and will confirm it", participant));
  return {};
}

void LostParticipants::declare(const LostRequest& request, LostDone done, Now now) {
  auto gtids = request.forget ? unconfirmed_by(request.participant) : owed_by(request.participant);
  // A connected participant confirms by itself, except transactions of which it reports that it
  // holds no trace.
  if (!request.forget && core_.links.is_connected(request.participant))
    std::erase_if(gtids, [&](const Gtid& gtid) {
      return !core_.reports.alarms().any(gtid, request.participant);
    });
  auto reply = request.forget ? plan_forget_lost(request, gtids) : plan_lost(request, gtids);
  if (request.dry_run) return done(std::move(reply));
  desk_.audit(request.forget ? "lost_forget" : "lost", request.participant.text(),
              reply ? "ok" : "refused", request.by, now);
  if (!reply) return done(std::move(reply));
  Lsn last;
  for (const auto& gtid : gtids) {
    core_.reports.count("forced_writes");
    if (request.forget) {
      last = desk_.book().forget_unconfirmed(gtid, request.participant);
      core_.reports.end_alarm(gtid, request.participant);
      continue;
    }
    last = desk_.book().write_unconfirmed(
        {gtid, Decision::kCommit, Outcome::kInDoubt, request.participant, now.wall, request.by});
    transactions_.give_up(gtid, request.participant, now);
  }
  reply->applied = true;
  if (!request.forget)
    reply->lines = {
        fmt::format("{} no longer wait{} for {}: shown as heuristic_hazard until forgotten",
                    counted(gtids.size()), gtids.size() == 1 ? "s" : "", request.participant),
        "Repair what they were to write there, then",
        fmt::format("next: troth participant lost {} --forget --reason TEXT --confirm {}",
                    request.participant, request.participant)};
  desk_.when_durable(last, [done = std::move(done), reply] { done(reply); });
}

void LostParticipants::give_up_again(Now now) {
  for (const auto& [key, record] : desk_.book().unconfirmed())
    transactions_.give_up(key.first, key.second, now);
}

void LostParticipants::tell_what_was_given_up(const NodeName& participant) {
  for (const auto& gtid : unconfirmed_by(participant))
    core_.gate.repeat(participant, Decide{gtid, Decision::kCommit, AnswerAt::kDecided, {}});
}

void LostParticipants::confirmed_after_all(const NodeName& from, const Gtid& gtid, Now now) {
  if (desk_.book().unconfirmed().count({gtid, from}) == 0) return;
  core_.reports.count("forced_writes");
  desk_.book().forget_unconfirmed(gtid, from);
  core_.reports.log().info("confirmed by a participant that was declared lost",
                           {{"txn", gtid}, {"participant", from}});
  desk_.audit("truth", gtid.text(), "confirmed", {from.text(), ""}, now);
}

Result<ResolveReply> LostParticipants::plan_forget(const ForgetRequest& request) const {
  std::optional<Gtid> match;
  for (const auto& [key, record] : desk_.book().unconfirmed()) {
    if (!names(request.id, key.first)) continue;
    if (match && *match != key.first)
      return fail(ErrorCode::kNotFound,
                  fmt::format("more than one of them starts or ends with \"{}\"", request.id));
    match = key.first;
  }
  if (!match)
    return refused(
        "a coordinator decides nothing by hand; ask the participant that shows it (-e HOST:PORT)");
  ResolveReply reply;
  reply.gtid = *match;
  for (const auto& [key, record] : desk_.book().unconfirmed()) {
    if (key.first != *match) continue;
    TROTH_TRY(may_forget(*match, key.second));
    reply.lines.push_back(fmt::format("{} is committed; never confirmed by {}: no longer shown",
                                      *match, describe(record)));
  }
  if (!request.dry_run) TROTH_TRY(check_typed(request.by, request.confirm, *match));
  return reply;
}

void LostParticipants::forget(const ForgetRequest& request, const Status& is_known, ForgetDone done,
                              Now now) {
  auto reply = plan_forget(request);
  if (!reply && !is_known) reply = fail(is_known.error());
  if (request.dry_run) return done(std::move(reply));
  desk_.audit("forget", reply ? reply->gtid.text() : request.id, reply ? "ok" : "refused",
              request.by, now);
  if (!reply) return done(std::move(reply));
  std::vector<NodeName> names;
  for (const auto& [key, record] : desk_.book().unconfirmed())
    if (key.first == reply->gtid) names.push_back(key.second);
  Lsn last;
  for (const auto& name : names) {
    core_.reports.count("forced_writes");
    last = desk_.book().forget_unconfirmed(reply->gtid, name);
    core_.reports.end_alarm(reply->gtid, name);
  }
  reply->applied = true;
  desk_.when_durable(last, [done = std::move(done), reply] { done(reply); });
}

// ---- what is shown

TransactionSummary LostParticipants::summary_of(const Gtid& gtid, Now now) const {
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = "heuristic_hazard";
  summary.decision = "commit";
  summary.protocol = "two_phase";
  if (const auto known = outcomes_.find(gtid); known && known->three_phase)
    summary.protocol = "three_phase";
  for (const auto& [key, record] : desk_.book().unconfirmed()) {
    if (key.first != gtid) continue;
    summary.waiting_for.push_back(key.second);
    summary.age = std::max(summary.age, now.wall - record.when);
    summary.comment += (summary.comment.empty() ? "" : "; ") +
                       fmt::format("{} lost: {}", key.second, record.by.reason);
  }
  return summary;
}

std::vector<Gtid> LostParticipants::unconfirmed() const {
  std::vector<Gtid> out;
  for (const auto& [key, record] : desk_.book().unconfirmed())
    if ((out.empty() || out.back() != key.first) && !table_.has(key.first))
      out.push_back(key.first);
  return out;
}

TransactionDetail LostParticipants::show(const Gtid& gtid, Now now) const {
  TransactionDetail detail;
  detail.summary = summary_of(gtid, now);
  std::string who;
  for (const auto& [key, record] : desk_.book().unconfirmed()) {
    if (key.first != gtid) continue;
    who += (who.empty() ? "" : ", and by ") + describe(record);
    BranchDetail branch;
    branch.participant = key.second;
    branch.vote = "yes";
    branch.state = "never confirmed";
    detail.branches.push_back(std::move(branch));
  }
  detail.explanation = fmt::format(
      "It is committed, and was never confirmed by {}. What it was to write there may be in no "
      "database: repair it, then troth txn forget {}",
      who, gtid);
  return detail;
}

std::string LostParticipants::what_is_owed(const NodeName& participant) const {
  std::size_t live = 0;
  for (const auto& [gtid, txn] : table_) {
    const auto* global = txn.global();
    const auto touches = [&](const Member& member) { return member.name == participant; };
    const bool named = global == nullptr ? txn.one_phase().setup().participant == participant
                                         : std::any_of(global->setup().members.begin(),
                                                       global->setup().members.end(), touches);
    if (named) ++live;
  }
  if (live > 0)
    return fmt::format(
        "{} of {} not ended: troth participant lost {} --dry-run, or start it again", counted(live),
        live == 1 ? fmt::format("{} has", participant) : fmt::format("{} have", participant),
        participant);
  if (const auto owed = unconfirmed_by(participant).size(); owed > 0)
    return fmt::format("{} never confirmed {}: troth participant lost {} --forget first",
                       participant, counted(owed), participant);
  return "";
}

void LostParticipants::add_alarms(std::vector<std::string>& alarms) const {
  std::map<NodeName, std::pair<std::size_t, const HeuristicRecord*>> lost;
  for (const auto& [key, record] : desk_.book().unconfirmed()) {
    auto& [n, newest] = lost[key.second];
    ++n;
    newest = &record;
  }
  for (const auto& [name, seen] : lost)
    alarms.push_back(
        fmt::format("{} committed and never confirmed by {}: HAZARD, what they were to write there "
                    "may be in no database. Repair it, then troth participant lost {} --forget",
                    counted(seen.first), describe(*seen.second), name));
}

}  // namespace troth::coordinator
