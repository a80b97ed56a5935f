#pragma once
// A running coordinator: its log, its engine and their threads. What main joins with the network.

#include <memory>

#include "coordinator/engine.h"
#include "engine/running_node.h"
#include "os/clock.h"
#include "os/file.h"
#include "wal/directory.h"

namespace troth::coordinator {

struct NodeOptions {
  std::string data_dir;
  EngineOptions engine;  ///< name, log_id and epoch are filled in from the log
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::size_t inbox = 65536;
  /// Adds to the view of a live transaction what only its participants know: the transactions that
  /// wait for its rows. May take a second or two; runs on the thread that asked for the view.
  std::function<void(TransactionDetail&, const NodeStatus&)> ask_participants;
};

/// Thread-safe, except stop().
class Node : public protocol::CoordinatorPort, public RunningNode {
 public:
  /// Opens and replays the log, bumps the epoch; serves when it returns. Errors: kFenced (75),
  /// kCorruption (70), kIo (74), kNotFound.
  static Result<std::unique_ptr<Node>> start(NodeOptions options, protocol::Transport& transport,
                                             FileSystem& files, const Clock& clock, Logger logger);

  protocol::CoordinatorPort* clients() override { return this; }
  virtual void reload(const Reload& settings) = 0;
};

}  // namespace troth::coordinator
