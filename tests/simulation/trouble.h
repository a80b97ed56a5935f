#pragma once
// What breaks in one run, and when: processes, power, disks, the network, clocks, old backups.
// Chance alone hardly gets to the moments that matter most, so it is helped along: an ambush
// strikes at a message, together with it; somebody stays away until everything heals while the
// others go on; and in the end all may start again before the absent one is back.

#include <functional>
#include <vector>

#include "tests/simulation/node.h"
#include "tests/simulation/outsider.h"
#include "tests/simulation/stranger.h"

namespace troth::simulation {

/// Draws its plan when it is made; each run has another.
class Trouble {
 public:
  Trouble(World& world, Network& network, std::vector<Node*> nodes, bool long_absence,
          bool contended);

  void start();
  /// A batch leaves its sender.
  void see(const protocol::Batch& batch, const NodeName& to);
  /// A client has just been told an outcome by `node`.
  void see_answer(Node& node);
  Duration lasts() const { return lasts_; }
  /// Nothing breaks any more and everybody comes back.
  void heal();
  /// When all has healed: everybody starts again.
  void restart_all();
  /// Somebody restores an old backup of one node's disks while transactions run. It must notice
  /// from what the others have seen of it, before it answers anybody.
  void lose_memory();
  /// Files of one node's log are copied, or its newest segment is removed: it must not start.
  void tamper_with_files();
  bool backup_in_place() const { return backup_in_place_; }
  /// An old backup of this coordinator serves, and nothing has told it so yet.
  std::function<void(const Node&)> on_old_backup;

  std::size_t crashes() const { return crashes_; }
  std::size_t backups() const { return backups_; }
  std::size_t ambushes() const { return ambushes_; }
  /// Somebody was away until everything healed.
  bool had_absence() const { return absent_ != nullptr; }

 private:
  /// At a message of this kind somebody dies, mostly together with the message.
  struct Ambush {
    enum class Victim { kSender, kReceiver, kBystander };
    bool planned = false, message_dies = false;
    Victim victim = Victim::kSender;
    std::size_t kind = 0;  // index in protocol::Message
    std::uint64_t countdown = 0;
    Duration delay{0};
  };
  struct Backup {
    Node* node = nullptr;
    Epoch epoch;
    Lsn end;
    std::function<void()> restore;
  };

  void plan_crash();
  void plan_cut();
  void plan_ambush();
  void spring(Node& victim);
  void estrange(const NodeName& one, const NodeName& other, Duration from);
  void isolate(const NodeName& name);
  Node& victim_of(const NodeName& sender, const NodeName& to);
  void see_work(const protocol::Batch& batch, const NodeName& to);
  void hit(Node& node);
  void fill_disk(Node& node);
  void kill(Node& node, bool may_stay_away);
  void start_damaged(Node& node);
  void start(Node& node);
  void plan_copy();
  void back_up(Node& node, Epoch epoch);
  NodePosition seen_by(Node& other) const;
  bool all_have_seen_more() const;
  bool all_know_a_later_life() const;
  bool must_be_known() const;
  bool must_believe(Node& node) const;
  bool refused_by_others(Node& node) const;
  void restart_others(const Node& node);
  void serve_out_of_reach(Node& node);
  void take_one_out();
  void catch_up(Node& node, Epoch epoch);

  World& world_;
  Network& network_;
  const std::vector<Node*> nodes_;
  const bool long_absence_, contended_;
  Duration lasts_{0}, crash_every_{0}, cut_every_{0};
  bool backs_up_ = false, copies_running_ = false, absence_by_ambush_ = false,
       all_start_again_ = false;
  Ambush ambush_;
  std::map<Gtid, NodeName> begun_at_;   // where the first branch of a transaction was sent
  std::uint64_t restarts_between_ = 0;  // how many transactions until one is torn apart; 0 = never
  Backup backup_;
  std::optional<Stranger> stranger_;
  std::optional<Outsider> outsider_;
  const Node* absent_ = nullptr;  // until everything heals
  bool healed_ = false, backup_in_place_ = false;
  std::size_t crashes_ = 0, backups_ = 0, ambushes_ = 0;
};

}  // namespace troth::simulation
