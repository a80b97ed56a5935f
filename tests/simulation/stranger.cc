#include "tests/simulation/stranger.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

Stranger::Stranger(World& world, std::vector<Node*> nodes)
    : world_(world), nodes_(std::move(nodes)) {
  for (auto& byte : log_id_.bytes) byte = static_cast<std::uint8_t>(world_.random.below(256));
}

void Stranger::start(MonotonicTime until) {
  until_ = until;
  plan();
}

void Stranger::plan() {
  world_.after(world_.between(Duration{1}, milliseconds(30)), [this] {
    if (until_ < world_.now()) return;
    visit(*nodes_[world_.random.below(nodes_.size())]);
    plan();
  });
}

void Stranger::overhear(const Batch& batch) {
  constexpr std::size_t kKept = 16;
  for (const auto& message : batch.messages) {
    overheard_.push_back(gtid_of(message));
    if (overheard_.size() > kKept) overheard_.pop_front();
  }
}

void Stranger::visit(Node& node) {
  if (!node.alive()) return;
  auto& random = world_.random;
  Hello hello;
  hello.name = NodeName::from_trusted("stranger");
  hello.role = random.percent(50) ? Role::kCoordinator : Role::kParticipant;
  hello.address = "somewhere:1";
  hello.position = {log_id_, {1000}, {100}};
  hello.receiver = node.name();
  if (random.percent(50))
    hello.seen_of_receiver = {
        random.percent(50) ? node.setup().log_id : log_id_, {1U << 31U}, {std::uint64_t{1} << 62U}};
  const auto reply = node.handler().hello(hello);
  if (!node.alive() || overheard_.empty()) return;
  const Gtid gtid = overheard_[random.below(overheard_.size())];
  Batch batch;
  batch.header = {hello.name, hello.position, reply.position.epoch, std::nullopt,
                  kPeerProtocolVersion};
  if (random.percent(50))
    batch.header.ended_below = Gtid(gtid.tag(), {gtid.epoch().value + 1}, 1, Decider::kCoordinator);
  batch.messages = attacks(gtid);
  world_.trace("a stranger visits {}", node.name());
  static_cast<void>(node.handler().deliver(std::move(batch)));
}

std::vector<Message> Stranger::attacks(const Gtid& gtid) {
  const Gtid next(gtid.tag(), gtid.epoch(), gtid.sequence() + 1 + world_.random.below(3),
                  Decider::kCoordinator);
  std::vector<Message> out;
  Prepare prepare;
  prepare.gtid = next;
  const bool commit = world_.random.percent(50);
  switch (world_.random.below(6)) {
    case 0:
      out.emplace_back(
          Decide{gtid, commit ? Decision::kCommit : Decision::kAbort, AnswerAt::kDecided, {}});
      break;
    case 1:
      out.emplace_back(std::move(prepare));
      break;
    case 2:
      out.emplace_back(Elect{gtid, {7, NodeName::from_trusted("stranger")}, {1}});
      break;
    case 3:
      out.emplace_back(AskMember{gtid, {1U << 30U}});
      break;
    case 4:
      out.emplace_back(InquireOnePhase{next});
      break;
    default:
      out.emplace_back(Decide{next, Decision::kAbort, AnswerAt::kDecided, {}});
      out.emplace_back(InquiryReply{gtid, InquiryReply::Answer::kContinuityNotProven});
  }
  return out;
}

}  // namespace troth::simulation
