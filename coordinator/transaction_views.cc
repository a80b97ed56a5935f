// Lists of transactions, and one in detail.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/status_views.h"

namespace troth::coordinator {

using namespace protocol;

namespace {

/// Where a page ended. Live transactions come before the ended ones.
struct Cursor {
  enum class Phase : std::uint8_t { kStart, kOpen, kLive, kLost, kEnded };
  Phase phase = Phase::kStart;
  Gtid gtid;

  static constexpr std::string_view kNames[] = {"", "open:", "live:", "lost:", "ended:"};

  static Result<Cursor> parse(const std::string& text) {
    Cursor out;
    if (text.empty()) return out;
    for (const auto phase : {Phase::kOpen, Phase::kLive, Phase::kLost, Phase::kEnded}) {
      const auto name = kNames[static_cast<std::size_t>(phase)];
      if (!text.starts_with(name)) continue;
      const auto gtid = Gtid::parse(std::string_view(text).substr(name.size()));
      if (gtid) return Cursor{phase, *gtid};
    }
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is no cursor that this coordinator gave", text));
  }
  std::string text() const {
    return std::string(kNames[static_cast<std::size_t>(phase)]) + gtid.text();
  }
};

/// Takes one more than the limit, to know whether there is more.
class PageBuilder {
 public:
  explicit PageBuilder(std::size_t limit) : limit_(limit) {}
  bool full() const { return page_.transactions.size() > limit_; }
  void add(Cursor::Phase phase, TransactionSummary summary) {
    if (page_.transactions.size() < limit_) last_ = {phase, summary.gtid};
    page_.transactions.push_back(std::move(summary));
  }
  TransactionPage take() {
    if (full()) {
      page_.transactions.resize(limit_);
      page_.next = last_.text();
    }
    return std::move(page_);
  }

 private:
  const std::size_t limit_;
  TransactionPage page_;
  Cursor last_;
};

}  // namespace

Result<TransactionPage> StatusViews::list(const ListRequest& request, Now now) const {
  TROTH_ASSIGN_OR_RETURN(const auto from, Cursor::parse(request.after));
  using Phase = Cursor::Phase;
  const auto filter = request.filter;
  PageBuilder page(std::max<std::size_t>(request.limit, 1));
  const bool all = filter == TransactionFilter::kAll;
  if ((all || filter == TransactionFilter::kActive) && from.phase <= Phase::kOpen) {
    auto at = from.phase == Phase::kOpen ? parts_.conversations.all().upper_bound(from.gtid)
                                         : parts_.conversations.all().begin();
    for (; at != parts_.conversations.all().end() && !page.full(); ++at)
      page.add(Phase::kOpen, summary_of(at->first, at->second, now));
  }
  if (filter != TransactionFilter::kRecent && from.phase <= Phase::kLive) {
    auto at =
        from.phase == Phase::kLive ? parts_.table.upper_bound(from.gtid) : parts_.table.begin();
    for (; at != parts_.table.end() && !page.full(); ++at) {
      auto summary = summary_of(at->second, now);
      const bool in_doubt = summary.state == "committing" || summary.state == "precommitting" ||
                            summary.state == "uncertain";
      if (filter != TransactionFilter::kInDoubt || in_doubt)
        page.add(Phase::kLive, std::move(summary));
    }
  }
  if ((all || filter == TransactionFilter::kInDoubt) && from.phase <= Phase::kLost) {
    for (const auto& gtid : parts_.lost.unconfirmed())
      if ((from.phase < Phase::kLost || gtid > from.gtid) && !page.full())
        page.add(Phase::kLost, parts_.lost.summary_of(gtid, now));
  }
  if (all || filter == TransactionFilter::kRecent) {
    auto left = parts_.outcomes.all().size();
    if (from.phase == Phase::kEnded) left = parts_.outcomes.all().place_of(from.gtid).value_or(0);
    for (; left > 0 && !page.full(); --left) {
      const auto gtid = parts_.outcomes.all().gtid_at(left - 1);
      if (!parts_.table.has(gtid) && !(all && parts_.desk.book().is_unconfirmed(gtid)))
        page.add(Phase::kEnded, summary_of_ended(gtid, parts_.outcomes.all().at(left - 1), now));
    }
  }
  return page.take();
}

Result<TransactionDetail> StatusViews::show_ended(const std::string& id, Now now) const {
  std::optional<Gtid> match;
  for (std::size_t place = 0; place < parts_.outcomes.all().size(); ++place) {
    const auto gtid = parts_.outcomes.all().gtid_at(place);
    if (parts_.table.has(gtid) || !names(id, gtid)) continue;
    if (match)
      return fail(ErrorCode::kNotFound,
                  fmt::format("more than one transaction starts or ends with \"{}\"", id));
    match = gtid;
  }
  for (const auto& gtid : parts_.lost.unconfirmed()) {
    if (!names(id, gtid) || match == gtid) continue;
    if (match)
      return fail(ErrorCode::kNotFound,
                  fmt::format("more than one transaction starts or ends with \"{}\"", id));
    match = gtid;
  }
  if (match && parts_.desk.book().is_unconfirmed(*match)) return parts_.lost.show(*match, now);
  if (!match)
    return fail(ErrorCode::kNotFound,
                fmt::format("no transaction that is remembered starts or ends with \"{}\"", id));
  const auto known = *parts_.outcomes.find(*match);
  const auto outcome = outcome_of(*match, known);
  const bool committed = outcome.outcome == Outcome::kCommitted;
  TransactionDetail detail;
  detail.summary = summary_of_ended(*match, known, now);
  detail.explanation = committed ? "It is committed and every participant has acknowledged it."
                                 : fmt::format("It was aborted: {} ({}).", outcome.reason.detail,
                                               to_string(outcome.reason.code));
  return detail;
}

const Conversations::Table::value_type* StatusViews::find_open(const std::string& id) const {
  const Conversations::Table::value_type* match = nullptr;
  for (const auto& item : parts_.conversations.all())
    if (names(id, item.first)) match = &item;
  return match;
}

TransactionDetail StatusViews::show(const Gtid& gtid, const Conversations::Open& open,
                                    Now now) const {
  TransactionDetail detail;
  detail.summary = summary_of(gtid, open, now);
  const auto* runs_at = open.machine.runs_at();
  for (const auto& touched : open.machine.branches()) {
    BranchDetail branch;
    branch.participant = touched.participant;
    branch.state = runs_at != nullptr && *runs_at == touched.participant
                       ? "executing"
                       : fmt::format("{} executed", touched.executed);
    detail.branches.push_back(std::move(branch));
  }
  const auto idle = now.monotonic - open.machine.last_use();
  const auto seconds = [](Duration d) {
    return std::chrono::duration_cast<std::chrono::seconds>(d).count();
  };
  detail.explanation = fmt::format(
      "Its client has not asked for the commit yet{}. It is rolled back when nobody talks to it "
      "for {} s, and in {} s at the latest.",
      runs_at != nullptr ? ", and waits for a statement"
                         : fmt::format("; it last talked to it {} s ago", seconds(idle)),
      seconds(open.machine.setup().idle_timeout),
      std::max<std::int64_t>(0, seconds(open.machine.setup().deadline - now.monotonic)));
  return detail;
}

BranchDetail StatusViews::branch_of(const GlobalCommit& commit, const NodeName& member) const {
  BranchDetail branch;
  branch.participant = member;
  for (const auto& [vote, word] : {std::pair(Vote::kCommit, "yes"), std::pair(Vote::kAbort, "no"),
                                   std::pair(Vote::kReadOnly, "read_only")}) {
    const auto voted = commit.tally().voted(vote);
    if (std::find(voted.begin(), voted.end(), member) != voted.end()) branch.vote = word;
  }
  const auto& owed = commit.unacked();
  const bool owes = std::find(owed.begin(), owed.end(), member) != owed.end();
  branch.state = std::string(to_string(commit.state()));
  if (commit.state() == GlobalCommit::State::kCommitting)
    branch.state = owes ? "not acknowledged" : "acknowledged";
  if (const auto* link = core_.links.find(member); link != nullptr && !link->connected)
    branch.last_error = link->last_error;
  for (const auto& b : commit.setup().branches)
    if (b.participant == member)
      for (const auto& statement : b.statements) branch.statements.push_back(statement.sql);
  return branch;
}

TransactionDetail StatusViews::show(const Transaction& txn, Now now) const {
  TransactionDetail detail;
  detail.summary = summary_of(txn, now);
  detail.events = txn.timeline.lines(txn.gave_way_to ? &*txn.gave_way_to : nullptr);
  std::string waits;
  for (const auto& name : detail.summary.waiting_for)
    waits += (waits.empty() ? "" : ", ") + name.text();
  const auto* commit = txn.global();
  if (commit == nullptr) {
    detail.explanation = fmt::format("Only {} knows the outcome; it is being asked.", waits);
    return detail;
  }
  for (const auto& member : commit->setup().members)
    detail.branches.push_back(branch_of(*commit, member.name));
  if (const auto* quorum = commit->quorum(); quorum != nullptr && !quorum->decided()) {
    const auto members = quorum->setup().members.size();
    detail.explanation = fmt::format(
        "Every participant voted yes. {} of {} members must hold one ballot; this node is {}, "
        "ballot {}, {} of them {} ({}). It commits or aborts with the first majority.",
        quorum->quorum(), members, to_string(quorum->role()),
        protocol::text_of(quorum->position().last_elected), quorum->silent().size(),
        quorum->silent().empty() ? "are missing" : "have not answered",
        waits.empty() ? "none" : waits);
    return detail;
  }
  detail.explanation =
      commit->state() == GlobalCommit::State::kCommitting
          ? fmt::format(
                "COMMIT is durable and will not change; {} must still confirm and is asked "
                "again and again.",
                waits)
          : fmt::format("It is {}; it waits for {}.", detail.summary.state,
                        waits.empty() ? "its own log" : waits);
  return detail;
}

Result<TransactionDetail> StatusViews::show(const std::string& id, Now now) const {
  std::string problem;
  const auto* txn = parts_.table.find(id, problem);
  const auto ended = show_ended(id, now);
  const auto* open = find_open(id);
  if (txn == nullptr && open == nullptr) return ended;
  if (ended || (txn != nullptr && open != nullptr))
    return fail(ErrorCode::kNotFound,
                fmt::format("more than one transaction starts or ends with \"{}\"", id));
  return open != nullptr ? show(open->first, open->second, now) : show(*txn, now);
}

}  // namespace troth::coordinator
