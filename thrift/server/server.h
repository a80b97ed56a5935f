#pragma once
// The one network port of a daemon: framed, strict binary Thrift, hardened against garbage
// (docs/rpc.md 1.6). One event loop serves every client that submits one transaction at a time. A
// connection with any other call gets a thread of its own. There are few: peers, operators,
// conversations, batches. Services by multiplexed name: "Coordinator" (also without a name),
// "Admin", "Peer".

#include <cstdint>
#include <memory>
#include <string>

#include "os/logging.h"
#include "protocol/policy.h"
#include "protocol/ports.h"
#include "protocol/transport.h"
#include "thrift/wire/handshakes.h"
#include "tls/credentials.h"
#include "troth/result.h"
#include "troth/server_info.h"
#include "troth/time.h"

namespace troth::thrift {

struct ServerOptions {
  std::string host = "127.0.0.1";  ///< address to bind, explicit; a name is resolved
  std::uint16_t port = 0;          ///< 0 = any free one, see Server::port()
  /// When all are taken, the connection that has been silent for longest makes room, one that never
  /// sent a whole frame first; if all are at work, further ones wait in the kernel. Lowered to what
  /// the limit of open files allows.
  int max_connections = 4096;
  int max_frame_bytes = 16'384'000;
  int max_string_bytes = 16'000'000;  ///< one text or blob; a longer one closes the connection
  int max_container_items = 1 << 18;  ///< one list; a longer one closes the connection
  Duration idle_timeout = std::chrono::minutes(5);  ///< silent connections are closed
  Duration send_timeout = std::chrono::seconds(10);
  Duration first_frame_timeout = std::chrono::seconds(10);  ///< from connecting to a whole frame
  Duration frame_timeout = std::chrono::seconds(60);        ///< from its first byte to its last
  std::size_t frames_in_progress_bytes = std::size_t{64} << 20;  ///< of all frames not whole yet
  std::shared_ptr<const tls::CredentialStore> credentials = nullptr;  ///< null = plain TCP
  HandshakeLimits handshakes = {};
  Duration default_deadline = std::chrono::seconds(10);  ///< for a submit that names none
  Duration max_wait = std::chrono::minutes(5);  ///< the longest any call waits, whatever it asks
  Duration answer_grace = std::chrono::seconds(2);  ///< waited for the engine beyond a deadline
};

/// The services. Null = that service is not offered. Not owned; must outlive the server.
struct Services {
  const protocol::Policy& policy;  ///< asked before every call of the others
  protocol::CoordinatorPort* coordinator = nullptr;
  protocol::AdminPort* admin = nullptr;
  protocol::PeerHandler* peer = nullptr;
};

/// Starts at construction, stops at destruction. start/port/stop may be called from any thread,
/// stop more than once.
class Server {
 public:
  /// Binds, listens and starts to accept; connections are answered when this returns. Sets SIGPIPE
  /// to be ignored and routes Thrift's own log lines into `logger`. Errors: kInvalidArgument for
  /// impossible options, kUnavailable if the address cannot be bound.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Services services,
                                               ServerInfo info, Logger logger);
  virtual ~Server() = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The port really bound.
  virtual std::uint16_t port() const = 0;
  /// The credentials have changed, or time has passed: cuts connections whose certificate counts no
  /// more. The others go on.
  virtual void recheck() = 0;
  /// Accepts nothing more, lets calls that wait for an outcome return "in doubt", closes every
  /// connection and joins every thread. After it no service is called any more.
  virtual void stop() = 0;

 protected:
  Server() = default;
};

}  // namespace troth::thrift
