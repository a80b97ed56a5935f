#pragma once
// The HTTP port of a daemon: health, metrics, views and, with a token, actions (http/views.h) over
// cpp-httplib. It answers while the node recovers, so that a supervisor sees why it is not ready.

#include <cstdint>
#include <memory>
#include <string>

#include "os/logging.h"
#include "protocol/policy.h"
#include "protocol/ports.h"
#include "tls/credentials.h"
#include "troth/result.h"

namespace troth::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;          ///< 0 = any
  std::string token_file;          ///< of those who may change something; "" = nobody
  std::string allowed_hosts;       ///< further names of this port: see AllowedHosts
  const protocol::Policy& policy;  ///< asked before every view and action
  /// Null = plain HTTP. With it the policy is asked about the caller's certificate, about the holder
  /// of the token, or about anyone.
  std::shared_ptr<const tls::CredentialStore> credentials = nullptr;
};

class Server {
 public:
  /// At the same time, served or waiting. If more come, the one that has waited for longest
  /// receives 503.
  static constexpr std::size_t kMostConnections = 128;
  /// Listens and answers when it returns. kIo: the address cannot be bound. kInvalidArgument: the
  /// token file is no good.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Logger logger);
  virtual ~Server() = default;  ///< stops

  virtual std::uint16_t port() const = 0;
  /// Both must stay alive until stop(). `coordinator`: null at a participant.
  virtual void serve(protocol::AdminPort& admin, protocol::CoordinatorPort* coordinator) = 0;
  /// Reads it again, "" = nobody may change anything. kInvalidArgument: the old token stays.
  virtual Status set_token_file(const std::string& path) = 0;
  virtual void not_ready(std::string reason) = 0;
  /// Idempotent.
  virtual void stop() = 0;
};

}  // namespace troth::http
