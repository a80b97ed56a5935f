#include "tests/scripts/script_world.h"

#include <sstream>

namespace troth::scripts {

using namespace protocol;

namespace {

constexpr auto kDeadline = std::chrono::seconds(2);

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

NodeName name(const std::string& text) {
  return NodeName::from_trusted(text);
}

std::string described(const Message& message) {
  std::string out(name_of(message));
  if (const auto* vote = std::get_if<VoteMessage>(&message))
    out += " " + std::string(to_string(vote->vote));
  return out;
}

}  // namespace

std::string World::run(const std::string& line) {
  const auto words = words_of(line);
  said_.clear();
  const std::string& verb = words.at(0);
  if (verb == "begin") return begin(words);
  if (verb == "execute") return execute(words);
  if (verb == "deliver") return deliver(words.at(1), words.at(2));
  if (verb == "drop") return drop(words.at(1), words.at(2));
  if (verb == "duplicate") {
    for (const auto& wire : wires_) {
      if (wire.from != words.at(1) || wire.to != words.at(2)) continue;
      const auto text = "duplicated " + described(wire.message) + "\n";
      wires_.push_back(Wire(wire));
      return text;
    }
    return "nothing on the wire\n";
  }
  if (verb == "durable") return durable(words.at(1));
  if (verb == "tick") return tick(words);
  if (verb == "crash") return crash(words.at(1));
  if (verb == "restart") return restart(words.at(1));
  if (verb == "stabilize") return stabilize();
  if (verb == "show") return show();
  return "unknown command \"" + verb + "\"\n";
}

BranchSettings World::settings(const std::string& node) const {
  LogId id;
  id.bytes[15] = static_cast<std::uint8_t>(node.back());
  return {name(node), {id, {nodes_.at(node).epoch}, {}}, {}};
}

std::string World::begin(const std::vector<std::string>& words) {
  *this = World{};
  nodes_["c"];
  gtid_ = Gtid({7}, {1}, 1, Decider::kCoordinator);
  GlobalCommit::Setup setup;
  setup.gtid = gtid_;
  setup.deadline = now_ + kDeadline;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "keyed") {
      setup.idempotency_key = "key";
      continue;
    }
    nodes_[words[i]];
    setup.branches.push_back({name(words[i]), {Statement{"UPDATE t SET v = 1", {}, {}}}});
    setup.members.push_back({name(words[i]), {}, {1}, ""});
  }
  coordinator_.emplace(std::move(setup));
  step_coordinator(GlobalCommit::Start{});
  return said_;
}

template <class Effects>
void World::carry_out(const std::string& node_name, Effects effects) {
  auto& node = nodes_.at(node_name);
  if (effects.alarm) say(node_name + " ALARM " + *effects.alarm);
  for (auto& out : effects.now) {
    say(node_name + " -> " + out.to.text() + " " + described(out.message));
    wires_.push_back(
        {node_name, out.to.text() == "coordinator" ? "c" : out.to.text(), std::move(out.message)});
  }
  if (effects.append) {
    const bool forced = force_of(*effects.append) == Force::kYes;
    say(node_name + " appends " + std::string(to_string(type_of(*effects.append))) +
        (forced ? " (forced)" : ""));
    node.log.push_back(*effects.append);
    if (forced) node.promised_at = node.log.size();
  }
  for (auto& out : effects.promises)
    node.held.push_back({node_name, out.to.text(), std::move(out.message)});
  if (effects.answer) {
    auto text = std::string(to_string(effects.answer->outcome));
    if (effects.answer->outcome == Outcome::kAborted)
      text += " " + std::string(to_string(effects.answer->reason.code));
    node.held_answers.push_back(std::move(text));
  }
  release(node_name);
}

void World::release(const std::string& node_name) {
  auto& node = nodes_.at(node_name);
  if (node.durable < node.promised_at) return;
  for (auto& answer : node.held_answers) say(node_name + " answers the client: " + answer);
  node.held_answers.clear();
  for (auto& wire : node.held) {
    say(node_name + " -> " + wire.to + " " + described(wire.message));
    wires_.push_back(std::move(wire));
  }
  node.held.clear();
}

void World::step_coordinator(const GlobalCommit::Event& event) {
  auto effects = coordinator_->step(GlobalCommit::Event(event), now_);
  for (const auto& [to, prepare] : effects.prepares)
    effects.now.emplace_back(to, prepare.message());
  carry_out("c", std::move(effects));
}

void World::step_branch(const std::string& node, const Branch::Event& event) {
  auto& branch = branches_.at(node);
  auto effects = branch.step(Branch::Event(event), now_);
  if (effects.prepared != nullptr) effects.append = Record(*effects.prepared);
  const BranchJob job = effects.job;
  carry_out(node, EffectsOf<TransactionOutcome>(std::move(effects)));
  switch (job) {
    case BranchJob::kNone:
      return;
    case BranchJob::kFinish:
      return say(node + " finishes");
    case BranchJob::kExecute:
      return say(node + " executes");
    case BranchJob::kApply:
      return say(node + " applies and frees its locks");
    case BranchJob::kDiscard:
      return say(node + " discards and frees its locks");
  }
}

std::string World::execute(const std::vector<std::string>& words) {
  Branch::ExecutionEnded executed;
  executed.results = {StatementResult{}};
  executed.redo = "redo";
  executed.vote = words.at(2) == "yes"  ? Vote::kCommit
                  : words.at(2) == "no" ? Vote::kAbort
                                        : Vote::kReadOnly;
  if (executed.vote == Vote::kAbort) executed.reason = {AbortCode::kConstraint, "UNIQUE", {}, 0};
  step_branch(words.at(1), executed);
  return said_;
}

std::string World::deliver(const std::string& from, const std::string& to) {
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    if (wires_[i].from != from || wires_[i].to != to) continue;
    const Wire wire = std::move(wires_[i]);
    wires_.erase(wires_.begin() + static_cast<std::ptrdiff_t>(i));
    arrive(wire);
    return said_;
  }
  return "nothing on the wire\n";
}

std::string World::drop(const std::string& from, const std::string& to) {
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    if (wires_[i].from != from || wires_[i].to != to) continue;
    const auto text = "dropped " + described(wires_[i].message) + "\n";
    wires_.erase(wires_.begin() + static_cast<std::ptrdiff_t>(i));
    return text;
  }
  return "nothing on the wire\n";
}

void World::arrive(const Wire& wire) {
  if (!nodes_.at(wire.to).up) return say("lost: " + wire.to + " is down");
  wire.to == "c" ? at_coordinator(wire) : at_participant(wire);
}

void World::at_coordinator(const Wire& wire) {
  const bool live = coordinator_ && coordinator_->state() != GlobalCommit::State::kEnded;
  if (!live && (std::holds_alternative<Inquire>(wire.message) ||
                std::holds_alternative<VoteMessage>(wire.message))) {
    // What the engine answers for a gtid it holds no record of: presumed abort.
    const auto* vote = std::get_if<VoteMessage>(&wire.message);
    if (vote != nullptr && vote->vote != Vote::kCommit) return;
    EffectsOf<TransactionOutcome> out;
    out.promise(
        name(wire.from),
        Decide{
            gtid_, Decision::kAbort, AnswerAt::kDecided, {AbortCode::kPresumedAbort, "", {}, -1}});
    return carry_out("c", std::move(out));
  }
  if (!coordinator_) return;
  if (const auto* vote = std::get_if<VoteMessage>(&wire.message)) {
    step_coordinator(GlobalCommit::VoteArrived{name(wire.from), *vote});
  } else if (std::holds_alternative<Released>(wire.message)) {
    step_coordinator(
        GlobalCommit::ReleasedArrived{name(wire.from), settings(wire.from).position.epoch});
  } else if (std::holds_alternative<Ack>(wire.message)) {
    step_coordinator(GlobalCommit::AckArrived{name(wire.from)});
  } else if (std::holds_alternative<Inquire>(wire.message)) {
    step_coordinator(GlobalCommit::Inquired{name(wire.from)});
  }
}

void World::at_participant(const Wire& wire) {
  const auto& node = wire.to;
  const auto known = branches_.find(node);
  if (const auto* prepare = std::get_if<Prepare>(&wire.message)) {
    if (known == branches_.end())
      branches_.emplace(node, Branch(settings(node), gtid_, Branch::Kind::kTwoPhase));
    step_branch(node, Branch::PrepareArrived{*prepare, Member{name("c"), {}, {1}, ""}, {}});
  } else if (const auto* decide = std::get_if<Decide>(&wire.message)) {
    if (known == branches_.end()) {
      if (decide->decision == Decision::kCommit)
        return say(node + " ALARM amnesia: COMMIT for a gtid never prepared here");
      branches_.emplace(node, Branch::tombstone(settings(node), gtid_, decide->reason));
      return say(node + " remembers never to vote yes");
    }
    step_branch(node, Branch::Decided{name("c"), *decide});
  } else if (std::holds_alternative<Release>(wire.message)) {
    if (known != branches_.end()) step_branch(node, Branch::ReleaseArrived{});
  } else if (const auto* reply = std::get_if<InquiryReply>(&wire.message)) {
    if (known != branches_.end()) step_branch(node, Branch::InquiryAnswered{reply->answer});
  }
}

std::string World::durable(const std::string& node_name) {
  auto& node = nodes_.at(node_name);
  if (node.durable == node.log.size()) return "nothing to force\n";
  node.durable = node.log.size();
  // As the engine: the record is durable, so what waited for it leaves, and the machine is told.
  release(node_name);
  if (node_name == "c") {
    if (coordinator_) step_coordinator(GlobalCommit::RecordDurable{});
  } else if (branches_.count(node_name) != 0) {
    step_branch(node_name, Branch::RecordDurable{});
  }
  return said_.empty() ? "durable\n" : said_;
}

std::string World::tick(const std::vector<std::string>& words) {
  now_ = now_ + std::chrono::milliseconds(std::stol(words.at(2)));
  const auto& node = words.at(1);
  if (node == "c") {
    if (coordinator_) step_coordinator(GlobalCommit::Tick{});
  } else if (branches_.count(node) != 0) {
    step_branch(node, Branch::Tick{});
  }
  return said_.empty() ? "nothing due\n" : said_;
}

std::string World::crash(const std::string& node_name) {
  auto& node = nodes_.at(node_name);
  const auto lost = node.log.size() - node.durable;
  node.log.resize(node.durable);
  node.promised_at = node.durable;
  node.held.clear();
  node.held_answers.clear();
  node.up = false;
  if (node_name == "c") {
    coordinator_.reset();
  } else {
    branches_.erase(node_name);
  }
  return fmt::format("{} is down, {} unforced record(s) lost\n", node_name, lost);
}

std::string World::restart(const std::string& node_name) {
  auto& node = nodes_.at(node_name);
  node.up = true;
  ++node.epoch;
  std::optional<PreparedRecord> prepared;
  bool committed = false, aborted = false, ended = false;
  std::optional<CommitRecord> commit;
  for (const auto& record : node.log) {
    if (const auto* p = std::get_if<PreparedRecord>(&record)) prepared = *p;
    if (std::holds_alternative<CommittedRecord>(record)) committed = true;
    if (std::holds_alternative<AbortedRecord>(record)) aborted = true;
    if (const auto* c = std::get_if<CommitRecord>(&record)) commit = *c;
    if (std::holds_alternative<EndRecord>(record)) ended = true;
  }
  if (node_name == "c") {
    if (commit && !ended) coordinator_ = GlobalCommit::recovered(*commit, {}, now_);
    return commit && !ended ? "c is up: COMMIT without END, goes on committing\n"
                            : "c is up: nothing to finish\n";
  }
  if (committed) {
    branches_.emplace(node_name, Branch::recovered_committed(settings(node_name), gtid_,
                                                             Branch::Kind::kTwoPhase));
    return node_name + " is up: committed, redo replayed\n";
  }
  if (prepared && !aborted) {
    branches_.emplace(node_name, Branch::recovered_prepared(settings(node_name), *prepared, now_));
    return node_name + " is up: in doubt, locks retaken\n";
  }
  return node_name + " is up: no trace\n";
}

std::string World::stabilize() {
  for (int round = 0; round < 100; ++round) {
    const auto before = said_.size();
    while (!wires_.empty()) {
      const Wire wire = std::move(wires_.front());
      wires_.erase(wires_.begin());
      arrive(wire);
    }
    std::string all = said_;
    for (auto& [node_name, node] : nodes_) {
      if (node.up && node.durable < node.log.size()) {
        said_.clear();
        durable(node_name);
        all += said_;
      }
    }
    said_ = std::move(all);
    if (said_.size() == before && wires_.empty()) break;
  }
  return said_.empty() ? "quiet\n" : said_;
}

std::string World::show() const {
  std::string out =
      "c: " + (coordinator_ ? std::string(to_string(coordinator_->state())) : std::string("-")) +
      "\n";
  for (const auto& [node_name, node] : nodes_) {
    if (node_name == "c") continue;
    const auto branch = branches_.find(node_name);
    out += node_name + ": " +
           (branch == branches_.end() ? std::string("-")
                                      : std::string(to_string(branch->second.state()))) +
           "\n";
  }
  for (const auto& wire : wires_)
    out += "on the wire: " + wire.from + " -> " + wire.to + " " + described(wire.message) + "\n";
  return out;
}

}  // namespace troth::scripts
