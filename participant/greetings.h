#pragma once
// How the agent and its peers get to know each other: what each says of itself in a greeting, and
// what follows for the agent from what a peer says of its log, there or later.

#include "participant/coordinator_messages.h"
#include "participant/core.h"

namespace troth::participant {

/// Draws the consequences of PeerHandshake's judgements: records, alarms, quarantine, what a
/// restarted coordinator has forgotten. Owns nothing but references; owned by the engine and
/// touched by its thread alone.
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
  /// What follows from what `peer` has said, in whatever message.
  void judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now);

 private:
  void on_reachable(const NodeName& peer, Now now);

  Core& core_;
  const Parts parts_;
};

}  // namespace troth::participant
