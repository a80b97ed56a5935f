#pragma once
// The participant as a library: embed it in an application, or let troth-participant run it. One
// agent owns one data directory (its log) and one database; every write to the database goes
// through it, reads are free.
//
//   auto agent = Node::start(options, make_sqlite_resource_manager(...), nullptr, *files, clock,
//   logger);
//   (*agent)->transact({{"UPDATE t SET v = v + 1 WHERE id = ?1", {std::int64_t{7}}, {}}});

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/running_node.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/logging.h"
#include "participant/engine.h"
#include "troth/resource_manager.h"
#include "wal/directory.h"

namespace troth::participant {

struct NodeOptions {
  std::string data_dir;  ///< made by Node::init
  Duration inquiry_interval{std::chrono::milliseconds(
      200)};  ///< first silence after which an in-doubt branch asks; 50 ms .. 1 min
  /// Three-phase commit: silence after which the members end a transaction by majority; the lower
  /// its rank, the earlier a member does.
  Duration suspicion_timeout{std::chrono::seconds(1)};
  Duration lock_timeout{std::chrono::seconds(2)};
  Duration flush_interval{std::chrono::milliseconds(50)};
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  /// The peers that may connect, and their addresses; coordinators empty = any of the cluster.
  std::map<NodeName, std::string> coordinators, peers;
  std::size_t max_retained_keys = 1'000'000;  ///< requests with further ones are refused with BUSY
  std::size_t inbox = 65536;                  ///< queued messages; more are refused with BUSY
  SpanSink* spans = nullptr;  ///< where spans of sampled transactions go; outlives the agent
};

/// Thread-safe, except stop().
class Node : public RunningNode {
 public:
  /// Makes the log of a new participant in `data_dir`. kAlreadyExists if there is one.
  static Result<wal::Identity> init(FileSystem& files, const std::string& data_dir,
                                    const NodeName& name, const std::string& cluster = "");

  /// Opens log and database, replays, retakes the locks of in-doubt branches, and is ready when it
  /// returns. `transport` may be nullptr: then only transact() works. Errors: kFenced (75),
  /// kCorruption and kLostMemory (70), kIo (74), kNotFound. Everything given by reference must
  /// outlive the agent.
  static Result<std::unique_ptr<Node>> start(NodeOptions options,
                                             std::unique_ptr<DeferredApply> manager,
                                             protocol::Transport* transport, FileSystem& files,
                                             const Clock& clock, Logger logger);
  /// A transaction of this database alone: durable when it returns COMMITTED, grouped with
  /// everything else. Blocks; at most `deadline` for execution and locks. An answer that does not
  /// come is kInDoubt.
  virtual TransactionOutcome transact(std::vector<Statement> statements,
                                      Duration deadline = std::chrono::seconds(10)) = 0;
  /// The same without waiting; `done` runs on an agent thread and must not block.
  virtual void transact_async(std::vector<Statement> statements, Duration deadline,
                              Engine::LocalDone done) = 0;
};

}  // namespace troth::participant
