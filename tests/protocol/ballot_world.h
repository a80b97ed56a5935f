#pragma once
// A transaction whose members are real machines with a log each, under whatever a schedule does to
// them: crashes that lose what was not synced, messages lost, doubled, late, partitions that come
// and go. A template, so that a wrong protocol can be put in the same place and must be caught.
//
// What is modelled here and not in the machine: votes (a yes is a durable PREPARED record), the
// coordinator's abort before it precommits, REFUSED of whoever is asked before it voted.

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/quorum_ballot.h"
#include "tests/support/random.h"

namespace troth::tests {

struct ScheduleResult {
  std::uint64_t steps = 0;
  std::uint64_t crashes = 0;
  bool committed = false, aborted = false;
  bool ballots = false;      ///< somebody led a ballot above the first
  std::string disagreement;  ///< not empty = the protocol is wrong
  bool stuck = false;        ///< a connected majority did not end it
};

template <class Machine>
class BallotWorld {
 public:
  BallotWorld(std::uint64_t seed, std::size_t participants) : random_(seed) {
    for (std::size_t i = 0; i <= participants; ++i) {
      const auto name = NodeName::from_trusted(i == 0 ? std::string("c") : "p" + std::to_string(i));
      members_.push_back({name, {}, {1}, ""});
      index_[name] = i;
    }
    nodes_.resize(members_.size());
    component_.assign(members_.size(), 0);
    // Each world has a temper of its own, from calm to wild; most begin with every vote in.
    time_ = 1 + random_.below(10);
    crashes_ = random_.below(5);
    partitions_ = random_.below(5);
    // In most of them one node is heard late and one hears late: old ballots meet new promises.
    slow_ = random_.below(nodes_.size() + 1);
    deaf_ = random_.below(nodes_.size() + 1);
    if (random_.percent(70)) begin_with_all_votes();
  }

  /// `steps` of disorder; then a random majority stays connected and must end it.
  ScheduleResult run(std::size_t steps) {
    for (std::size_t i = 0; i < steps && result_.disagreement.empty(); ++i) disturb();
    settle();
    check();
    return result_;
  }

 private:
  struct Held {
    std::size_t until;
    std::vector<protocol::Outgoing> promises;
    bool tell;
  };
  struct Node {
    bool up = true;
    std::vector<protocol::Record> log;
    std::size_t durable = 0;
    std::size_t forced = 0;  // log position of the last forced record
    std::deque<Held> held;
    std::optional<Machine> machine;
    std::optional<Decision> decided;
    bool voting = false;      // a PREPARED record is on its way
    std::vector<bool> votes;  // at the coordinator
    std::uint64_t starts = 0;
  };
  struct Letter {
    std::size_t from, to;
    protocol::Message message;
  };

  const NodeName& name(std::size_t i) const { return members_[i].name; }

  typename Machine::Setup setup(std::size_t i) const {
    typename Machine::Setup setup;
    setup.gtid = gtid_;
    setup.self = name(i);
    setup.members = members_;
    setup.suspicion.timeout = std::chrono::milliseconds(200);
    setup.suspicion.resend = {std::chrono::milliseconds(50), std::chrono::milliseconds(400)};
    setup.suspicion.jitter = i * 977 + nodes_[i].starts;
    return setup;
  }

  void begin_with_all_votes() {
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      vote(i);
      sync(i);
    }
    while (!letters_.empty()) deliver(0);
    if (random_.percent(50)) sync(0);
  }

  // ---- what a schedule may do

  void disturb() {
    ++result_.steps;
    const auto who = static_cast<std::size_t>(random_.below(nodes_.size()));
    auto dice = random_.below(60 + time_ + 2 * crashes_ + partitions_);
    const auto is = [&](std::uint64_t weight) {
      if (dice < weight) return true;
      dice -= weight;
      return false;
    };
    if (is(32)) return deliver_one();
    if (is(20)) return sync(who);
    if (is(8)) return vote(who);
    if (is(time_)) return let_time_pass();
    if (is(crashes_)) return crash(who);
    if (is(crashes_)) return restart(who);
    const bool heal = random_.percent(40);
    for (auto& component : component_) component = heal ? 0 : static_cast<int>(random_.below(3));
  }

  void settle() {
    std::vector<bool> chosen(nodes_.size(), false);
    for (std::size_t left = protocol::quorum_of(nodes_.size()); left > 0;) {
      const auto i = static_cast<std::size_t>(random_.below(nodes_.size()));
      if (!chosen[i]) --left;
      chosen[i] = true;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      component_[i] = 0;
      if (chosen[i]) {
        restart(i);
      } else {
        crash(i);
      }
    }
    if (nodes_[0].up && !nodes_[0].machine) adopt(0, Decision::kAbort);  // its deadline
    for (int round = 0; round < 3000 && result_.disagreement.empty(); ++round) {
      ++result_.steps;
      for (std::size_t i = 0; i < nodes_.size(); ++i) sync(i);
      const bool quiet = letters_.empty();
      while (!letters_.empty()) deliver(0);
      if (!open()) return;
      if (quiet) let_time_pass();
    }
    result_.stuck = result_.disagreement.empty();
  }

  bool open() const {
    for (const auto& node : nodes_)
      if (node.up && node.machine && !node.decided) return true;
    return false;
  }

  void let_time_pass() {
    std::optional<MonotonicTime> next;
    for (const auto& node : nodes_)
      if (node.up && node.machine && node.machine->next_wake())
        next = next ? std::min(*next, *node.machine->next_wake()) : *node.machine->next_wake();
    if (next) now_ = std::max(now_, *next) + std::chrono::milliseconds(random_.below(30));
    if (nodes_[0].up && !nodes_[0].machine && random_.percent(2)) adopt(0, Decision::kAbort);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      auto& node = nodes_[i];
      if (node.up && node.machine && node.machine->next_wake() &&
          *node.machine->next_wake() <= now_)
        step(i, typename Machine::Tick{});
    }
  }

  void deliver_one() {
    if (letters_.empty()) return;
    const auto at = static_cast<std::size_t>(random_.below(letters_.size()));
    const bool late = letters_[at].from == slow_ || letters_[at].to == deaf_;
    if (late && !random_.percent(15)) return;
    if (random_.percent(8)) {
      letters_.erase(letters_.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (random_.percent(8)) {
      auto again = letters_[at];
      deliver(at);
      letters_.push_back(std::move(again));
    } else {
      deliver(at);
    }
  }

  void deliver(std::size_t at) {
    Letter letter = std::move(letters_[at]);
    letters_.erase(letters_.begin() + static_cast<std::ptrdiff_t>(at));
    if (!nodes_[letter.to].up) return;
    if (component_[letter.from] == component_[letter.to]) return receive(letter);
    // Lost, or stuck somewhere until the partition is over: that is how old ballots come late.
    if (random_.percent(70)) letters_.push_back(std::move(letter));
  }

  // What is synced is known to be durable only afterwards; a crash loses the rest, or part of it.
  void crash(std::size_t i) {
    auto& node = nodes_[i];
    if (!node.up) return;
    ++result_.crashes;
    const auto kept = node.durable + random_.below(node.log.size() - node.durable + 1);
    node.log.erase(node.log.begin() + static_cast<std::ptrdiff_t>(kept), node.log.end());
    node.durable = kept;
    node.forced = kept;
    node.up = false;
    node.held.clear();
    node.machine.reset();
    node.decided.reset();
    node.voting = false;
    node.votes.clear();
  }

  void restart(std::size_t i) {
    auto& node = nodes_[i];
    if (node.up) return;
    node.up = true;
    ++node.starts;
    protocol::QuorumPosition position;
    bool member = false;
    for (const auto& record : node.log) {
      member = true;
      if (const auto* r = std::get_if<protocol::PrecommittedRecord>(&record)) {
        position.accept(r->ballot, Decision::kCommit);
      } else if (const auto* a = std::get_if<protocol::PreabortedRecord>(&record)) {
        position.accept(a->ballot, Decision::kAbort);
      } else if (const auto* e = std::get_if<protocol::ElectedRecord>(&record)) {
        position.promise(e->ballot);
      } else if (std::holds_alternative<protocol::CommittedRecord>(record)) {
        node.decided = Decision::kCommit;
      } else if (std::holds_alternative<protocol::AbortedRecord>(record) ||
                 std::holds_alternative<protocol::RefusedRecord>(record)) {
        node.decided = Decision::kAbort;
      }
    }
    if (i == 0 && !member) node.decided = Decision::kAbort;  // presumed: it never precommitted
    if (member && !node.decided) node.machine = Machine::recovered(setup(i), position, now_);
  }

  void vote(std::size_t i) {
    auto& node = nodes_[i];
    if (i == 0 || !node.up || node.decided || node.voting || node.machine) return;
    if (random_.percent(3)) {  // a NO, remembered in memory only: a crash may forget it
      node.decided = Decision::kAbort;
      return;
    }
    node.voting = true;
    protocol::PreparedRecord record;
    record.gtid = gtid_;
    append(i, protocol::Record(record));
    protocol::VoteMessage yes;
    yes.gtid = gtid_;
    yes.vote = Vote::kCommit;
    node.held.push_back({node.forced, {{name(0), protocol::Message(yes)}}, true});
  }

  // ---- a node at work

  void append(std::size_t i, protocol::Record record) {
    auto& node = nodes_[i];
    const bool forced = protocol::force_of(record) == protocol::Force::kYes;
    node.log.push_back(std::move(record));
    if (forced) node.forced = node.log.size();
  }

  void sync(std::size_t i) {
    auto& node = nodes_[i];
    if (!node.up) return;
    node.durable = node.log.size();
    while (node.up && !node.held.empty() && node.held.front().until <= node.durable) {
      auto held = std::move(node.held.front());
      node.held.pop_front();
      for (auto& out : held.promises) post(i, std::move(out));
      if (!held.tell) continue;
      if (node.voting) {
        node.voting = false;
        if (!node.decided) node.machine = Machine(setup(i), now_);
      } else if (node.machine) {
        step(i, typename Machine::RecordDurable{});
      }
    }
  }

  void post(std::size_t from, protocol::Outgoing out) {
    letters_.push_back({from, index_.at(out.to), std::move(out.message)});
  }

  void step(std::size_t i, typename Machine::Event event) {
    auto& node = nodes_[i];
    auto effects = node.machine->step(event, now_);
    if (node.machine->ballot().round > 1) result_.ballots = true;
    for (auto& out : effects.now) post(i, std::move(out));
    const bool forced =
        effects.append && protocol::force_of(*effects.append) == protocol::Force::kYes;
    if (effects.append) append(i, *effects.append);
    if (!effects.promises.empty() || forced) {
      if (!forced && node.forced <= node.durable) {
        for (auto& out : effects.promises) post(i, std::move(out));
      } else {
        node.held.push_back({node.forced, std::move(effects.promises), forced});
      }
    }
    if (effects.answer) adopt(i, *effects.answer);
  }

  void receive(const Letter& letter) {
    auto& node = nodes_[letter.to];
    const auto ballot = protocol::ballot_message_of(letter.message);
    if (const auto* decide = std::get_if<protocol::Decide>(&letter.message)) {
      if (node.decided && *node.decided != decide->decision)
        result_.disagreement = name(letter.to).text() + " was told the opposite";
      if (!node.decided) adopt(letter.to, decide->decision);
    } else if (std::holds_alternative<protocol::VoteMessage>(letter.message)) {
      count_vote(letter.from);
    } else if (ballot && node.machine) {
      step(letter.to, typename Machine::Arrived{name(letter.from), *ballot});
    } else if (ballot && node.decided) {
      if (!std::holds_alternative<protocol::Elect>(*ballot) &&
          !std::holds_alternative<protocol::PreDecide>(*ballot))
        return;
      if (*node.decided == Decision::kAbort && letter.to != 0) refuse(letter.to);
      answer(letter, *node.decided);
    } else if (ballot && letter.to != 0 && !node.voting) {
      node.decided = Decision::kAbort;  // told to nobody until its REFUSED is durable
      refuse(letter.to);
      answer(letter, Decision::kAbort);
    }
  }

  void refuse(std::size_t i) {
    for (const auto& record : nodes_[i].log)
      if (std::holds_alternative<protocol::RefusedRecord>(record) ||
          std::holds_alternative<protocol::PreparedRecord>(record))
        return;
    append(i, protocol::Record(protocol::RefusedRecord{gtid_}));
  }

  void answer(const Letter& letter, Decision decision) {
    auto& node = nodes_[letter.to];
    protocol::Outgoing out{name(letter.from),
                           protocol::Message(protocol::Decide{gtid_, decision, {}, {}})};
    node.held.push_back({node.forced, {std::move(out)}, false});
  }

  void count_vote(std::size_t from) {
    auto& node = nodes_[0];
    if (node.decided || node.machine) return;
    node.votes.resize(nodes_.size(), false);
    node.votes[from] = true;
    for (std::size_t i = 1; i < nodes_.size(); ++i)
      if (!node.votes[i]) return;
    node.machine = Machine(setup(0), now_);
    protocol::PrecommittedRecord record;
    record.commit.gtid = gtid_;
    step(0, typename Machine::Lead{record});
  }

  void adopt(std::size_t i, Decision decision) {
    auto& node = nodes_[i];
    if (node.decided) return;
    node.decided = decision;
    (decision == Decision::kCommit ? result_.committed : result_.aborted) = true;
    if (result_.committed && result_.aborted && result_.disagreement.empty())
      result_.disagreement = "one member committed and another aborted";
    if (node.machine) {
      if (!node.machine->decided()) step(i, typename Machine::Decided{decision});
      if (decision == Decision::kCommit) {
        append(i, protocol::Record(protocol::CommittedRecord{gtid_}));
      } else {
        append(i, protocol::Record(protocol::AbortedRecord{gtid_, {}}));
      }
    }
  }

  void check() {
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      bool prepared = false;
      for (const auto& record : nodes_[i].log)
        prepared |= std::holds_alternative<protocol::PreparedRecord>(record);
      if (result_.committed && !prepared && result_.disagreement.empty())
        result_.disagreement = "committed, and " + name(i).text() + " never voted yes";
    }
  }

  Random random_;
  std::size_t slow_ = 0, deaf_ = 0;
  std::uint64_t time_ = 0, crashes_ = 0,
                partitions_ = 0;  // how often, against 60 steps of ordinary work
  const Gtid gtid_{{1}, {1}, 1, Decider::kCoordinator};
  MonotonicTime now_{std::chrono::seconds(100)};
  std::vector<protocol::Member> members_;
  std::map<NodeName, std::size_t> index_;
  std::vector<Node> nodes_;
  std::vector<int> component_;
  std::vector<Letter> letters_;
  ScheduleResult result_;
};

}  // namespace troth::tests
