#include "tests/simulation/network.h"

#include <algorithm>

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kBatch = 8;

bool is_bulk(const Message& message) {
  return std::holds_alternative<Prepare>(message) ||
         std::holds_alternative<CommitOnePhase>(message) ||
         std::holds_alternative<InquireOnePhase>(message);
}

bool is_work(const Message& message) {
  return std::holds_alternative<Prepare>(message) ||
         std::holds_alternative<CommitOnePhase>(message);
}

}  // namespace

Station* Network::find(const NodeName& name) {
  const auto found = stations_.find(name);
  return found == stations_.end() ? nullptr : found->second;
}

std::optional<Duration> Network::passage(const NodeName& from, const NodeName& to) {
  if (cuts_.count({from, to}) != 0) return std::nullopt;
  if (world_.random.percent(faults.loss_percent)) return std::nullopt;
  return world_.between(faults.delay_min, faults.delay_max);
}

// Long enough for the sender to give up; often just long enough for it to have asked what became of
// the batch, and to have heard.
Duration Network::lateness() {
  return world_.between(milliseconds(50), milliseconds(world_.random.percent(50) ? 400 : 1500));
}

void Links::start(const std::vector<NodeName>& peers) {
  for (const auto& peer : peers) open(peer);
}

void Links::learn_address(const NodeName& peer, const std::string&) {
  if (links_.count(peer) == 0) open(peer);
}

void Links::open(const NodeName& peer) {
  links_[peer];
  network_.world().after(Duration{0}, [self = shared_from_this(), peer] { self->connect(peer); });
}

void Links::send(const NodeName& peer, Message message) {
  const auto found = links_.find(peer);
  if (stopped_ || found == links_.end() || found->second.phase == Phase::kDown) return;
  auto& link = found->second;
  (is_bulk(message) ? link.bulk : link.urgent).push_back(std::move(message));
  network_.world().after(std::chrono::microseconds(5),
                         [self = shared_from_this(), peer] { self->pump(peer); });
}

void Links::down(const NodeName& peer, const char* why) {
  if (stopped_) return;
  auto& link = links_.at(peer);
  link.phase = Phase::kDown;
  link.urgent.clear();
  link.bulk.clear();
  ++link.attempt;
  auto& world = network_.world();
  world.trace("{} -> {} link down: {}", self_.name(), peer, why);
  world.after(world.between(milliseconds(5), milliseconds(60)),
              [self = shared_from_this(), peer] { self->connect(peer); });
}

void Links::connect(const NodeName& peer) {
  if (stopped_) return;
  auto& link = links_.at(peer);
  if (link.phase != Phase::kDown) return;
  auto* station = network_.find(peer);
  const auto there = network_.passage(self_.name(), peer);
  const auto back = network_.passage(peer, self_.name());
  if (station == nullptr || station->incarnation() == 0 || !there) return down(peer, "unreachable");
  link.phase = Phase::kGreeting;
  const auto attempt = ++link.attempt;
  auto hello = self_.handler().make_hello(peer);
  const auto incarnation = station->incarnation();
  network_.world().after(
      *there, [self = shared_from_this(), station, incarnation, hello, back, peer, attempt] {
        if (station->incarnation() != incarnation) {
          if (self->links_.at(peer).attempt == attempt)
            self->down(peer, "peer died while greeting");
          return;
        }
        const auto reply = station->handler().hello(hello);
        if (!back) {
          if (self->links_.at(peer).attempt == attempt)
            self->down(peer, "no answer to the greeting");
          return;
        }
        self->network_.world().after(*back, [self, peer, attempt, reply, incarnation] {
          self->welcome(peer, attempt, reply, incarnation);
        });
      });
}

void Links::welcome(const NodeName& peer, std::uint64_t attempt, const HelloReply& reply,
                    std::uint64_t incarnation) {
  if (stopped_) return;
  auto& link = links_.at(peer);
  if (link.attempt != attempt || link.phase != Phase::kGreeting) return;
  if (!self_.handler().welcomed(peer, reply)) {
    if (!stopped_) down(peer, "not welcome");
    return;
  }
  if (stopped_) return;
  link.phase = Phase::kIdle;
  link.receiver_epoch = reply.position.epoch;
  link.peer_incarnation = incarnation;
  LinkStatus status;
  status.peer = peer;
  status.connected = true;
  self_.handler().link_changed(status);
  ping(peer);
}

// A batch now and then, be it empty, keeps the peer informed and notices a dead one.
void Links::ping(const NodeName& peer) {
  if (stopped_) return;
  auto& link = links_.at(peer);
  if (link.phase == Phase::kIdle) call(peer);
  const auto attempt = link.attempt;
  network_.world().after(milliseconds(300), [self = shared_from_this(), peer, attempt] {
    if (!self->stopped_ && self->links_.at(peer).attempt == attempt) self->ping(peer);
  });
}

Batch Links::take(const NodeName&, Link& link) {
  Batch batch;
  batch.header = {self_.name(), published_.position, link.receiver_epoch, published_.ended_below,
                  kPeerProtocolVersion};
  for (auto* lane : {&link.urgent, &link.bulk}) {
    while (!lane->empty() && batch.messages.size() < kBatch) {
      batch.messages.push_back(std::move(lane->front()));
      lane->pop_front();
    }
  }
  return batch;
}

void Links::pump(const NodeName& peer) {
  if (stopped_) return;
  auto& link = links_.at(peer);
  if (link.phase == Phase::kIdle && !(link.urgent.empty() && link.bulk.empty())) call(peer);
}

void Links::call(const NodeName& peer) {
  auto& link = links_.at(peer);
  auto& world = network_.world();
  auto batch = take(peer, link);
  if (network_.observer) network_.observer(batch, peer);
  link.phase = Phase::kBusy;
  const auto attempt = link.attempt;
  const auto incarnation = link.peer_incarnation;
  const auto there = network_.passage(self_.name(), peer);
  const auto back = network_.passage(peer, self_.name());
  const bool alive = network_.find(peer)->incarnation() == incarnation;
  if (there && alive) {
    if (world.random.percent(network_.faults.duplicate_percent))
      carry(peer, batch, *there + world.between(Duration{1}, milliseconds(400)), incarnation);
    const bool work = std::any_of(batch.messages.begin(), batch.messages.end(), is_work);
    const bool late = world.random.percent(network_.faults.late_percent) ||
                      (work && world.random.percent(network_.faults.late_work_percent));
    carry(peer, std::move(batch), late ? *there + network_.lateness() : *there, incarnation);
    if (!late && back) {
      world.after(*there + *back, [self = shared_from_this(), peer, attempt] {
        auto& answered = self->links_.at(peer);
        if (self->stopped_ || answered.attempt != attempt) return;
        answered.phase = Phase::kIdle;
        self->pump(peer);
      });
      return;
    }
  }
  world.after(milliseconds(40), [self = shared_from_this(), peer, attempt] {
    if (!self->stopped_ && self->links_.at(peer).attempt == attempt)
      self->down(peer, "a call was not answered");
  });
}

void Links::carry(const NodeName& peer, Batch batch, Duration delay, std::uint64_t incarnation) {
  auto* station = network_.find(peer);
  auto* world = &network_.world();
  const bool proxy = network_.faults.proxies;
  world->after(delay, [station, world, batch = std::move(batch), incarnation, proxy] {
    if (station->incarnation() != incarnation && (!proxy || station->incarnation() == 0)) return;
    for (const auto& message : batch.messages)
      world->trace("{} <- {} {} {}", station->name(), batch.header.sender, name_of(message),
                   gtid_of(message));
    static_cast<void>(station->handler().deliver(batch));
  });
}

}  // namespace troth::simulation
