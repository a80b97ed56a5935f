#pragma once
// What other daemons bring: greetings, batches, and answers to our own greetings, each behind its
// question to the policy. A refused message costs none of the others of its batch. The engine
// judges whether a permitted message fits what this node's log knows.

#include "protocol/policy.h"
#include "protocol/transport.h"

namespace troth::access {

/// Thread-safe.
class GuardedPeer {
 public:
  using Principal = protocol::Principal;
  /// Both outlive this.
  GuardedPeer(const protocol::Policy& policy, protocol::PeerHandler& handler)
      : policy_(policy), handler_(handler) {}

  /// Refused: kUnknownSender or kNotProven, with a sentence.
  protocol::HelloReply hello(const Principal& by, const protocol::Hello& hello);
  /// kNotPermitted: the whole batch was refused, because of its header, or because the connection
  /// has not proved the log that it names. `refused` counts the messages that were dropped from a
  /// batch that was taken.
  Status deliver_quietly(const Principal& by, protocol::Batch batch, std::size_t& refused);
  Status deliver(const Principal& by, protocol::Batch batch, std::size_t& refused);
  void settle() { handler_.settle(); }
  const LogSigner* signer() const { return handler_.signer(); }

  protocol::Hello make_hello(const NodeName& peer) { return handler_.make_hello(peer); }
  /// `by`: who answered at the address of `peer`. An error: do not use this link.
  Status welcomed(const Principal& by, const NodeName& peer, const protocol::HelloReply& reply);
  void link_changed(const LinkStatus& status) { handler_.link_changed(status); }

 private:
  /// Drops the refused messages; how many that were.
  std::size_t leave_out(const Principal& by, protocol::Batch& batch) const;
  Status judge(const Principal& by, protocol::Batch& batch, std::size_t& refused) const;

  const protocol::Policy& policy_;
  protocol::PeerHandler& handler_;
};

}  // namespace troth::access
