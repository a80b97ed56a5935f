#pragma once
// The participant as a library: an application that embeds it needs no daemon and no network. One
// agent owns one data directory (its log) and one database. Every write to the database goes
// through the agent; any program may read the database.
//   troth::Agent::init("/data/app.log", troth::NodeName::from_trusted("app"));
//   auto agent = troth::Agent::start({"/data/app.log"},
//                                    troth::make_sqlite_resource_manager(sqlite));
//   agent->transact({{"UPDATE t SET v = v + 1 WHERE id = ?1", {std::int64_t{7}}, {}}});
//

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "troth/ids.h"
#include "troth/requests.h"
#include "troth/resource_manager.h"
#include "troth/result.h"
#include "troth/time.h"
#include "troth/values.h"

namespace troth {

struct AgentOptions {
  std::string data_dir;  ///< made by Agent::init
  Duration lock_timeout{std::chrono::seconds(2)};
  /// The agent commits the file at least this often. The log holds a committed row at once.
  Duration flush_interval{std::chrono::milliseconds(50)};
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;  ///< of the log; preallocated
};

/// Thread-safe unless stated otherwise.
class Agent {
 public:
  /// Makes the log of a new participant in `data_dir`. kAlreadyExists if there is one.
  static Status init(const std::string& data_dir, const NodeName& name);

  /// Opens log and database, replays, and is ready when it returns. Errors: kFenced, kCorruption,
  /// kLostMemory, kIo, kNotFound; exit_code() of result.h says what a process should end with.
  static Result<Agent> start(AgentOptions options, std::unique_ptr<DeferredApply> manager);

  Agent(Agent&&) noexcept;
  Agent& operator=(Agent&&) noexcept;
  /// stop().
  ~Agent();

  /// A transaction answered COMMITTED is durable. Blocks; execution and locks take at most
  /// `deadline`. The outcome is kInDoubt if the agent does not answer in time.
  TransactionOutcome transact(std::vector<Statement> statements,
                              Duration deadline = std::chrono::seconds(10));
  /// Like transact(), without waiting. `done` runs on an agent thread and must not block.
  void transact_async(std::vector<Statement> statements, Duration deadline,
                      std::function<void(TransactionOutcome)> done);

  const NodeName& name() const;
  /// Called once, from any thread, when the agent can no longer keep its promises (failed disk).
  /// The process should exit. Nothing that the agent promised is lost: a restart reads the disk.
  void on_fatal(std::function<void(const Error&)> handler);
  /// Refuses new work and lets what executes finish, at most `grace`.
  void drain(Duration grace);
  /// Stops engine, database and log, in this order. Not thread-safe. Idempotent.
  void stop();

 private:
  struct Impl;
  explicit Agent(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace troth
