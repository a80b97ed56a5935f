// What happens to a node's files behind its back, when everything else has healed.
#include <algorithm>

#include "protocol/record.h"
#include "recovery/start_up.h"
#include "tests/simulation/trouble.h"

namespace troth::simulation {

using namespace protocol;
using std::chrono::milliseconds;

void Trouble::tamper_with_files() {
  auto& random = world_.random;
  if (!random.percent(25)) return;
  auto& node = *nodes_[random.below(nodes_.size())];
  if (!node.alive()) return;
  node.crash(false, "its files are tampered with");
  const auto truth = node.snapshot();
  auto expected = ErrorCode::kFenced;
  if (random.percent(75) && node.remove_newest_segment()) {
    world_.trace("{}: its newest segment is gone", node.name());
    expected = ErrorCode::kCorruption;
  } else {
    world_.trace("{}: its files are copies", node.name());
    node.copy_files();
  }
  if (node.start(expected) || !world_.violations.empty()) return;
  truth();
  start(node);
}

// A participant's PREPARED record of a transaction that it has committed: its coordinator had the
// vote, so it wrote down how far this log reached, before its COMMIT.
bool Trouble::must_be_known() const {
  const auto& node = *backup_.node;
  if (node.setup().peers.empty()) {
    std::map<Gtid, Lsn> prepared;
    std::map<CoordinatorTag, Lsn> known;
    static_cast<void>(backup_.node->read_log([&](const wal::RecordView& view) -> Status {
      TROTH_ASSIGN_OR_RETURN(const auto record, decode(view.tag, view.payload));
      if (const auto* made = std::get_if<PreparedRecord>(&record))
        if (made->protocol == CommitProtocol::kTwoPhase) prepared[made->gtid] = view.lsn;
      if (const auto* committed = std::get_if<CommittedRecord>(&record))
        if (const auto at = prepared.find(committed->gtid); at != prepared.end())
          known[committed->gtid.tag()] = std::max(known[committed->gtid.tag()], at->second);
      return {};
    }));
    // What its start and its first greetings write.
    constexpr std::uint64_t kOfItsOwn = 1500;
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const Node* other) {
      if (other->setup().peers.empty()) return true;
      const auto seen = known.find(CoordinatorTag::of(other->setup().log_id));
      return seen != known.end() && seen->second.value > backup_.end.value + kOfItsOwn;
    });
  }
  return all_have_seen_more();
}

NodePosition Trouble::seen_by(Node& other) const {
  NodePosition seen;
  static_cast<void>(other.read_log([&](const wal::RecordView& view) -> Status {
    TROTH_ASSIGN_OR_RETURN(const auto record, decode(view.tag, view.payload));
    if (const auto* peer = std::get_if<PeerRecord>(&record))
      if (peer->name == backup_.node->name()) seen = peer->position;
    if (const auto* reached = std::get_if<SeenRecord>(&record))
      for (const auto& [name, lsn, receipt] : reached->reached)
        if (name == backup_.node->name()) seen.durable = std::max(seen.durable, lsn);
    return {};
  }));
  return seen;
}

// Of the coordinator's log, in the epoch in which it was copied.
bool Trouble::all_have_seen_more() const {
  constexpr std::uint64_t kOfAStart = 1500;
  return std::all_of(nodes_.begin(), nodes_.end(), [&](Node* other) {
    if (!other->setup().peers.empty()) return true;
    const auto seen = seen_by(*other);
    return seen.epoch == backup_.epoch && seen.durable.value > backup_.end.value + kOfAStart;
  });
}

// Its settings name those who have seen more, and the older log has met one of them.
bool Trouble::must_believe(Node& node) const {
  if (node.setup().peers.empty() && node.setup().coordinators.empty()) return false;
  const auto claims = node.setup().peers.empty() ? Role::kCoordinator : Role::kParticipant;
  bool met = false;
  static_cast<void>(node.read_log([&](const wal::RecordView& view) -> Status {
    TROTH_ASSIGN_OR_RETURN(const auto record, decode(view.tag, view.payload));
    const auto* peer = std::get_if<PeerRecord>(&record);
    if (peer != nullptr && peer->role == claims && !peer->position.log_id.is_nil()) met = true;
    return {};
  }));
  return met;
}

// Each node of the other role has written down an epoch in which the older log never was.
bool Trouble::all_know_a_later_life() const {
  const auto& node = *backup_.node;
  return std::all_of(nodes_.begin(), nodes_.end(), [&](Node* other) {
    if (other->setup().peers.empty() == node.setup().peers.empty()) return true;
    return seen_by(*other).epoch > backup_.epoch;
  });
}

// It is started again and again, out of reach of the others, until only the length of its log tells
// it from the newest one.
void Trouble::catch_up(Node& node, Epoch epoch) {
  for (bool reached = false; !reached && world_.violations.empty();) {
    if (!node.start()) return;
    reached = epoch <= node.status().position.epoch;
    node.crash(false, "it is out of reach");
  }
}

void Trouble::restart_others(const Node& node) {
  world_.trace("everybody else restarts");
  for (auto* other : nodes_) {
    if (other == &node || !other->alive()) continue;
    ++crashes_;
    other->crash(world_.random.percent(50), "restarted while another is restored");
    start(*other);
  }
}

// Its clients reach it, and nobody who knows better does.
void Trouble::serve_out_of_reach(Node& node) {
  isolate(node.name());
  node.start();
  if (node.alive()) on_old_backup(node);
  world_.run_until(world_.now() + milliseconds(1500));
  network_.heal();
}

bool Trouble::refused_by_others(Node& node) const {
  return std::all_of(nodes_.begin(), nodes_.end(), [&](Node* other) {
    if (other == &node || other->setup().peers.empty() == node.setup().peers.empty()) return true;
    if (!other->alive() || !node.alive()) return true;
    const auto reply = other->handler().hello(node.handler().make_hello(other->name()));
    return reply.verdict != HelloVerdict::kWelcome;
  });
}

void Trouble::lose_memory() {
  if (backup_.node == nullptr) return;
  auto& node = *backup_.node;
  world_.run_until(world_.now() + milliseconds(600));  // all have met in this epoch
  if (!world_.violations.empty() || !node.alive()) return;
  const bool all_know = all_know_a_later_life();
  const auto epoch = node.status().position.epoch;
  node.crash(false, "an old backup is put in its place");
  const bool known = must_be_known();
  if (!all_know && !known) return start(node);
  // Other participants may not have heard of this one, and then believe the copy.
  for (const auto* other : nodes_) {
    if (!node.setup().peers.empty() || !other->setup().peers.empty()) continue;
    network_.cut(node.name(), other->name());
    network_.cut(other->name(), node.name());
  }
  const auto truth = node.snapshot();
  backup_.restore();
  backup_in_place_ = true;
  node.expect_lost_memory();
  const bool believes = must_believe(node);
  if (known && world_.random.percent(70)) catch_up(node, epoch);
  if (world_.random.percent(60)) restart_others(node);
  const bool coordinates = !node.setup().peers.empty();
  if (coordinates && world_.random.percent(50))
    serve_out_of_reach(node);
  else
    node.start();
  if (coordinates && node.alive()) on_old_backup(node);
  for (int i = 0; i < 200 && node.alive() && world_.violations.empty(); ++i)
    world_.run_until(world_.now() + milliseconds(10));
  if (!world_.violations.empty()) return;
  if (!node.noticed_lost_memory() && (believes || !refused_by_others(node)))
    return world_.violation("lost memory is noticed", "{} serves from an old backup", node.name());
  if (node.alive()) node.crash(false, "its newest log is put back");
  network_.heal();
  truth();
  backup_in_place_ = false;
  node.expect_memory();
  start(node);
  ++backups_;
}

}  // namespace troth::simulation
