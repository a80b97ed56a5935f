#pragma once
// The agent's side of greetings: what it says of itself, and the consequences of what a peer says
// of its log, in a greeting or later.

#include "participant/accepted_peers.h"
#include "participant/coordinator_messages.h"
#include "participant/core.h"

namespace troth::participant {

/// Draws the consequences of PeerHandshake's judgements: records, alarms, quarantine, what a
/// restarted coordinator has forgotten. Owns who was accepted and when it was heard; owned by the
/// engine and touched by its thread alone.
class Greetings {
 public:
  struct Parts {
    const BranchTable& table;
    Branches& branches;
    HandDecisions& by_hand;
    Horizon& horizon;
    PeerLinks& links;
    Members& members;
    CoordinatorMessages& messages;
  };
  Greetings(Core& core, Parts parts)
      : core_(core),
        parts_(parts),
        accepted_({core.peers, parts.table, parts.links, parts.horizon, parts.by_hand.book(),
                   core.reports}) {}

  protocol::HelloReply on_hello(const protocol::Hello& hello, Now now);
  protocol::Hello make_hello(const NodeName& peer) const {
    return core_.peers.make_hello(peer, core_.own_address, core_.reaches());
  }
  /// False: no link to it.
  bool on_reply(const NodeName& peer, const protocol::HelloReply& reply, Now now);
  /// Acts on the position of `peer` in any message.
  void judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now);

  AcceptedPeers& accepted() { return accepted_; }

 private:
  void on_reachable(const NodeName& peer, Now now);

  Core& core_;
  const Parts parts_;
  AcceptedPeers accepted_;
};

}  // namespace troth::participant
