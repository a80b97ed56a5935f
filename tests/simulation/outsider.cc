#include "tests/simulation/outsider.h"

#include <algorithm>

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

Outsider::Outsider(World& world, std::vector<Node*> nodes)
    : world_(world), nodes_(std::move(nodes)) {}

void Outsider::start(MonotonicTime until) {
  until_ = until;
  plan();
}

void Outsider::plan() {
  world_.after(world_.between(Duration{1}, milliseconds(10)), [this] {
    if (until_ < world_.now()) return;
    speak();
    plan();
  });
}

void Outsider::know(const Gtid& gtid, const NodeName& coordinator, std::vector<NodeName> members) {
  constexpr std::size_t kKept = 6;  // older ones have ended
  if (std::any_of(known_.begin(), known_.end(), [&](const auto& k) { return k.gtid == gtid; }))
    return;
  const auto node = std::find_if(nodes_.begin(), nodes_.end(),
                                 [&](const auto* n) { return n->name() == coordinator; });
  if (node == nodes_.end()) return;
  known_.push_back({gtid, coordinator, (*node)->incarnation(), std::move(members)});
  if (known_.size() > kKept) known_.pop_front();
}

void Outsider::overhear(const Batch& batch, const NodeName& to) {
  headers_.insert_or_assign({batch.header.sender, to}, batch.header);
  for (const auto& message : batch.messages) {
    if (const auto* prepare = std::get_if<Prepare>(&message)) {
      std::vector<NodeName> members;
      for (const auto& member : prepare->members) members.push_back(member.name);
      know(prepare->gtid, batch.header.sender, std::move(members));
    } else if (const auto* alone = std::get_if<CommitOnePhase>(&message)) {
      know(alone->gtid, batch.header.sender, {to});
    } else if (std::holds_alternative<Decide>(message) ||
               std::holds_alternative<Release>(message) ||
               std::holds_alternative<OnePhaseResult>(message)) {
      std::erase_if(known_, [&](const auto& known) { return known.gtid == gtid_of(message); });
    }
  }
}

void Outsider::speak() {
  if (known_.empty()) return;
  const auto& known = known_[world_.random.below(known_.size())];
  for (auto* const node : nodes_) {
    if (node->name() != known.coordinator || node->incarnation() != known.incarnation) continue;
    for (const auto& [way, header] : headers_) {
      const auto& [from, to] = way;
      if (to != known.coordinator || std::count(known.members.begin(), known.members.end(), from))
        continue;
      if (world_.random.percent(5)) return claim(*node, from, header);
      Batch batch;
      batch.header = header;
      batch.messages = lies(known.gtid);
      world_.trace("{} speaks of {}, in which it has no branch", from, known.gtid);
      for (const char* alarm : {"{} was told to COMMIT {}", "{} says commit of {}",
                                "{} says abort of {}", "{} reports {} as committed"})
        world_.lies.insert(fmt::format(fmt::runtime(alarm), from, known.gtid));
      static_cast<void>(node->handler().deliver(std::move(batch)));
      return;
    }
  }
}

// It shows no receipt, or one of another position: it is no evidence.
void Outsider::claim(Node& node, const NodeName& from, const BatchHeader& header) {
  Hello hello;
  hello.name = from;
  hello.role = Role::kParticipant;
  hello.address = "somewhere:1";
  hello.position = header.position;
  hello.receiver = node.name();
  hello.seen_of_receiver = {node.setup().log_id, header.receiver_epoch, {std::uint64_t{1} << 62U}};
  if (world_.random.percent(50)) hello.seen_of_receiver.receipt = header.position.receipt;
  world_.trace("{} claims that the log of {} was longer", from, node.name());
  world_.lies.insert(fmt::format("{} has seen the log of {} reach LSN {}", from, node.name(),
                                 hello.seen_of_receiver.durable));
  static_cast<void>(node.handler().hello(hello));
}

std::vector<Message> Outsider::lies(const Gtid& gtid) {
  const bool commit = world_.random.percent(50);
  OnePhaseResult result;
  result.gtid = gtid;
  result.outcome = commit ? Outcome::kCommitted : Outcome::kAborted;
  VoteMessage no;
  no.gtid = gtid;
  no.vote = Vote::kAbort;
  switch (world_.random.below(6)) {
    case 0:
    case 1:
      return {Decide{gtid, commit ? Decision::kCommit : Decision::kAbort, AnswerAt::kDecided, {}}};
    case 2:
      return {Wound{gtid, gtid, "a row"}};
    case 3:
      return {std::move(no), Ack{gtid}};
    case 4:
      result.key_conflict = true;
      [[fallthrough]];
    default:
      return {std::move(result)};
  }
}

}  // namespace troth::simulation
