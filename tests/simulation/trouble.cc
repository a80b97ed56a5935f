#include "tests/simulation/trouble.h"

#include <algorithm>

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

namespace {

template <class Kind, std::size_t I = 0>
constexpr std::size_t index_of() {
  if constexpr (std::is_same_v<std::variant_alternative_t<I, Message>, Kind>) {
    return I;
  } else {
    return index_of<Kind, I + 1>();
  }
}

}  // namespace

Trouble::Trouble(World& world, Network& network, std::vector<Node*> nodes, bool long_absence,
                 bool contended)
    : world_(world),
      network_(network),
      nodes_(std::move(nodes)),
      long_absence_(long_absence),
      contended_(contended) {
  auto& random = world_.random;
  lasts_ = milliseconds((long_absence_ ? 800 : 300) + random.below(1200));
  crash_every_ = milliseconds(random.percent(15) ? 100'000 : 60 + random.below(500));
  cut_every_ = milliseconds(random.percent(50) ? 100'000 : 100 + random.below(600));
  backs_up_ = random.percent(15);
  copies_running_ = random.percent(40);
  absence_by_ambush_ = random.percent(75);
  all_start_again_ = random.percent(long_absence_ ? 60 : 10);
  ambush_.planned = long_absence_ || random.percent(40);
  if (contended_ && random.percent(60)) restarts_between_ = 1 + random.below(8);
}

void Trouble::start() {
  plan_crash();
  plan_cut();
  plan_ambush();
  plan_copy();
  if (world_.random.percent(20)) {
    stranger_.emplace(world_, nodes_);
    stranger_->start(world_.now() + lasts_);
  }
  if (world_.random.percent(15)) {
    outsider_.emplace(world_, nodes_);
    outsider_->start(world_.now() + lasts_);
  }
  if (world_.random.percent(10))
    world_.after(world_.between(Duration{0}, lasts_), [this] {
      world_.wall_jump_ms = (world_.random.percent(50) ? -25 : 25) * 3'600'000;
    });
}

// ---- backups

// `cp -a` of a coordinator's log, which goes on meanwhile: what it decides from now on in the same
// epoch is missing in the copy.
void Trouble::plan_copy() {
  if (!backs_up_ || !copies_running_) return;
  world_.after(world_.between(Duration{1}, lasts_), [this] {
    auto& node = *nodes_[world_.random.below(nodes_.size())];
    if (node.setup().peers.empty() || !node.alive()) return plan_copy();
    back_up(node, node.status().position.epoch);
  });
}

void Trouble::back_up(Node& node, Epoch epoch) {
  Lsn end;
  static_cast<void>(node.read_log([&](const wal::RecordView& view) {
    end = view.lsn;
    return Status{};
  }));
  world_.trace("{} is backed up in epoch {}, up to LSN {}", node.name(), epoch, end);
  backup_ = {&node, epoch, end, node.snapshot()};
}

// ---- crashes

void Trouble::plan_crash() {
  world_.after(world_.between(Duration{1}, 2 * crash_every_), [this] {
    if (healed_) return;
    const bool everybody = world_.random.percent(10);
    for (auto* node : nodes_)
      if (everybody || node == nodes_[world_.random.below(nodes_.size())]) hit(*node);
    plan_crash();
  });
}

void Trouble::hit(Node& node) {
  if (!node.alive()) return;
  ++crashes_;
  auto& random = world_.random;
  const auto what = random.below(100);
  if (what < 30) {  // in the middle of whatever its disk does next
    node.cut_power_after(1 + random.below(12));
  } else if (what < 38) {
    node.fail_step(1 + random.below(20));
  } else if (what < 44 && node.fail_database()) {
    return;
  } else if (what < 50) {
    fill_disk(node);
  } else {
    kill(node, !absence_by_ambush_);
  }
}

void Trouble::fill_disk(Node& node) {
  world_.trace("the disk of {} is full", node.name());
  node.limit_space(world_.random.below(70'000));
  world_.after(world_.between(milliseconds(50), milliseconds(400)), [this, &node] {
    world_.trace("the disk of {} has room again", node.name());
    node.limit_space({});
  });
}

void Trouble::kill(Node& node, bool may_stay_away) {
  auto& random = world_.random;
  const bool copy = backs_up_ && !copies_running_ && backup_.node == nullptr;
  const auto epoch = copy ? node.status().position.epoch : Epoch();
  node.crash(random.percent(50), "killed");
  if (copy) back_up(node, epoch);
  // Who stays away for long leaves others in doubt, while they go on with other work and free
  // their logs.
  if (long_absence_ && may_stay_away && absent_ == nullptr) absent_ = &node;
  if (absent_ == &node) return world_.trace("{} stays away", node.name());
  const auto longest = milliseconds(random.percent(15) ? 1'500 : random.percent(40) ? 250 : 20);
  world_.after(world_.between(milliseconds(1), longest), [this, &node] {
    if (node.alive()) return;
    if (!healed_ && world_.random.percent(25))
      node.cut_power_after(1 + world_.random.below(15));  // dies while it recovers
    else if (world_.random.percent(8))
      start_damaged(node);
    if (!node.alive()) start(node);
  });
}

void Trouble::start_damaged(Node& node) {
  const auto repair = node.rot();
  if (!repair || node.start(ErrorCode::kCorruption)) return;
  repair();
}

void Trouble::start(Node& node) {
  if (node.start()) return;
  world_.after(milliseconds(20), [this, &node] {
    if (!node.alive()) start(node);
  });
}

// ---- ambushes

void Trouble::plan_ambush() {
  auto& random = world_.random;
  constexpr std::size_t kOften[] = {
      index_of<Decide>(),      index_of<Decide>(), index_of<Decide>(),  index_of<VoteMessage>(),
      index_of<VoteMessage>(), index_of<Ack>(),    index_of<Prepare>(), index_of<PreDecide>()};
  using Victim = Ambush::Victim;
  constexpr Victim kVictims[] = {Victim::kSender, Victim::kSender, Victim::kReceiver,
                                 Victim::kBystander};
  ambush_.kind = random.percent(75) ? kOften[random.below(std::size(kOften))]
                                    : random.below(std::variant_size_v<Message>);
  ambush_.countdown = 1 + random.below(12);
  ambush_.victim = kVictims[random.below(std::size(kVictims))];
  const bool bystander = ambush_.victim == Victim::kBystander;
  ambush_.message_dies = bystander || random.percent(65);
  ambush_.delay = !bystander && random.percent(60)
                      ? Duration{0}
                      : world_.between(Duration{1}, milliseconds(bystander ? 12 : 5));
}

// One branch of a transaction is held up, and who executes another one restarts when it is done:
// the locks of what that one read are gone before the last is taken.
void Trouble::see_work(const Batch& batch, const NodeName& to) {
  for (const auto& message : batch.messages) {
    const auto* prepare = std::get_if<Prepare>(&message);
    if (prepare == nullptr || restarts_between_ == 0) continue;
    const auto [first, is_new] = begun_at_.try_emplace(prepare->gtid, to);
    if (is_new || first->second == to || --restarts_between_ > 0) continue;
    restarts_between_ = 1 + world_.random.below(8);
    estrange(batch.header.sender, to, Duration{0});
    world_.after(world_.between(milliseconds(1), milliseconds(12)), [this, name = first->second] {
      for (auto* node : nodes_)
        if (node->name() == name) spring(*node);
    });
  }
}

void Trouble::see(const Batch& batch, const NodeName& to) {
  if (stranger_ && !healed_) stranger_->overhear(batch);
  if (outsider_ && !healed_) outsider_->overhear(batch, to);
  if (!healed_) see_work(batch, to);
  if (!ambush_.planned || healed_) return;
  const bool bait =
      std::any_of(batch.messages.begin(), batch.messages.end(),
                  [this](const auto& message) { return message.index() == ambush_.kind; });
  if (!bait || --ambush_.countdown > 0) return;
  const auto& sender = batch.header.sender;
  auto& victim = victim_of(sender, to);
  const auto delay = ambush_.delay;
  const bool bystander = ambush_.victim == Ambush::Victim::kBystander;
  if (ambush_.message_dies && !bystander) isolate(victim.name());
  world_.after(delay, [this, &victim] { spring(victim); });
  if (bystander)
    estrange(sender, to, Duration{0});
  else if (world_.random.percent(50))
    estrange(sender, to, delay);
  plan_ambush();
}

Node& Trouble::victim_of(const NodeName& sender, const NodeName& to) {
  std::vector<Node*> candidates;
  for (auto* node : nodes_) {
    const bool wanted = ambush_.victim == Ambush::Victim::kSender ? node->name() == sender
                        : ambush_.victim == Ambush::Victim::kReceiver
                            ? node->name() == to
                            : node->name() != sender && node->name() != to;
    if (wanted) candidates.push_back(node);
  }
  return *candidates[world_.random.below(candidates.size())];
}

// For a while these two do not reach each other, and everybody else does.
void Trouble::estrange(const NodeName& one, const NodeName& other, Duration from) {
  const auto begin = [this, one, other] {
    if (healed_) return;
    network_.cut(one, other);
    network_.cut(other, one);
  };
  if (from == Duration{0}) begin();
  world_.after(from, begin);
  world_.after(from + world_.between(milliseconds(20), milliseconds(400)),
               [this, one, other] { network_.heal(one, other); });
}

void Trouble::see_answer(Node& node) {
  if (!ambush_.planned || healed_ || !world_.random.percent(20)) return;
  world_.after(world_.between(Duration{0}, milliseconds(1)), [this, &node] { spring(node); });
}

// The nodes do not notice: they see a dead peer anyway.
void Trouble::isolate(const NodeName& name) {
  for (const auto* node : nodes_) {
    network_.cut(name, node->name());
    network_.cut(node->name(), name);
  }
}

void Trouble::spring(Node& victim) {
  if (healed_) return;
  for (const auto* node : nodes_) network_.heal(victim.name(), node->name());
  if (!victim.alive()) return;
  world_.trace("{} walks into an ambush", victim.name());
  ++ambushes_;
  ++crashes_;
  kill(victim, true);
}

// ---- the network

void Trouble::plan_cut() {
  world_.after(world_.between(Duration{1}, 2 * cut_every_), [this] {
    if (healed_) return;
    const auto pick = [this] { return nodes_[world_.random.below(nodes_.size())]->name(); };
    const auto one = pick();
    const bool alone = world_.random.percent(40);  // from everybody
    const bool both_ways = world_.random.percent(60);
    const auto other = pick();
    for (const auto* node : nodes_) {
      if (!alone && node->name() != other) continue;
      network_.cut(one, node->name());
      if (both_ways) network_.cut(node->name(), one);
    }
    world_.trace("cut: {} from {}", one, alone ? "everybody" : other.text());
    world_.after(world_.between(milliseconds(20), milliseconds(400)), [this] {
      world_.trace("cuts are healed");
      network_.heal();
    });
    plan_cut();
  });
}

// ---- the end

// An operator has taken one participant out of the settings, whatever it still owes or is owed.
void Trouble::take_one_out() {
  const auto& name = nodes_[world_.random.below(nodes_.size())]->name();
  world_.trace("{} is taken out of the settings", name);
  for (auto* node : nodes_) node->take_out(name);
}

void Trouble::restart_all() {
  world_.trace("---- everybody starts again");
  for (auto* node : nodes_)
    if (node->alive()) node->crash(world_.random.percent(50), "all start again");
  for (auto* node : nodes_)
    if (!node->alive()) start(*node);
  world_.run_until(world_.now() + milliseconds(300));
}

void Trouble::heal() {
  world_.trace("---- everything heals");
  healed_ = true;
  network_.heal();
  network_.faults = {};
  for (auto* node : nodes_) {
    node->disk().set_fault({});
    node->limit_space({});
    if (all_start_again_ && node->alive()) {
      ++crashes_;
      node->crash(world_.random.percent(50), "all start again");
    }
  }
  if (all_start_again_ && world_.random.percent(30)) take_one_out();
  for (auto* node : nodes_)
    if (!node->alive() && node != absent_) start(*node);
  for (auto* node : nodes_)
    if (node == absent_)
      world_.after(world_.between(Duration{1}, milliseconds(200)), [this, node] {
        if (!node->alive()) start(*node);
      });
}

}  // namespace troth::simulation
