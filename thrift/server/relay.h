#pragma once
// Links and engine refer to each other. The relay lets the program make the links first and set the
// engine's handler when it is ready.

#include "protocol/transport.h"

namespace troth::thrift {

/// set() before any link is started.
class PeerRelay final : public protocol::PeerHandler {
 public:
  void set(protocol::PeerHandler& target) { target_ = &target; }
  protocol::HelloReply hello(const protocol::Hello& hello) override {
    return target_->hello(hello);
  }
  Status deliver(protocol::Batch batch) override { return target_->deliver(std::move(batch)); }
  Status deliver_quietly(protocol::Batch batch) override {
    return target_->deliver_quietly(std::move(batch));
  }
  void settle() override { target_->settle(); }
  protocol::Hello make_hello(const NodeName& peer) override { return target_->make_hello(peer); }
  bool welcomed(const NodeName& peer, const protocol::HelloReply& reply) override {
    return target_->welcomed(peer, reply);
  }
  void link_changed(const LinkStatus& status) override { target_->link_changed(status); }
  const LogSigner* signer() const override { return target_->signer(); }

 private:
  protocol::PeerHandler* target_ = nullptr;
};

}  // namespace troth::thrift
