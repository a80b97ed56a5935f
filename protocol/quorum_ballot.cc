#include "protocol/quorum_ballot.h"

#include <algorithm>

#include "base/assert.h"
#include "base/overloaded.h"

namespace troth::protocol {

namespace {
MemberState state_of_attempt(Decision decision) {
  return decision == Decision::kCommit ? MemberState::kPrecommitted : MemberState::kPreaborted;
}
Decision decision_of(MemberState state) {
  return state == MemberState::kPrecommitted ? Decision::kCommit : Decision::kAbort;
}
}  // namespace

std::string_view to_string(QuorumBallot::Role role) {
  switch (role) {
    case QuorumBallot::Role::kFollowing:
      return "following";
    case QuorumBallot::Role::kElecting:
      return "electing";
    case QuorumBallot::Role::kAttempting:
      return "attempting";
    case QuorumBallot::Role::kDecided:
      return "decided";
  }
  return "?";
}

void QuorumPosition::accept(const Ballot& ballot, Decision decision) {
  if (ballot < last_attempt) return;
  last_attempt = ballot;
  state = state_of_attempt(decision);
  promise(ballot);
}

void QuorumPosition::promise(const Ballot& ballot) {
  last_elected = std::max(last_elected, ballot);
}

QuorumBallot::QuorumBallot(Setup setup, MonotonicTime now) : setup_(std::move(setup)) {
  TROTH_ASSERT(is_member(setup_.self), "gtid {}: {} is no member", setup_.gtid, setup_.self);
  follow(now);
}

QuorumBallot QuorumBallot::recovered(Setup setup, QuorumPosition position, MonotonicTime now) {
  QuorumBallot machine(std::move(setup), now);
  machine.position_ = std::move(position);
  machine.highest_round_ = std::max(machine.highest_round_, machine.position_.last_elected.round);
  machine.assert_invariants();
  return machine;
}

BallotEffects QuorumBallot::step(const Event& event, MonotonicTime now) {
  BallotEffects out;
  std::visit(Overloaded{
                 [&](const Lead& e) { on_lead(e, out, now); },
                 [&](const Arrived& e) { on_arrived(e, out, now); },
                 [&](const RecordDurable&) { on_durable(out, now); },
                 [&](const Heard&) {
                   if (role_ == Role::kFollowing) follow(now);
                 },
                 [&](const Decided& e) { on_decided(e.decision); },
                 [&](const Tick&) { on_tick(out, now); },
                 [&](const Suspect&) {
                   if (role_ == Role::kFollowing) {
                     start_ballot(out, now);
                   } else if (role_ != Role::kDecided) {
                     resend(out, now);
                   }
                 },
             },
             event);
  assert_invariants();
  return out;
}

void QuorumBallot::on_lead(const Lead& event, BallotEffects& out, MonotonicTime now) {
  TROTH_ASSERT(rank() == 0 && role_ == Role::kFollowing && position_.last_elected.round == 0,
               "gtid {}: {} may not begin", setup_.gtid, setup_.self);
  ballot_ = {1, setup_.self};
  attempt(Decision::kCommit, event.record, out, now);
}

void QuorumBallot::on_arrived(const Arrived& event, BallotEffects& out, MonotonicTime now) {
  if (!is_member(event.from) || event.from == setup_.self) {
    out.alarm = fmt::format("{} is no other member of {} but speaks of a ballot of it", event.from,
                            setup_.gtid);
    return;
  }
  if (decided_) {  // answer members that still ask; answers to own ballots are late
    if (!std::holds_alternative<Elected>(event.message) &&
        !std::holds_alternative<PreDecided>(event.message))
      out.promise(event.from, Decide{setup_.gtid, *decided_, setup_.ack_at, {}});
    return;
  }
  std::visit(Overloaded{
                 [&](const Elect& m) { on_elect(event.from, m, out, now); },
                 [&](const Elected& m) { on_elected(event.from, m, out, now); },
                 [&](const PreDecide& m) { on_predecide(event.from, m, out, now); },
                 [&](const PreDecided& m) { on_predecided(event.from, m, out, now); },
             },
             event.message);
}

void QuorumBallot::on_elect(const NodeName& from, const Elect& message, BallotEffects& out,
                            MonotonicTime now) {
  if (message.ballot > position_.last_elected) {
    position_.promise(message.ballot);
    out.append = Record(ElectedRecord{setup_.gtid, message.ballot});
    pending_.push_back({Role::kFollowing, message.ballot});
    give_way(message.ballot, now);
  }
  out.promise(from, Elected{setup_.gtid, message.ballot, position_.last_elected, position_.state,
                            position_.last_attempt});
}

void QuorumBallot::on_elected(const NodeName& from, const Elected& message, BallotEffects& out,
                              MonotonicTime now) {
  if (role_ != Role::kElecting || message.ballot != ballot_) return;
  if (message.promised > ballot_) return give_way(message.promised, now);
  reports_[from] = {message.state, message.last_attempt};
  choose(out, now);
}

void QuorumBallot::on_predecide(const NodeName& from, const PreDecide& message, BallotEffects& out,
                                MonotonicTime now) {
  const bool promised_higher = message.ballot < position_.last_elected;
  if (!promised_higher && message.ballot != position_.last_attempt) {
    position_.accept(message.ballot, message.decision);
    if (message.decision == Decision::kCommit) {
      PrecommittedRecord record{message.ballot, {}};
      record.commit.gtid = setup_.gtid;
      out.append = Record(std::move(record));
    } else {
      out.append = Record(PreabortedRecord{setup_.gtid, message.ballot});
    }
    pending_.push_back({Role::kFollowing, message.ballot});
  }
  if (!promised_higher) give_way(message.ballot, now);
  out.promise(from, PreDecided{setup_.gtid, message.ballot, position_.last_elected});
}

void QuorumBallot::on_predecided(const NodeName& from, const PreDecided& message,
                                 BallotEffects& out, MonotonicTime now) {
  if (role_ != Role::kAttempting || message.ballot != ballot_) return;
  // It promised a higher ballot since it accepted this one, or instead.
  if (message.promised > ballot_) return give_way(message.promised, now);
  accepted_.insert(from);
  count_accepted(out);
}

void QuorumBallot::on_durable(BallotEffects& out, MonotonicTime now) {
  if (pending_.empty()) return;
  const Pending done = pending_.front();
  pending_.pop_front();
  if (done.kind != role_ || done.ballot != ballot_) return;
  if (role_ == Role::kElecting) {
    reports_[setup_.self] = {position_.state, position_.last_attempt};
    choose(out, now);
  } else if (role_ == Role::kAttempting) {
    accepted_.insert(setup_.self);
    count_accepted(out);
  }
}

void QuorumBallot::on_decided(Decision decision) {
  TROTH_ASSERT(!decided_ || *decided_ == decision, "gtid {} decided twice", setup_.gtid);
  decided_ = decision;
  position_.state = decision == Decision::kCommit ? MemberState::kCommitted : MemberState::kAborted;
  role_ = Role::kDecided;
  next_wake_.reset();
}

void QuorumBallot::on_tick(BallotEffects& out, MonotonicTime now) {
  if (!next_wake_ || now < *next_wake_) return;
  switch (role_) {
    case Role::kFollowing:
      return start_ballot(out, now);
    case Role::kElecting:
    case Role::kAttempting:
      return resend(out, now);
    case Role::kDecided:
      return;
  }
}

void QuorumBallot::start_ballot(BallotEffects& out, MonotonicTime now) {
  ballot_ = {std::max(highest_round_, position_.last_elected.round) + 1, setup_.self};
  highest_round_ = ballot_.round;
  position_.promise(ballot_);
  out.append = Record(ElectedRecord{setup_.gtid, ballot_});
  pending_.push_back({Role::kElecting, ballot_});
  role_ = Role::kElecting;
  reports_.clear();
  tries_ = 0;
  resend(out, now);
}

// A majority has promised: the rules say what this ballot proposes.
void QuorumBallot::choose(BallotEffects& out, MonotonicTime now) {
  if (reports_.count(setup_.self) == 0) return;  // its own promise is not durable yet
  std::vector<MemberReport> reports;
  for (const auto& [name, report] : reports_) reports.push_back(report);
  switch (termination_step(reports, setup_.members.size())) {
    case TerminationStep::kAbort:
      return decide(Decision::kAbort, out);
    case TerminationStep::kCommit:
      return decide(Decision::kCommit, out);
    case TerminationStep::kBlock:
      return;
    case TerminationStep::kPrecommit: {
      PrecommittedRecord record;
      record.commit.gtid = setup_.gtid;
      return attempt(Decision::kCommit, std::move(record), out, now);
    }
    case TerminationStep::kPreabort:
      return attempt(Decision::kAbort, {}, out, now);
  }
}

void QuorumBallot::attempt(Decision decision, PrecommittedRecord record, BallotEffects& out,
                           MonotonicTime now) {
  position_.accept(ballot_, decision);
  if (decision == Decision::kCommit) {
    record.ballot = ballot_;
    out.append = Record(std::move(record));
  } else {
    out.append = Record(PreabortedRecord{setup_.gtid, ballot_});
  }
  pending_.push_back({Role::kAttempting, ballot_});
  role_ = Role::kAttempting;
  accepted_.clear();
  tries_ = 0;
  resend(out, now);  // leaves once the record above is durable
}

void QuorumBallot::count_accepted(BallotEffects& out) {
  if (accepted_.size() >= quorum()) decide(decision_of(position_.state), out);
}

void QuorumBallot::decide(Decision decision, BallotEffects& out) {
  on_decided(decision);
  out.answer = decision;
  for (const auto& member : setup_.members)
    if (member.name != setup_.self)
      out.promise(member.name, Decide{setup_.gtid, decision, setup_.ack_at, {}});
}

void QuorumBallot::give_way(const Ballot& promised, MonotonicTime now) {
  highest_round_ = std::max(highest_round_, promised.round);
  if (role_ != Role::kFollowing) ++failures_;
  follow(now);
}

// Suspicion is staggered: the lower the rank, the earlier it takes over. Every ballot that lost to
// a higher one doubles the pause, so that two candidates do not overtake each other for ever.
void QuorumBallot::follow(MonotonicTime now) {
  role_ = Role::kFollowing;
  const auto unit = setup_.suspicion.timeout;
  const auto doublings = std::min<std::uint32_t>(failures_, 4);
  auto pause = unit * static_cast<int>(std::max<std::size_t>(rank(), 1)) * (1 << doublings);
  std::uint64_t seed = setup_.gtid.low() ^ setup_.suspicion.jitter ^
                       (std::uint64_t{failures_} << 40) ^ (std::uint64_t{highest_round_} << 20);
  seed = (seed ^ (seed >> 31)) * 0x9e3779b97f4a7c15ull;
  const auto spread = static_cast<std::uint64_t>(unit.count() / 2) * (1u << doublings);
  pause += Duration{static_cast<Duration::rep>((seed >> 33) % (spread + 1))};
  next_wake_ = now + pause;
}

void QuorumBallot::resend(BallotEffects& out, MonotonicTime now) {
  for (const auto& member : setup_.members) {
    if (member.name == setup_.self) continue;
    if (role_ == Role::kElecting && reports_.count(member.name) == 0)
      out.promise(member.name, Elect{setup_.gtid, ballot_, member.epoch});
    if (role_ == Role::kAttempting && accepted_.count(member.name) == 0)
      out.promise(member.name,
                  PreDecide{setup_.gtid, ballot_, decision_of(position_.state), member.epoch});
  }
  ++tries_;
  next_wake_ = now + backoff(setup_.suspicion.resend, tries_, setup_.gtid);
}

std::vector<NodeName> QuorumBallot::silent() const {
  std::vector<NodeName> out;
  for (const auto& member : setup_.members) {
    const bool answered = role_ == Role::kElecting     ? reports_.count(member.name) != 0
                          : role_ == Role::kAttempting ? accepted_.count(member.name) != 0
                                                       : true;
    if (!answered && member.name != setup_.self) out.push_back(member.name);
  }
  return out;
}

std::vector<Record> QuorumBallot::records() const {
  std::vector<Record> out;
  const auto& attempt = position_.last_attempt;
  if (position_.state == MemberState::kPrecommitted) {
    PrecommittedRecord record{attempt, {}};
    record.commit.gtid = setup_.gtid;
    out.emplace_back(std::move(record));
  } else if (position_.state == MemberState::kPreaborted) {
    out.emplace_back(PreabortedRecord{setup_.gtid, attempt});
  }
  if (position_.last_elected > attempt)
    out.emplace_back(ElectedRecord{setup_.gtid, position_.last_elected});
  return out;
}

bool QuorumBallot::is_member(const NodeName& name) const {
  return std::any_of(setup_.members.begin(), setup_.members.end(),
                     [&](const Member& member) { return member.name == name; });
}

std::size_t QuorumBallot::rank() const {
  const auto found = std::find_if(setup_.members.begin(), setup_.members.end(),
                                  [&](const Member& member) { return member.name == setup_.self; });
  return static_cast<std::size_t>(found - setup_.members.begin());
}

void QuorumBallot::assert_invariants() const {
  TROTH_ASSERT(position_.last_attempt <= position_.last_elected, "gtid {} accepted {} after {}",
               setup_.gtid, text_of(position_.last_attempt), text_of(position_.last_elected));
  switch (role_) {
    case Role::kDecided:
      TROTH_ASSERT(decided_.has_value() && !next_wake_, "gtid {} decided nothing", setup_.gtid);
      return;
    case Role::kAttempting:
      TROTH_ASSERT(ballot_ == position_.last_attempt, "gtid {} attempts what it has not accepted",
                   setup_.gtid);
      [[fallthrough]];
    case Role::kElecting:
      TROTH_ASSERT(ballot_ == position_.last_elected && ballot_.node == setup_.self,
                   "gtid {} leads ballot {} and has promised {}", setup_.gtid, text_of(ballot_),
                   text_of(position_.last_elected));
      [[fallthrough]];
    case Role::kFollowing:
      TROTH_ASSERT(next_wake_.has_value() && !decided_, "gtid {} would wait for ever", setup_.gtid);
      TROTH_ASSERT(
          (position_.state == MemberState::kWaiting) == (position_.last_attempt.round == 0),
          "gtid {} in state {} without an attempt", setup_.gtid, to_string(position_.state));
      return;
  }
}

}  // namespace troth::protocol
