#pragma once
// The HTTP port of a daemon: health, metrics and read-only views (http/views.h) over cpp-httplib.
// It answers while the node recovers, so that a supervisor sees why it is not ready.

#include <cstdint>
#include <memory>
#include <string>

#include "base/logging.h"
#include "base/result.h"
#include "protocol/service.h"

namespace troth::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0 = any
};

class Server {
 public:
  /// Listens and answers when it returns. kIo: the address cannot be bound.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Logger logger);
  virtual ~Server() = default;  ///< stops

  virtual std::uint16_t port() const = 0;
  /// `admin` must stay alive until stop().
  virtual void serve(protocol::AdminPort& admin) = 0;
  virtual void not_ready(std::string reason) = 0;
  /// Idempotent.
  virtual void stop() = 0;
};

}  // namespace troth::http
