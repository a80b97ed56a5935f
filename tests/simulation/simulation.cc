#include "tests/simulation/simulation.h"

#include "tests/simulation/checkers.h"
#include "tests/simulation/list_store.h"
#include "tests/simulation/lossy_vfs.h"
#include "tests/simulation/named_store.h"
#include "tests/simulation/sqlite_file.h"
#include "tests/simulation/trouble.h"

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
        hostile_network_(options.hostile_network),
        always_contended_(options.contended) {
    report_.seed = seed;
  }

  Report execute() {
    build();
    for (auto* node : nodes_) node->start();
    Clients clients(world_, network_, coordinators_, participants_);
    clients.on_told = [this](const auto& outcome) { watcher_.see_outcome(outcome); };
    const auto more = long_absence_ ? 20 : 0;
    clients.start(1 + world_.random.below(4), 3 + world_.random.below(10) + more, ballast_,
                  contended_);
    trouble_->start();
    world_.run_until(world_.now() + trouble_->lasts());
    if (world_.violations.empty()) trouble_->heal();
    if (world_.violations.empty()) trouble_->tamper_with_files();
    if (world_.violations.empty()) trouble_->lose_memory();
    converge(clients);
    if (world_.violations.empty()) ask_again(clients);
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
      trouble_->see(batch, to);
    };
    network_.faults.loss_percent = random.percent(50) ? random.below(12) : 0;
    network_.faults.duplicate_percent = random.percent(50) ? random.below(10) : 0;
    network_.faults.late_percent = random.percent(30) ? random.below(15) : 0;
    network_.faults.late_work_percent = random.percent(30) ? random.below(40) : 0;
    network_.faults.proxies = random.percent(40);
    if (hostile_network_) network_.faults = {8, 8, 15, 15, true};
    const auto participants = 2 + random.below(4);
    plan_logs();
    configured_ = random.percent(50);
    const bool share = random.percent(1);
    const bool sqlite = stores_ == Stores::kSqlite || (stores_ == Stores::kMixed && share);
    if (sqlite) seed_lossy_vfs(report_.seed);
    for (std::uint64_t i = 1; i <= participants; ++i) add_participant(i, sqlite);
    const auto coordinators = long_absence_ || random.percent(ballast_ > 0 ? 60 : 45) ? 2 : 1;
    for (int i = 1; i <= coordinators; ++i) {
      auto setup = setup_of(fmt::format("c{}", i));
      setup.peers = names_;
      owned_.push_back(std::make_unique<CoordinatorNode>(world_, network_, std::move(setup)));
      coordinators_.push_back(static_cast<CoordinatorNode*>(owned_.back().get()));
    }
    for (const auto& node : owned_) nodes_.push_back(node.get());
    trouble_.emplace(world_, network_, nodes_, long_absence_, contended_);
    trouble_->on_old_backup = [this](const Node& node) {
      for (const auto& gtid : watcher_.answered())
        if (gtid.tag() == CoordinatorTag::of(node.setup().log_id)) ask(gtid, false);
    };
    report_.sqlite = sqlite;
  }

  NodeSetup setup_of(const std::string& name) {
    NodeSetup out;
    out.name = NodeName::from_trusted(name);
    out.log_id = log_id();
    out.checkpoint_bytes = checkpoint_bytes_;
    out.segment_bytes = segment_bytes_;
    out.durable_interval = durable_interval_;
    out.slowest_sync = slowest_sync_;
    return out;
  }

  void add_participant(std::uint64_t number, bool sqlite) {
    auto setup = setup_of(fmt::format("p{}", number));
    // Either way is a way to run one: coordinators are named, or any of the cluster may come.
    if (configured_)
      setup.coordinators = {NodeName::from_trusted("c1"), NodeName::from_trusted("c2")};
    const auto name = setup.name;
    names_.push_back(name);
    std::unique_ptr<StoredFile> file;
    if (sqlite) file = std::make_unique<SqliteFile>(report_.seed, name.text());
    if (!sqlite && prepares_by_name(number)) {
      file = std::make_unique<NamedFile>(world_);
      report_.named = true;
    }
    if (!file) file = std::make_unique<ListFile>();
    auto node =
        std::make_unique<ParticipantNode>(world_, network_, std::move(setup), std::move(file));
    node->on_recovered = [this, name](const auto& gtids) {
      if (!trouble_->backup_in_place()) watcher_.see_in_doubt(name, gtids);
    };
    participants_.push_back(node.get());
    owned_.push_back(std::move(node));
  }

  // Chosen without a throw of the dice, so that the other seeds are what they were.
  bool prepares_by_name(std::uint64_t number) const {
    if (stores_ == Stores::kNamed) return true;
    if (stores_ != Stores::kMixed || report_.seed % 8 != 5) return false;
    return report_.seed % 16 == 5 || number % 2 == 0;
  }

  // What a log forgets can only do harm when its segments go: logs are small and what goes into
  // them is large in many runs.
  void plan_logs() {
    auto& random = world_.random;
    long_absence_ = random.percent(25);
    const bool small = long_absence_ || random.percent(50);
    segment_bytes_ = small ? 4'096 << random.below(2) : 64 * 1024;
    if (long_absence_ || random.percent(25))
      ballast_ = small ? 1'000 + random.below(4'000) : 20'000;
    checkpoint_bytes_ = ballast_ > 0 || random.percent(40)
                            ? segment_bytes_ / 16 + random.below(segment_bytes_ / 2)
                            : std::uint64_t{1'000'000};
    contended_ = random.percent(30) || always_contended_;
    durable_interval_ = milliseconds(10 + random.below(150));
    if (random.percent(30)) slowest_sync_ = milliseconds(2 + random.below(10));
  }

  // Somebody wants to know how a transaction ended: soon after it began, or when all is over.
  void ask_later(const protocol::Batch& batch) {
    for (const auto& message : batch.messages) {
      if (!std::holds_alternative<protocol::Prepare>(message) &&
          !std::holds_alternative<protocol::CommitOnePhase>(message))
        continue;
      if (!world_.random.percent(8)) continue;
      const bool wait = world_.random.percent(50);
      world_.after(world_.between(Duration{0}, milliseconds(world_.random.percent(50) ? 10 : 800)),
                   [this, gtid = protocol::gtid_of(message), wait] { ask(gtid, wait); });
    }
  }

  void ask(const Gtid& gtid, bool wait) {
    for (auto* node : coordinators_) {
      const auto done = [this, node, gtid](Result<TransactionOutcome> outcome) {
        if (!outcome) return watcher_.see_refusal(gtid, outcome.error());
        watcher_.see_answer(gtid, *outcome);
        trouble_->see_answer(*node);
      };
      if (wait) {
        node->clients().await_outcome(application(), gtid, done);
      } else {
        node->clients().get_outcome(application(), gtid, done);
      }
    }
  }

  // Whatever anybody was told stays true when everything has started again.
  void ask_again(const Clients& clients) {
    if (!world_.random.percent(40)) return;
    trouble_->restart_all();
    converge(clients);
    for (const auto& gtid : watcher_.answered()) ask(gtid, false);
    if (world_.violations.empty()) world_.run_until(world_.now() + milliseconds(1500));
    if (world_.violations.empty()) converge(clients);
  }

  // Liveness: with no more faults, a core that is connected must end everything (I5).
  void converge(const Clients& clients) {
    for (int i = 0; i < 300 && world_.violations.empty(); ++i) {
      world_.run_until(world_.now() + milliseconds(100));
      if (!clients.idle()) continue;
      const bool quiet =
          std::all_of(nodes_.begin(), nodes_.end(), [](const auto* node) { return node->quiet(); });
      if (quiet) return;
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
    for (auto* node : nodes_) node->collect_alarms();
    check_stores(world_, clients.requests(), participants_);
    if (world_.violations.empty()) check_logs(world_, nodes_, watcher_.outcomes_told());
    if (world_.violations.empty()) check_serializable(world_, clients.requests(), participants_);
    if (world_.violations.empty() && trouble_->crashes() == 0 && network_.observer == nullptr)
      world_.violation("harness", "the wire was not watched");
  }

  void summarise(const Clients& clients) {
    report_.violations = world_.violations;
    report_.events = world_.events_run;
    report_.terminations = watcher_.terminations();
    report_.crashes = trouble_->crashes();
    report_.backups = trouble_->backups();
    report_.ambushes = trouble_->ambushes();
    report_.absence = trouble_->had_absence();
    report_.requests = clients.requests().size();
    for (const auto& request : clients.requests()) {
      report_.committed += request.told == Told::kCommitted ? 1 : 0;
      report_.aborted += request.told == Told::kAborted ? 1 : 0;
      report_.unknown += request.told == Told::kNothing ? 1 : 0;
    }
  }

  World world_;
  Network network_;
  WireWatcher watcher_;
  const Stores stores_;
  const bool hostile_network_, always_contended_;
  std::vector<std::unique_ptr<Node>> owned_;
  std::vector<Node*> nodes_;
  std::vector<ParticipantNode*> participants_;
  std::vector<CoordinatorNode*> coordinators_;
  std::vector<NodeName> names_;
  std::uint64_t segment_bytes_ = 0, checkpoint_bytes_ = 0, ballast_ = 0;
  Duration durable_interval_{0};
  Duration slowest_sync_{std::chrono::microseconds(1500)};
  bool long_absence_ = false, contended_ = false, configured_ = false;
  std::optional<Trouble> trouble_;
  Report report_;
};

}  // namespace

Report run(std::uint64_t seed, const Options& options, bool trace) {
  Run one(seed, options, trace);
  return one.execute();
}

}  // namespace troth::simulation
