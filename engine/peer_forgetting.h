#pragma once
// `troth peer forget`: a peer that the settings do not name and that will never come back is
// neither shown nor expected any more. Refused while the peer owes anything or is owed anything,
// because this node's knowledge of its log is evidence until then.

#include <functional>
#include <string>

#include "engine/operator_desk.h"
#include "engine/peer_handshake.h"

namespace troth {

/// The relation of the peer to this node at the moment that an operator asks.
struct PeerAtHand {
  bool known = false;
  bool configured = false;
  bool connected = false;
  std::string owed;  ///< what keeps it, for people; "" = nothing
};

/// Holds nothing itself. Used on the engine's thread.
class PeerForgetting {
 public:
  using Done = std::function<void(Result<ForgetPeerReply>)>;
  PeerForgetting(OperatorDesk& desk, PeerHandshake& peers, Reports& reports)
      : desk_(desk), peers_(peers), reports_(reports) {}

  /// `done` is called when the record is durable; immediately if it is refused or a dry run. True:
  /// the peer is forgotten, and its link must be.
  bool forget(const ForgetPeerRequest& request, const PeerAtHand& peer, Done done, Now now);

 private:
  static Result<ForgetPeerReply> plan(const ForgetPeerRequest& request, const PeerAtHand& peer);

  OperatorDesk& desk_;
  PeerHandshake& peers_;
  Reports& reports_;
};

}  // namespace troth
