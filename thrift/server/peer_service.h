#pragma once
// The Peer service: takes batches into the engine's inbox and answers greetings.

#include <troth_idl/Peer.h>

#include "access/guarded_peer.h"
#include "access/log_proofs.h"
#include "os/logging.h"

namespace troth::thrift {

/// For one connection.
class PeerService final : public v1::PeerIf {
 public:
  PeerService(access::GuardedPeer& peer, protocol::Principal by, Logger logger)
      : peer_(peer), by_(std::move(by)), logger_(std::move(logger)) {}

  void challenge(v1::ChallengeResponse& out, const v1::ChallengeRequest& request) override;
  void hello(v1::HelloResponse& out, const v1::HelloRequest& request) override;
  void deliver(v1::DeliverResponse& out, const v1::DeliverRequest& request) override;

 private:
  access::GuardedPeer& peer_;
  protocol::Principal by_;
  const Logger logger_;
  access::ReceiverProof proof_;
};

}  // namespace troth::thrift
