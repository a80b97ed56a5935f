#pragma once
// Simulated daemons with an engine: what both roles do alike, and each role's own part.

#include <deque>
#include <memory>
#include <set>

#include "access/guarded_coordinator.h"
#include "coordinator/engine.h"
#include "participant/engine.h"
#include "participant/job_runner.h"
#include "participant/recover.h"
#include "tests/simulation/node.h"
#include "tests/simulation/stored_file.h"
#include "tests/support/listed_keys.h"
#include "tests/support/listed_outcomes.h"

namespace troth::simulation {

// What peers and operators call.
inline coordinator::PeerTraffic& peers_of(coordinator::Engine& engine) {
  return engine.peers();
}
inline coordinator::OperatorCalls& operators_of(coordinator::Engine& engine) {
  return engine.operators();
}
inline participant::Engine& peers_of(participant::Engine& engine) {
  return engine;
}
inline participant::Engine& operators_of(participant::Engine& engine) {
  return engine;
}

/// Everything but opening and closing: every entry is one round of the engine, and its next wake-up
/// is planned after each.
template <class Engine>
class EngineNode : public Node {
 public:
  EngineNode(World& world, Network& network, NodeSetup setup, const char* role)
      : Node(world, network, std::move(setup), role) {
    wake_.ring = [this] {
      if (incarnation() == wakes_) call([](Engine&) {});
    };
    world_.add(wake_);
  }
  NodeStatus status() const override {
    return engine_ ? operators_of(*engine_).status(steady_->now()) : NodeStatus{};
  }

 protected:
  static std::string quarantine_of(const NodeStatus& status) {
    for (const auto& alarm : status.alarms)
      if (alarm.starts_with("in quarantine")) return alarm;
    return "";
  }
  /// One round. The engine may be gone afterwards: it may have died of what happened.
  template <class F>
  void call(F&& f) {
    if (!engine_) return;
    f(*engine_);
    if (!engine_) return;
    if (engine_->quarantined()) return quarantined(quarantine_of(status()));
    if (const auto wake = engine_->next_wake(); wake && *wake <= world_.now())
      engine_->tick(steady_->now());
    end_round();
  }

  /// A new process serves from here on, once it has adopted what it found in its log.
  template <class Adopt>
  void serve(std::unique_ptr<Engine> engine, Adopt&& adopt) {
    engine_ = std::move(engine);
    engine_->on_fatal = [this](const Error& error) { fatal(error); };
    peers_of(*engine_).set_own_address("somewhere:1");
    adopt(*engine_);
    log_->on_durable = [this](Lsn lsn) {
      call([&](Engine& of) { of.on_durable(lsn, steady_->now()); });
    };
    end_round();
  }

  void drop() override { engine_.reset(); }

  protocol::HelloReply hello(const protocol::Hello& hello) override {
    protocol::HelloReply reply;
    call([&](Engine& engine) { reply = peers_of(engine).on_hello(hello, steady_->now()); });
    return reply;
  }
  Status deliver(protocol::Batch batch) override {
    call([&](Engine& engine) { peers_of(engine).on_batch(std::move(batch), steady_->now()); });
    return {};
  }
  protocol::Hello make_hello(const NodeName& peer) override {
    return peers_of(*engine_).make_hello(peer);
  }
  bool welcomed(const NodeName& peer, const protocol::HelloReply& reply) override {
    bool good = false;
    call([&](Engine& engine) {
      good = peers_of(engine).on_hello_reply(peer, reply, steady_->now());
    });
    return good;
  }
  void link_changed(const LinkStatus& status) override {
    call([&](Engine& engine) { peers_of(engine).on_link(status, steady_->now()); });
  }

  std::unique_ptr<Engine> engine_;

 private:
  void end_round() {
    engine_->end_of_round(steady_->now());
    const auto wake = engine_->next_wake();
    if (!wake) return;
    wakes_ = incarnation();
    world_.set(wake_, std::max(Duration{0}, *wake - world_.now()));
  }

  World::Alarm wake_;
  std::uint64_t wakes_ = 0;  // which incarnation
};

class CoordinatorNode final : public EngineNode<coordinator::Engine>, protocol::CoordinatorPort {
 public:
  CoordinatorNode(World& world, Network& network, NodeSetup setup)
      : EngineNode(world, network, std::move(setup), "coordinator"),
        clients_(network.policy, *this) {}
  /// What applications call.
  access::GuardedCoordinator& clients() { return clients_; }
  bool quiet() const override;
  void take_out(const NodeName& participant) override { taken_out_.insert(participant); }

 private:
  Status open() override;
  // CoordinatorPort. A request to a dead process is never answered.
  void submit(SubmitRequest request, SubmitDone done) override;
  void get_outcome(const Gtid& gtid, OutcomeDone done) override;
  void get_outcome_by_key(const std::string& key, OutcomeDone done) override;
  void await_outcome(const Gtid& gtid, OutcomeDone done) override;
  void begin(BeginRequest request, BeginDone done) override;
  void execute(const Gtid& gtid, BranchRequest request, ExecuteDone done) override;
  void commit(const Gtid& gtid, SubmitDone done) override;
  void rollback(const Gtid& gtid, SubmitDone done) override;
  void settle() override {}  // of both ports

  void drop() override;
  void plan_storing();

  /// As good as a file: what was stored outlives processes and power cuts.
  tests::ListedKeys keys_;
  std::set<NodeName> taken_out_;
  tests::ListedOutcomes outcomes_;
  bool storing_ = false;  // is planned
  access::GuardedCoordinator clients_;
};

class ParticipantNode final : public EngineNode<participant::Engine>,
                              public participant::WorkerPort {
 public:
  ParticipantNode(World& world, Network& network, NodeSetup setup, std::unique_ptr<StoredFile> file)
      : EngineNode(world, network, std::move(setup), "participant"), file_(std::move(file)) {}
  bool quiet() const override;
  const StoredFile& file() const { return *file_; }
  /// Called with what is in doubt after each start.
  std::function<void(const std::vector<Gtid>&)> on_recovered;
  std::function<void()> snapshot() override;
  bool fail_database() override;

 private:
  Status open() override;
  void drop() override;
  void lose_power() override { file_->power_loss(world_.random); }
  void post(participant::Job job) override;
  void plan_work(Duration delay);
  void work();
  std::size_t unflushed() const;

  std::unique_ptr<StoredFile> file_;
  Status recover(recovery::LogAtStart& log, participant::Recovered& out);

  std::optional<Manager> store_;
  std::unique_ptr<participant::JobRunner> runner_;
  std::deque<participant::Job> jobs_;
  bool working_ = false;
};

}  // namespace troth::simulation
