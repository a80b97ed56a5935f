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

std::optional<Duration> Network::passage(const Station* from, const Station* to) {
  if (!cuts_.empty() && cuts_.count({from, to}) != 0) return std::nullopt;
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
  auto& link = links_[peer];
  link.peer = peer;
  link.station = network_.find(peer);
  network_.world().after(Duration{0}, [self = shared_from_this(), &link] { self->connect(link); });
}

void Links::send(const NodeName& peer, Message&& message) {
  const auto found = links_.find(peer);
  if (stopped_ || found == links_.end() || found->second.phase == Phase::kDown) return;
  auto& link = found->second;
  (is_bulk(message) ? link.bulk : link.urgent).push_back(std::move(message));
  network_.world().after(std::chrono::microseconds(5),
                         [self = shared_from_this(), &link] { self->pump(link); });
}

void Links::down(Link& link, const char* why) {
  if (stopped_) return;
  link.phase = Phase::kDown;
  link.urgent.clear();
  link.bulk.clear();
  ++link.attempt;
  auto& world = network_.world();
  world.trace("{} -> {} link down: {}", self_.name(), link.peer, why);
  world.after(world.between(milliseconds(5), milliseconds(60)),
              [self = shared_from_this(), &link] { self->connect(link); });
}

void Links::connect(Link& link) {
  if (stopped_ || link.phase != Phase::kDown) return;
  const auto* station = link.station;
  const auto there = network_.passage(&self_, station);
  const auto back = network_.passage(station, &self_);
  if (station == nullptr || station->incarnation() == 0 || !there) return down(link, "unreachable");
  link.phase = Phase::kGreeting;
  const auto attempt = ++link.attempt;
  network_.world().after(
      *there, [self = shared_from_this(), incarnation = station->incarnation(),
               hello = self_.peer().make_hello(link.peer), back, &link, attempt] {
        if (link.station->incarnation() != incarnation) {
          if (link.attempt == attempt) self->down(link, "peer died while greeting");
          return;
        }
        auto reply = link.station->peer().hello(self->self_.principal(), hello);
        if (!back) {
          if (link.attempt == attempt) self->down(link, "no answer to the greeting");
          return;
        }
        self->network_.world().after(*back,
                                     [self, &link, attempt, reply = std::move(reply), incarnation] {
                                       self->welcome(link, attempt, reply, incarnation);
                                     });
      });
}

void Links::welcome(Link& link, std::uint64_t attempt, const HelloReply& reply,
                    std::uint64_t incarnation) {
  if (stopped_) return;
  if (link.attempt != attempt || link.phase != Phase::kGreeting) return;
  if (!self_.peer().welcomed(link.station->principal(), link.peer, reply)) {
    if (!stopped_) down(link, "not welcome");
    return;
  }
  if (stopped_) return;
  link.phase = Phase::kIdle;
  link.receiver_epoch = reply.position.epoch;
  link.peer_incarnation = incarnation;
  LinkStatus status;
  status.peer = link.peer;
  status.connected = true;
  self_.peer().link_changed(status);
  ping(link);
}

// A batch now and then, be it empty, keeps the peer informed and notices a dead one.
void Links::ping(Link& link) {
  if (stopped_) return;
  if (link.phase == Phase::kIdle) call(link);
  network_.world().after(milliseconds(300),
                         [self = shared_from_this(), &link, attempt = link.attempt] {
                           if (!self->stopped_ && link.attempt == attempt) self->ping(link);
                         });
}

Batch Links::take(Link& link) {
  Batch batch;
  batch.header = {self_.name(),
                  published_.position,
                  link.receiver_epoch,
                  published_.ended_below,
                  kPeerProtocolVersion,
                  published_.unfinished_version,
                  nullptr,
                  published_.ended_from};
  if (link.sent_unfinished != published_.unfinished_version || ++link.batches % 4 == 0)
    batch.header.unfinished = published_.unfinished;
  link.sent_unfinished = published_.unfinished_version;
  batch.messages.reserve(std::min(kBatch, link.urgent.size() + link.bulk.size()));
  for (auto* lane : {&link.urgent, &link.bulk}) {
    while (!lane->empty() && batch.messages.size() < kBatch) {
      batch.messages.push_back(std::move(lane->front()));
      lane->pop_front();
    }
  }
  return batch;
}

void Links::pump(Link& link) {
  if (stopped_) return;
  if (link.phase == Phase::kIdle && !(link.urgent.empty() && link.bulk.empty())) call(link);
}

void Links::call(Link& link) {
  auto& world = network_.world();
  auto batch = take(link);
  if (network_.observer) network_.observer(batch, link.peer);
  link.phase = Phase::kBusy;
  const auto attempt = link.attempt;
  const auto incarnation = link.peer_incarnation;
  const auto there = network_.passage(&self_, link.station);
  const auto back = network_.passage(link.station, &self_);
  const bool alive = link.station->incarnation() == incarnation;
  if (there && alive) {
    if (world.random.percent(network_.faults.duplicate_percent))
      carry(link, Batch(batch), *there + world.between(Duration{1}, milliseconds(400)),
            incarnation);
    const bool work = std::any_of(batch.messages.begin(), batch.messages.end(), is_work);
    const bool late = world.random.percent(network_.faults.late_percent) ||
                      (work && world.random.percent(network_.faults.late_work_percent));
    carry(link, std::move(batch), late ? *there + network_.lateness() : *there, incarnation);
    if (!late && back) {
      world.after(*there + *back, [self = shared_from_this(), &link, attempt] {
        if (self->stopped_ || link.attempt != attempt) return;
        link.phase = Phase::kIdle;
        self->pump(link);
      });
      return;
    }
  }
  world.after(milliseconds(40), [self = shared_from_this(), &link, attempt] {
    if (!self->stopped_ && link.attempt == attempt) self->down(link, "a call was not answered");
  });
}

void Links::carry(const Link& link, Batch&& batch, Duration delay, std::uint64_t incarnation) {
  auto* world = &network_.world();
  world->after(
      delay, [station = link.station, by = &self_.principal(), world, batch = std::move(batch),
              incarnation, proxy = network_.faults.proxies]() mutable {
        if (station->incarnation() != incarnation && (!proxy || station->incarnation() == 0))
          return;
        if (world->tracing())
          for (const auto& message : batch.messages)
            world->trace("{} <- {} {} {}", station->name(), batch.header.sender, name_of(message),
                         gtid_of(message));
        std::size_t refused = 0;
        static_cast<void>(station->peer().deliver(*by, std::move(batch), refused));
      });
}

}  // namespace troth::simulation
