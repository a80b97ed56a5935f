#pragma once
// The Peer service: takes batches into the engine's inbox and answers greetings.

#include <troth_idl/Peer.h>

#include "os/logging.h"
#include "protocol/transport.h"

namespace troth::thrift {

/// Thread-safe.
class PeerService final : public v1::PeerIf {
 public:
  PeerService(protocol::PeerHandler& handler, Logger logger)
      : handler_(handler), logger_(std::move(logger)) {}

  void hello(v1::HelloResponse& out, const v1::HelloRequest& request) override;
  void deliver(v1::DeliverResponse& out, const v1::DeliverRequest& request) override;

 private:
  protocol::PeerHandler& handler_;
  const Logger logger_;
};

}  // namespace troth::thrift
