#include "tests/simulation/simulation.h"

#include "tests/simulation/checkers.h"
#include "tests/simulation/list_store.h"
#include "tests/simulation/lossy_vfs.h"
#include "tests/simulation/sqlite_file.h"

namespace troth::simulation {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

class Run {
 public:
  Run(std::uint64_t seed, const Options& options, bool trace)
      : world_(seed, trace),
        network_(world_),
        watcher_(world_),
        stores_(options.stores),
        hostile_network_(options.hostile_network) {
    report_.seed = seed;
  }

  Report execute() {
    build();
    for (auto* node : nodes_) node->start();
    Clients clients(world_, network_, coordinators_, participants_);
    const auto more = long_absence_ ? 20 : 0;
    clients.start(1 + world_.random.below(4), 3 + world_.random.below(10) + more, fat_);
    plan_trouble();
    const auto trouble_ends = world_.now() + trouble_;
    world_.run_until(trouble_ends);
    heal();
    lose_memory();
    converge(clients);
    if (world_.violations.empty()) check(clients);
    summarise(clients);
    return std::move(report_);
  }

 private:
  LogId log_id() {
    LogId out;
    for (auto& byte : out.bytes) byte = static_cast<std::uint8_t>(world_.random.below(256));
    return out;
  }

  void build() {
    auto& random = world_.random;
    network_.observer = [this](const auto& batch, const auto& to) {
      watcher_.see(batch, to);
      ask_later(batch);
    };
    network_.faults.loss_percent = random.percent(50) ? random.below(12) : 0;
    network_.faults.duplicate_percent = random.percent(50) ? random.below(10) : 0;
    network_.faults.late_percent = random.percent(30) ? random.below(15) : 0;
    network_.faults.proxies = random.percent(40);
    if (hostile_network_) network_.faults = {8, 8, 15, true};
    const auto participants = 2 + random.below(4);
    fat_ = random.percent(30);
    const auto checkpoint =
        fat_ || random.percent(40) ? 3'000 + random.below(20'000) : std::uint64_t{1'000'000};
    const bool share = random.percent(1);
    const bool sqlite = stores_ == Stores::kSqlite || (stores_ == Stores::kMixed && share);
    if (sqlite) seed_lossy_vfs(report_.seed);
    for (std::uint64_t i = 1; i <= participants; ++i) {
      NodeSetup setup{NodeName::from_trusted(fmt::format("p{}", i)), log_id(), {}, checkpoint};
      names_.push_back(setup.name);
      std::unique_ptr<StoredFile> file;
      if (sqlite) file = std::make_unique<SqliteFile>(report_.seed, setup.name.text());
      if (!sqlite) file = std::make_unique<ListFile>();
      owned_.push_back(
          std::make_unique<ParticipantNode>(world_, network_, std::move(setup), std::move(file)));
      participants_.push_back(static_cast<ParticipantNode*>(owned_.back().get()));
      participants_.back()->on_recovered = [this, name = names_.back()](const auto& gtids) {
        if (!backup_in_place_) watcher_.see_in_doubt(name, gtids);
      };
    }
    long_absence_ = fat_ && random.percent(25);
    const auto coordinators = long_absence_ || random.percent(fat_ ? 60 : 25) ? 2 : 1;
    for (int i = 1; i <= coordinators; ++i) {
      NodeSetup setup{NodeName::from_trusted(fmt::format("c{}", i)), log_id(), names_, checkpoint};
      owned_.push_back(
          std::make_unique<CoordinatorNode>(world_, network_, std::move(setup), "coordinator"));
      coordinators_.push_back(static_cast<CoordinatorNode*>(owned_.back().get()));
    }
    for (const auto& node : owned_) nodes_.push_back(node.get());
    trouble_ = milliseconds((long_absence_ ? 1500 : 300) + random.below(1200));
    crash_every_ = milliseconds(random.percent(15) ? 100'000 : 60 + random.below(500));
    cut_every_ = milliseconds(random.percent(50) ? 100'000 : 100 + random.below(600));
    backs_up_ = random.percent(15);
    report_.sqlite = sqlite;
  }

  // Somebody wants to know how a transaction ended: soon after it began, or when all is over.
  void ask_later(const protocol::Batch& batch) {
    for (const auto& message : batch.messages) {
      if (!std::holds_alternative<protocol::Prepare>(message) &&
          !std::holds_alternative<protocol::CommitOnePhase>(message))
        continue;
      if (!world_.random.percent(4)) continue;
      const bool wait = world_.random.percent(50);
      world_.after(world_.between(Duration{0}, milliseconds(world_.random.percent(50) ? 10 : 800)),
                   [this, gtid = protocol::gtid_of(message), wait] { ask(gtid, wait); });
    }
  }

  void ask(const Gtid& gtid, bool wait) {
    for (auto* node : coordinators_)
      node->get_outcome(gtid, wait, [this](Result<protocol::TransactionOutcome> outcome) {
        if (outcome && !backup_in_place_) watcher_.see_outcome(*outcome);
      });
  }

  void plan_trouble() {
    plan_crash();
    plan_cut();
    if (world_.random.percent(10))
      world_.after(world_.between(Duration{0}, trouble_), [this] {
        world_.wall_jump_ms = (world_.random.percent(50) ? -25 : 25) * 3'600'000;
      });
  }

  void plan_crash() {
    world_.after(world_.between(Duration{1}, 2 * crash_every_), [this] {
      if (healed_) return;
      const bool everybody = world_.random.percent(10);
      for (auto* node : nodes_)
        if (everybody || node == nodes_[world_.random.below(nodes_.size())]) hit(*node);
      plan_crash();
    });
  }

  void hit(Node& node) {
    if (!node.alive()) return;
    ++report_.crashes;
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
      kill(node);
    }
  }

  void fill_disk(Node& node) {
    world_.trace("the disk of {} is full", node.name());
    node.limit_space(world_.random.below(70'000));
    world_.after(world_.between(milliseconds(50), milliseconds(400)), [this, &node] {
      world_.trace("the disk of {} has room again", node.name());
      node.limit_space({});
    });
  }

  void kill(Node& node) {
    auto& random = world_.random;
    const auto epoch = node.status().position.epoch;
    node.crash(random.percent(50), "killed");
    if (backs_up_ && backup_.node == nullptr) backup_ = {&node, epoch, node.snapshot()};
    // Who stays away for long leaves others in doubt, while they go on with other work and free
    // their logs.
    if (long_absence_ && absent_ == nullptr) absent_ = &node;
    if (absent_ == &node) return;
    const auto longest = milliseconds(random.percent(20) ? 1'500 : 250);
    world_.after(world_.between(milliseconds(1), longest), [this, &node] {
      if (node.alive()) return;
      if (!healed_ && world_.random.percent(25))
        node.cut_power_after(1 + world_.random.below(15));  // dies while it recovers
      else if (world_.random.percent(8))
        start_damaged(node);
      if (!node.alive()) start(node);
    });
  }

  void start_damaged(Node& node) {
    const auto repair = node.rot();
    if (!repair || node.start(ErrorCode::kCorruption)) return;
    repair();
  }

  void start(Node& node) {
    if (node.start()) return;
    world_.after(milliseconds(20), [this, &node] {
      if (!node.alive()) start(node);
    });
  }

  void plan_cut() {
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

  void heal() {
    if (!world_.violations.empty()) return;
    world_.trace("---- everything heals");
    healed_ = true;
    network_.heal();
    network_.faults = {};
    for (auto* node : nodes_) {
      node->disk().set_fault({});
      node->limit_space({});
      if (!node->alive()) start(*node);
    }
  }

  // Somebody restores an old backup of one node's disks while transactions run. It must notice from
  // what the others have seen of it, before it answers anybody.
  void lose_memory() {
    if (backup_.node == nullptr) return;
    auto& node = *backup_.node;
    world_.run_until(world_.now() + milliseconds(600));  // all have met in this epoch
    if (!world_.violations.empty() || !node.alive()) return;
    if (node.status().position.epoch.value < backup_.epoch.value + 2) return;
    node.crash(false, "an old backup is put in its place");
    const auto truth = node.snapshot();
    backup_.restore();
    backup_in_place_ = true;
    node.expect_lost_memory();
    node.start();
    for (int i = 0; i < 200 && node.alive() && world_.violations.empty(); ++i)
      world_.run_until(world_.now() + milliseconds(10));
    if (!world_.violations.empty()) return;
    if (!node.noticed_lost_memory())
      return world_.violation("lost memory is noticed", "{} serves from an old backup",
                              node.name());
    truth();
    backup_in_place_ = false;
    node.expect_memory();
    start(node);
    ++report_.backups;
  }

  // Liveness: with no more faults, a core that is connected must end everything (I5).
  void converge(const Clients& clients) {
    for (int i = 0; i < 300 && world_.violations.empty(); ++i) {
      world_.run_until(world_.now() + milliseconds(100));
      const bool quiet =
          std::all_of(nodes_.begin(), nodes_.end(), [](const auto* node) { return node->quiet(); });
      if (quiet && clients.idle()) return;
    }
    if (!world_.violations.empty()) return;
    for (const auto* node : nodes_) {
      if (node->quiet()) continue;
      const auto status = node->status();
      std::string counters;
      for (const auto& [name, value] : status.counters)
        counters += fmt::format(" {}={}", name, value);
      return world_.violation("termination", "{} is not at rest 30 s after everything healed:{}",
                              node->name(), counters);
    }
    world_.violation("termination", "a client still waits 30 s after everything healed");
  }

  void check(const Clients& clients) {
    for (auto* node : nodes_)
      for (const auto& alarm : node->status().alarms)
        world_.violation("no alarms", "{}: {}", node->name(), alarm);
    check_stores(world_, clients.requests(), participants_);
    if (world_.violations.empty()) check_logs(world_, nodes_, watcher_.outcomes_told());
    if (world_.violations.empty()) check_serializable(world_, clients.requests(), participants_);
    if (world_.violations.empty() && report_.crashes == 0 && network_.observer == nullptr)
      world_.violation("harness", "the wire was not watched");
  }

  void summarise(const Clients& clients) {
    report_.violations = world_.violations;
    report_.events = world_.events_run;
    report_.terminations = watcher_.terminations();
    report_.requests = clients.requests().size();
    for (const auto& request : clients.requests()) {
      report_.committed += request.told == Told::kCommitted ? 1 : 0;
      report_.aborted += request.told == Told::kAborted ? 1 : 0;
      report_.unknown += request.told == Told::kNothing ? 1 : 0;
    }
  }

  struct Backup {
    Node* node = nullptr;
    Epoch epoch;
    std::function<void()> restore;
  };

  World world_;
  Network network_;
  WireWatcher watcher_;
  const Stores stores_;
  const bool hostile_network_;
  std::vector<std::unique_ptr<Node>> owned_;
  std::vector<Node*> nodes_;
  std::vector<ParticipantNode*> participants_;
  std::vector<CoordinatorNode*> coordinators_;
  std::vector<NodeName> names_;
  Duration trouble_{0}, crash_every_{0}, cut_every_{0};
  const Node* absent_ = nullptr;  // until everything heals
  bool healed_ = false, fat_ = false, long_absence_ = false, backs_up_ = false,
       backup_in_place_ = false;
  Backup backup_;
  Report report_;
};

}  // namespace

Report run(std::uint64_t seed, const Options& options, bool trace) {
  Run one(seed, options, trace);
  return one.execute();
}

}  // namespace troth::simulation
