#pragma once
// A node as the process around it runs it: what coordinators and participants have in common.

#include <functional>
#include <string>

#include "protocol/ports.h"
#include "protocol/transport.h"

namespace troth {

/// Thread-safe, except stop().
class RunningNode {
 public:
  virtual ~RunningNode() = default;

  virtual const NodeName& name() const = 0;
  virtual protocol::PeerHandler& peer_handler() = 0;
  virtual protocol::AdminPort& admin() = 0;
  /// What applications call; null at a participant.
  virtual protocol::CoordinatorPort* clients() { return nullptr; }
  /// host:port where peers reach this node. Called when its server has a port, before links are
  /// started.
  virtual void set_own_address(const std::string& address) = 0;
  /// Called once, from any thread, when the node can no longer keep its promises (failed disk, lost
  /// memory). The process must exit with exit_code(error.code). Nothing it promised is lost: the
  /// restart reads the disk.
  virtual void on_fatal(std::function<void(const Error&)> handler) = 0;
  /// Refuses new work and lets what runs finish, at most `grace`. Decided and prepared work stays
  /// in the log.
  virtual void drain(Duration grace) = 0;
  /// Stops in order: engine, database, log. Idempotent.
  virtual void stop() = 0;
};

}  // namespace troth
