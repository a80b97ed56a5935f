#pragma once
// Three-phase commit as the textbooks have it (Skeen's timeout transitions): who waits in W too
// long aborts, who waits in PC too long commits; no majority is ever asked. Built only here, to be
// caught: it is right while only crashes happen and messages are never late, and it splits as soon
// as a partition separates W from PC.

#include <set>

#include "protocol/quorum_ballot.h"

namespace troth::tests {

class TextbookThreePhase {
 public:
  using Real = protocol::QuorumBallot;
  using Setup = Real::Setup;
  using Lead = Real::Lead;
  using Arrived = Real::Arrived;
  using RecordDurable = Real::RecordDurable;
  using Decided = Real::Decided;
  using Tick = Real::Tick;
  using Event = std::variant<Lead, Arrived, RecordDurable, Decided, Tick>;

  TextbookThreePhase(Setup setup, MonotonicTime now) : setup_(std::move(setup)) { wait(now); }
  static TextbookThreePhase recovered(Setup setup, protocol::QuorumPosition position,
                                      MonotonicTime now) {
    TextbookThreePhase machine(std::move(setup), now);
    machine.precommitted_ = position.state == protocol::MemberState::kPrecommitted;
    return machine;
  }

  protocol::BallotEffects step(const Event& event, MonotonicTime now) {
    protocol::BallotEffects out;
    if (const auto* decided = std::get_if<Decided>(&event)) decided_ = decided->decision;
    if (decided_) return out;
    if (std::holds_alternative<Lead>(event)) {
      precommit(out);
      for (const auto& member : setup_.members)
        if (member.name != setup_.self)
          out.promise(member.name,
                      protocol::PreDecide{setup_.gtid, ballot_, Decision::kCommit, {}});
      wait(now);
    } else if (const auto* arrived = std::get_if<Arrived>(&event)) {
      if (std::holds_alternative<protocol::PreDecide>(arrived->message)) {
        if (!precommitted_) precommit(out);
        out.promise(arrived->from, protocol::PreDecided{setup_.gtid, ballot_, ballot_});
        wait(now);
      } else if (std::holds_alternative<protocol::PreDecided>(arrived->message)) {
        acked_.insert(arrived->from);
        if (acked_.size() + 1 == setup_.members.size()) decide(Decision::kCommit, out);
      }
    } else if (std::holds_alternative<Tick>(event) && now >= *wake_) {
      decide(precommitted_ ? Decision::kCommit : Decision::kAbort, out);
    }
    return out;
  }

  std::optional<MonotonicTime> next_wake() const { return decided_ ? std::nullopt : wake_; }
  std::optional<Decision> decided() const { return decided_; }
  protocol::Ballot ballot() const { return {}; }

 private:
  void wait(MonotonicTime now) { wake_ = now + setup_.suspicion.timeout; }
  void precommit(protocol::BallotEffects& out) {
    precommitted_ = true;
    protocol::PrecommittedRecord record;
    record.commit.gtid = setup_.gtid;
    record.ballot = ballot_;
    out.append = protocol::Record(std::move(record));
  }
  void decide(Decision decision, protocol::BallotEffects& out) {
    decided_ = decision;
    out.answer = decision;
    for (const auto& member : setup_.members)
      if (member.name != setup_.self)
        out.promise(member.name, protocol::Decide{setup_.gtid, decision, {}, {}});
  }

  Setup setup_;
  protocol::Ballot ballot_{1, NodeName::from_trusted("c")};
  bool precommitted_ = false;
  std::set<NodeName> acked_;
  std::optional<Decision> decided_;
  std::optional<MonotonicTime> wake_;
};

}  // namespace troth::tests
