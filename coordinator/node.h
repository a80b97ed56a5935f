#pragma once
// A running coordinator: its log, its engine and their threads. What main joins with the network.

#include <memory>

#include "coordinator/engine.h"
#include "os/clock.h"
#include "os/file.h"
#include "wal/directory.h"

namespace troth::coordinator {

struct NodeOptions {
  std::string data_dir;
  EngineOptions engine;  ///< name, log_id and epoch are filled in from the log
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::size_t inbox = 65536;
  /// Adds to the view of a transaction that has not ended what only its participants know: who
  /// waits for its rows. May take a second or two; called by whoever asked for the view.
  std::function<void(TransactionDetail&, const NodeStatus&)> ask_participants;
};

/// Thread-safe, except stop().
class Node : public protocol::CoordinatorPort {
 public:
  static Result<wal::Identity> init(FileSystem& files, const std::string& data_dir,
                                    const NodeName& name, const std::string& cluster = "");
  /// Opens and replays the log, bumps the epoch; serves when it returns. Errors: kFenced (75),
  /// kCorruption (70), kIo (74), kNotFound.
  static Result<std::unique_ptr<Node>> start(NodeOptions options, protocol::Transport& transport,
                                             FileSystem& files, const Clock& clock, Logger logger);

  virtual protocol::PeerHandler& peer_handler() = 0;
  virtual protocol::AdminPort& admin() = 0;
  virtual const NodeName& name() const = 0;
  /// host:port where participants reach this node; once its server has a port, before links are
  /// started.
  virtual void set_own_address(const std::string& address) = 0;
  /// For transactions that come from now on (SIGHUP).
  virtual void set_limits(Duration prepare_timeout, std::size_t max_in_flight) = 0;
  /// Those that were added or moved (SIGHUP); one that is not named any more stays.
  virtual void set_participants(const std::map<NodeName, std::string>& participants) = 0;
  /// Called once when the node can no longer keep its promises; the process must exit with
  /// exit_code(error.code).
  virtual void on_fatal(std::function<void(const Error&)> handler) = 0;
  /// Refuses new work, lets what is live finish at most `grace`, then aborts what is undecided.
  /// Decided work stays in the log.
  virtual void drain(Duration grace) = 0;
  virtual void stop() = 0;
};

}  // namespace troth::coordinator
