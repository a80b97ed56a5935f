// Adoption of earlier epochs, checkpoints of the log, and what operators see.
#include <fmt/format.h>

#include <algorithm>

#include "base/version.h"
#include "coordinator/engine.h"

namespace troth::coordinator {

using namespace protocol;

void Engine::adopt(recovery::CoordinatorTables tables, Now now) {
  started_ = now.monotonic;
  adopted_ = tables.adopted;
  horizon_ = tables.horizon;
  checkpointer_.adopt(tables.first_record);
  for (const auto& peer : tables.peers) peers_.adopt(peer);
  operators_.adopt(std::move(tables.operators));
  for (const auto& [gtid, known] : tables.outcomes) {
    TransactionOutcome outcome;
    outcome.gtid = gtid;
    outcome.outcome = known.outcome;
    outcome.reason = known.reason;
    remember(outcome, now.monotonic);
  }
  for (auto& [key, record] : tables.keys) {
    const auto age = std::chrono::milliseconds(now.wall.unix_ms - record.decided.unix_ms);
    if (age < options_.key_retention) keys_[key] = std::move(record);
  }
  for (const auto& [gtid, record] : tables.unended) {
    auto machine = GlobalCommit::recovered(record, options_.resend, now.monotonic);
    const auto wake = machine.next_wake();
    auto& txn = live_.emplace(gtid, Transaction(std::move(machine))).first->second;
    schedule(txn, gtid, wake);
    txn.since = now.monotonic;
    txn.answered = true;
    recent_.set_comment(gtid, kept_comment(record.comment));
    note(txn, {Event::Kind::kState, "found in the log: COMMIT without END", {}, {}, {}}, now);
  }
  for (const auto& [gtid, undecided] : tables.undecided) adopt_undecided(undecided, now);
  give_up_again(now);
}

void Engine::adopt_undecided(const recovery::UndecidedQuorum& undecided, Now now) {
  const auto& record = undecided.record;
  if (record.gtid.epoch() < adopted_.below) {
    before_adoption_[record.gtid] = undecided;
    return reports_.alarm(
        fmt::format("{} was precommitted before this log was adopted: its participants "
                    "must end it without this node",
                    record.gtid),
        record.gtid, Alarms::Until::kEnded);
  }
  auto machine = GlobalCommit::recovered(record, undecided.position, options_.name, options_.resend,
                                         options_.suspicion, now.monotonic);
  const auto wake = machine.next_wake();
  auto& txn = live_.emplace(record.gtid, Transaction(std::move(machine))).first->second;
  schedule(txn, record.gtid, wake);
  txn.since = now.monotonic;
  txn.owns_key = !record.idempotency_key.empty();
  if (txn.owns_key) keys_in_flight_[txn.key()] = {record.gtid, record.body_digest};
  note(txn,
       {Event::Kind::kState,
        "found in the log: PRECOMMITTED without a decision; the members are asked",
        {},
        {},
        {}},
       now);
}

// What a log must hold of a live transaction.
void Engine::append_live(const GlobalCommit& machine) {
  if (machine.state() == GlobalCommit::State::kPrecommitting) {
    append(machine.precommitted_record());
    for (const auto& record : machine.quorum()->records()) append(record);
    return;
  }
  if (machine.state() != GlobalCommit::State::kCommitting &&
      machine.state() != GlobalCommit::State::kDeciding)
    return;
  const auto& setup = machine.setup();
  CommitRecord record;
  record.gtid = setup.gtid;
  for (const auto& member : setup.members) {
    const auto& owed = machine.unacked();
    if (std::find(owed.begin(), owed.end(), member.name) != owed.end())
      record.members.push_back(member);
  }
  record.ack_at = setup.answer_at;
  record.idempotency_key = setup.idempotency_key;
  record.body_digest = setup.body_digest;
  record.decided = setup.submitted;
  record.comment = setup.comment;
  record.traceparent = setup.traceparent;
  append(record);
}

// Copies what still lives to the end of the log, so that everything before can go.
void Engine::checkpoint_if_due(Now now) {
  checkpointer_.release(log_.durable());
  // Not further than told_: an abort whose record is on its way to the disk has not reached keys_
  // yet.
  if (checkpointer_.due()) checkpointer_.begin(told_, [&] { copy_forward(now); });
}

void Engine::copy_forward(Now now) {
  append(EpochRecord{options_.epoch});
  if (adopted_.lineage > 0) append(adopted_);
  for (const auto& peer : peers_.records()) append(peer);
  for (const auto& [gtid, txn] : live_)
    if (const auto* two = std::get_if<GlobalCommit>(&txn.machine)) append_live(*two);
  for (const auto& [gtid, undecided] : before_adoption_) append(undecided.record);
  for (auto key = keys_.begin(); key != keys_.end();) {
    const auto age = std::chrono::milliseconds(now.wall.unix_ms - key->second.decided.unix_ms);
    if (age >= options_.key_retention) {
      key = keys_.erase(key);
    } else {
      append((key++)->second);
    }
  }
  operators_.copy_forward();
  append(HorizonRecord{Gtid(CoordinatorTag::of(options_.log_id), options_.epoch, next_sequence_,
                            Decider::kCoordinator)});
  reports_.count("checkpoints");
}

NodeStatus Engine::status(Now now) const {
  NodeStatus status;
  status.name = options_.name;
  status.role = Role::kCoordinator;
  status.version = version();
  status.state = standing_.draining() ? "draining" : "ready";
  status.position = {options_.log_id, options_.epoch, log_.durable()};
  status.appended = log_.appended();
  status.up_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - started_).count();
  status.alarms = reports_.alarms().texts();
  show_lost(status);
  for (const auto& [name, address] : options_.participants) {
    const auto link = links_.find(name);
    LinkStatus shown = link == links_.end() ? LinkStatus{} : link->second;
    shown.peer = name;
    if (shown.address.empty()) shown.address = address;
    shown.draining = is_drained(name);
    shown.role = Role::kParticipant;
    shown.refusal = peers_.refusal_of(name);
    status.links.push_back(std::move(shown));
  }
  for (const auto& [gtid, txn] : live_) {
    const auto* two = std::get_if<GlobalCommit>(&txn.machine);
    const bool undelivered =
        two == nullptr
            ? std::get<OnePhaseCommit>(txn.machine).state() == OnePhaseCommit::State::kUncertain
            : two->state() == GlobalCommit::State::kCommitting ||
                  two->state() == GlobalCommit::State::kPrecommitting;
    if (!undelivered) continue;
    ++status.in_doubt;
    status.oldest_in_doubt_ms = std::max<std::int64_t>(
        status.oldest_in_doubt_ms,
        std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - txn.since).count());
  }
  for (const auto& [name, value] : reports_.counters().all())
    status.counters.emplace_back(name, value);
  status.counters.emplace_back("alarms_not_kept", reports_.alarms().not_kept());
  status.counters.emplace_back("live", live_.size() + open_.size());
  status.counters.emplace_back("open", open_.size());
  constexpr std::size_t kLately = 100;
  std::size_t seen = 0, aborted = 0;
  for (auto at = recent_.size(); at > 0 && seen < kLately; --at, ++seen)
    aborted += recent_.at(at - 1).outcome == Outcome::kAborted ? 1 : 0;
  status.counters.emplace_back("recent_committed", seen - aborted);
  status.counters.emplace_back("recent_aborted", aborted);
  status.counters.emplace_back("log_full", log_.has_room() ? 0 : 1);
  status.counters.emplace_back("wall_clock_unix_ms", now.wall.unix_ms);
  status.counters.emplace_back("in_doubt", status.in_doubt);
  status.phases = meters_.phases();
  return status;
}

TransactionSummary Engine::summary_of(const Transaction& txn, Now now) const {
  TransactionSummary summary;
  std::optional<MonotonicTime> wake;
  if (const auto* two = std::get_if<GlobalCommit>(&txn.machine)) {
    summary.gtid = two->gtid();
    summary.state = std::string(to_string(two->state()));
    summary.protocol = std::string(to_string(two->setup().protocol));
    const auto state = two->state();
    if (state == GlobalCommit::State::kCommitting) summary.decision = "commit";
    if (state == GlobalCommit::State::kAborting) summary.decision = "abort";
    summary.waiting_for = two->waiting_for();
    summary.attempts = static_cast<std::int32_t>(two->attempts());
    wake = two->next_wake();
  } else {
    const auto& one = std::get<OnePhaseCommit>(txn.machine);
    summary.gtid = one.gtid();
    summary.state = std::string(to_string(one.state()));
    summary.protocol = "one_phase";
    summary.waiting_for.push_back(one.setup().participant);
    summary.attempts = static_cast<std::int32_t>(one.attempts());
    wake = one.next_wake();
  }
  summary.age_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - txn.since).count();
  if (wake)
    summary.next_retry_ms = std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::milliseconds>(*wake - now.monotonic).count());
  summary.comment = std::visit([](const auto& m) { return m.setup().comment; }, txn.machine);
  return summary;
}

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

Result<TransactionPage> Engine::list(const ListRequest& request, Now now) const {
  TROTH_ASSIGN_OR_RETURN(const auto from, Cursor::parse(request.after));
  using Phase = Cursor::Phase;
  const auto filter = request.filter;
  PageBuilder page(std::max<std::size_t>(request.limit, 1));
  const bool all = filter == TransactionFilter::kAll;
  if ((all || filter == TransactionFilter::kActive) && from.phase <= Phase::kOpen) {
    auto at = from.phase == Phase::kOpen ? open_.upper_bound(from.gtid) : open_.begin();
    for (; at != open_.end() && !page.full(); ++at)
      page.add(Phase::kOpen, summary_of(at->first, at->second, now));
  }
  if (filter != TransactionFilter::kRecent && from.phase <= Phase::kLive) {
    auto at = from.phase == Phase::kLive ? live_.upper_bound(from.gtid) : live_.begin();
    for (; at != live_.end() && !page.full(); ++at) {
      auto summary = summary_of(at->second, now);
      const bool in_doubt = summary.state == "committing" || summary.state == "precommitting" ||
                            summary.state == "uncertain";
      if (filter != TransactionFilter::kInDoubt || in_doubt)
        page.add(Phase::kLive, std::move(summary));
    }
  }
  if ((all || filter == TransactionFilter::kInDoubt) && from.phase <= Phase::kLost) {
    for (const auto& gtid : unconfirmed())
      if ((from.phase < Phase::kLost || gtid > from.gtid) && !page.full())
        page.add(Phase::kLost, summary_of_unconfirmed(gtid, now));
  }
  if (all || filter == TransactionFilter::kRecent) {
    auto left = recent_.size();
    if (from.phase == Phase::kEnded) left = recent_.place_of(from.gtid).value_or(0);
    for (; left > 0 && !page.full(); --left) {
      const auto gtid = recent_.gtid_at(left - 1);
      if (live_.count(gtid) == 0 && !(all && operators_.is_unconfirmed(gtid)))
        page.add(Phase::kEnded, summary_of_ended(gtid, recent_.at(left - 1), now));
    }
  }
  return page.take();
}

TransactionSummary Engine::summary_of(const Gtid& gtid, const Open& open, Now now) const {
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = "open";
  summary.protocol = "interactive";
  summary.age_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - open.since).count();
  if (open.running) summary.waiting_for.push_back(open.running->participant);
  summary.comment = open.request.comment;
  return summary;
}

TransactionSummary Engine::summary_of_ended(const Gtid& gtid, const RememberedOutcomes::View& known,
                                            Now now) const {
  if (operators_.is_unconfirmed(gtid)) return summary_of_unconfirmed(gtid, now);
  TransactionSummary summary;
  summary.gtid = gtid;
  summary.state = known.outcome == Outcome::kCommitted ? "committed" : "aborted";
  summary.decision = known.outcome == Outcome::kCommitted ? "commit" : "abort";
  summary.protocol = gtid.decider() == Decider::kParticipant ? "one_phase"
                     : known.three_phase                     ? "three_phase"
                                                             : "two_phase";
  summary.age_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.monotonic - known.ended).count();
  if (known.reason != nullptr) summary.comment = known.reason->detail;
  if (known.comment != nullptr)
    summary.comment = summary.comment.empty()
                          ? *known.comment
                          : fmt::format("{} [{}]", summary.comment, *known.comment);
  return summary;
}

std::string Engine::text_of(const Transaction& txn, const Event& event) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(event.after).count();
  const auto from = event.from == nullptr ? std::string("a stranger") : event.from->text();
  std::string what(event.what);
  if (event.kind == Event::Kind::kRecord)
    what = fmt::format("{} appended at LSN {}", event.what, event.lsn);
  if (event.kind == Event::Kind::kVote) what = fmt::format("vote {} from {}", event.what, from);
  if (event.kind == Event::Kind::kSays) what = fmt::format("{} says {}", from, event.what);
  if (event.kind == Event::Kind::kReleased) what = fmt::format("{} held its read locks", from);
  if (event.kind == Event::Kind::kLost) what = fmt::format("{} was declared lost", from);
  if (event.kind == Event::Kind::kAck) what = fmt::format("ack from {}", from);
  if (event.kind == Event::Kind::kWound)
    what = fmt::format("wounded by {}, which waits at {}", *txn.gave_way_to, from);
  return fmt::format("+{}.{:03} ms  {}", us / 1000, us % 1000, what);
}

const NodeName* Engine::participant(const NodeName& name) const {
  const auto found = options_.participants.find(name);
  return found == options_.participants.end() ? nullptr : &found->first;
}

const Engine::Transaction* Engine::find(const std::string& id, std::string& problem) const {
  const Transaction* match = nullptr;
  for (const auto& [gtid, txn] : live_) {
    if (!names(id, gtid)) continue;
    if (match != nullptr) {
      problem = fmt::format("more than one transaction starts or ends with \"{}\"", id);
      return nullptr;
    }
    match = &txn;
  }
  if (match == nullptr) problem = fmt::format("no live transaction starts or ends with \"{}\"", id);
  return match;
}

Result<TransactionDetail> Engine::show_ended(const std::string& id, Now now) const {
  std::optional<Gtid> match;
  for (std::size_t place = 0; place < recent_.size(); ++place) {
    const auto gtid = recent_.gtid_at(place);
    if (live_.count(gtid) != 0 || !names(id, gtid)) continue;
    if (match)
      return fail(ErrorCode::kNotFound,
                  fmt::format("more than one transaction starts or ends with \"{}\"", id));
    match = gtid;
  }
  for (const auto& gtid : unconfirmed()) {
    if (!names(id, gtid) || match == gtid) continue;
    if (match)
      return fail(ErrorCode::kNotFound,
                  fmt::format("more than one transaction starts or ends with \"{}\"", id));
    match = gtid;
  }
  if (match && operators_.is_unconfirmed(*match)) return show_unconfirmed(*match, now);
  if (!match)
    return fail(ErrorCode::kNotFound,
                fmt::format("no transaction that is remembered starts or ends with \"{}\"", id));
  const auto known = *recent_.find(*match);
  const auto outcome = outcome_of(*match, known);
  const bool committed = outcome.outcome == Outcome::kCommitted;
  TransactionDetail detail;
  detail.summary = summary_of_ended(*match, known, now);
  detail.explanation = committed ? "It is committed and every participant has acknowledged it."
                                 : fmt::format("It was aborted: {} ({}).", outcome.reason.detail,
                                               to_string(outcome.reason.code));
  return detail;
}

const std::pair<const Gtid, Engine::Open>* Engine::find_open(const std::string& id) const {
  const std::pair<const Gtid, Open>* match = nullptr;
  for (const auto& item : open_)
    if (names(id, item.first)) match = &item;
  return match;
}

TransactionDetail Engine::show_open(const Gtid& gtid, const Open& open, Now now) const {
  TransactionDetail detail;
  detail.summary = summary_of(gtid, open, now);
  for (const auto& touched : open.branches) {
    BranchDetail branch;
    branch.participant = touched.participant;
    branch.state = open.running && open.running->participant == touched.participant
                       ? "executing"
                       : fmt::format("{} executed", touched.executed);
    detail.branches.push_back(std::move(branch));
  }
  const auto idle = now.monotonic - open.last_use;
  const auto seconds = [](Duration d) {
    return std::chrono::duration_cast<std::chrono::seconds>(d).count();
  };
  detail.explanation = fmt::format(
      "Its client has not asked for the commit yet{}. It is rolled back when nobody talks to it "
      "for {} s, and in {} s at the latest.",
      open.running ? ", and waits for a statement"
                   : fmt::format("; it last talked to it {} s ago", seconds(idle)),
      seconds(open.request.idle_timeout),
      std::max<std::int64_t>(0, seconds(open.deadline - now.monotonic)));
  return detail;
}

Result<TransactionDetail> Engine::show(const std::string& id, Now now) const {
  std::string problem;
  const auto* txn = find(id, problem);
  const auto ended = show_ended(id, now);
  const auto* open = find_open(id);
  if (txn == nullptr && open == nullptr) return ended;
  if (ended || (txn != nullptr && open != nullptr))
    return fail(ErrorCode::kNotFound,
                fmt::format("more than one transaction starts or ends with \"{}\"", id));
  if (open != nullptr) return show_open(open->first, open->second, now);
  TransactionDetail detail;
  detail.summary = summary_of(*txn, now);
  for (const auto& event : txn->events) detail.events.push_back(text_of(*txn, event.unpack()));
  std::string waits;
  for (const auto& name : detail.summary.waiting_for)
    waits += (waits.empty() ? "" : ", ") + name.text();
  if (const auto* two = std::get_if<GlobalCommit>(&txn->machine)) {
    for (const auto& member : two->setup().members) {
      BranchDetail branch;
      branch.participant = member.name;
      for (const auto& [vote, word] :
           {std::pair(Vote::kCommit, "yes"), std::pair(Vote::kAbort, "no"),
            std::pair(Vote::kReadOnly, "read_only")}) {
        const auto voted = two->tally().voted(vote);
        if (std::find(voted.begin(), voted.end(), member.name) != voted.end()) branch.vote = word;
      }
      const auto& owed = two->unacked();
      const bool owes = std::find(owed.begin(), owed.end(), member.name) != owed.end();
      branch.state = two->state() == GlobalCommit::State::kCommitting
                         ? (owes ? "not acknowledged" : "acknowledged")
                         : detail.summary.state;
      if (const auto link = links_.find(member.name);
          link != links_.end() && !link->second.connected)
        branch.last_error = link->second.last_error;
      for (const auto& b : two->setup().branches)
        if (b.participant == member.name)
          for (const auto& statement : b.statements) branch.statements.push_back(statement.sql);
      detail.branches.push_back(std::move(branch));
    }
    if (const auto* quorum = two->quorum(); quorum != nullptr && !quorum->decided()) {
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
    detail.explanation = two->state() == GlobalCommit::State::kCommitting
                             ? fmt::format(
                                   "COMMIT is durable and will not change; {} must still confirm "
                                   "and is asked again and again.",
                                   waits)
                             : fmt::format("It is {}; it waits for {}.", detail.summary.state,
                                           waits.empty() ? "its own log" : waits);
  } else {
    detail.explanation = fmt::format("Only {} knows the outcome; it is being asked.", waits);
  }
  return detail;
}

}  // namespace troth::coordinator
