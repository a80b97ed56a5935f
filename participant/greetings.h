#pragma once
// The agent's side of greetings: what it says of itself, and the consequences of what a peer says
// of its log, in a greeting or later.

#include "participant/coordinator_messages.h"
#include "participant/core.h"

namespace troth::participant {

/// Acts on the judgements of PeerHandshake: records, alarms, quarantine, and the branches that a
/// restarted coordinator has forgotten. Owns only references. Owned by the engine and touched by
/// its thread alone.
class Greetings {
 public:
  struct Parts {
    Branches& branches;
    HandDecisions& by_hand;
    PeerLinks& links;
    Members& members;
    CoordinatorMessages& messages;
  };
  Greetings(Core& core, Parts parts) : core_(core), parts_(parts) {}

  protocol::HelloReply on_hello(const protocol::Hello& hello, Now now);
  protocol::Hello make_hello(const NodeName& peer) const {
    return core_.peers.make_hello(peer, core_.own_address, core_.reaches());
  }
  /// False: no link to it.
  bool on_reply(const NodeName& peer, const protocol::HelloReply& reply, Now now);
  /// Acts on the position of `peer` in any message.
  void judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now);

 private:
  void on_reachable(const NodeName& peer, Now now);

  Core& core_;
  const Parts parts_;
};

}  // namespace troth::participant
