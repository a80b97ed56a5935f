#pragma once
// A simulated database server of the contract *prepare by name*: lists and balances
// (list_execution.h), prepared transactions that survive a dead agent and a power cut with their
// locks, and a connection whose commands take effect, and are answered, some time after they were
// sent. Commands about one name keep their order, others overtake each other. When the agent dies,
// the server has got some of what was on its way, or all of it, or nothing.

#include <list>
#include <map>

#include "tests/simulation/list_execution.h"
#include "tests/simulation/world.h"

namespace troth::simulation {

/// What of the server outlives its connections.
class NamedFile final : public ListStatements {
 public:
  struct Held {
    bool is_new = true;
    LogId log_id;
    NodeName participant;
    Rows rows;
    std::map<Gtid, Holding> prepared;
  };

  explicit NamedFile(World& world) : world_(world) {}
  Manager open_manager(const Clock& clock) override;
  void power_loss(tests::Random&) override {}  // the server forces before it answers
  std::function<void()> snapshot() override;
  Rows rows() const override { return held_.rows; }
  Held& held() { return held_; }

 private:
  World& world_;
  Held held_;
};

/// One connection, which the agent's process has.
class NamedStore final : public PrepareByName {
 public:
  NamedStore(World& world, NamedFile& file) : world_(world), file_(file) {}
  ~NamedStore() override;

  Result<OpenedNames> open(NamedEvents& events) override;
  Status adopt(const LogId& log_id, const NodeName& participant) override;
  Status finish(const Gtid& gtid, Decision decision) override;
  void execute(ExecuteRequest request) override;
  void prepare(const Gtid& gtid) override;
  void commit(const Gtid& gtid) override;
  void abort(const Gtid& gtid) override;
  ResourceStatus status() const override { return execution_.status(); }
  void close() override {}

 private:
  using Events = std::vector<NamedEvent>;
  struct Command {
    Gtid gtid;
    std::function<void(Events&)> run;
  };
  void send(const Gtid& gtid, std::function<void(Events&)> run);
  void arrive(std::list<Command>::iterator command);
  void prepare_now(const Gtid& gtid, Events& events);
  void commit_now(const Gtid& gtid, Events& events);
  void end(const Gtid& gtid, Events& events);

  World& world_;
  NamedFile& file_;
  NamedEvents* events_ = nullptr;
  ListExecution execution_;
  std::list<Command> sent_;                  // in their order, not arrived
  std::map<Gtid, MonotonicTime> last_sent_;  // when the last one about a name arrives
  std::map<Gtid, MonotonicTime> last_said_;
  std::shared_ptr<bool> connected_ = std::make_shared<bool>(true);
};

}  // namespace troth::simulation
