#pragma once
// Peers whose log was older than what this node had seen of it, or another log under an old name:
// a disk was restored, or a node was made anew. That stays an alarm over restarts, until the peer
// comes back with a log that agrees (disproved) or an operator forgets the peer. And peers that say
// of this node's log what it does not hold, without evidence: an alarm until they agree.

#include "engine/operator_desk.h"
#include "engine/peer_handshake.h"

namespace troth {

/// Holds nothing itself: the evidence is in the operators' book, which is in the log. Used on the
/// engine's thread.
class Witnesses {
 public:
  Witnesses(OperatorDesk& desk, Reports& reports) : desk_(desk), reports_(reports) {}

  /// After the book has been read from the log.
  void adopt();
  /// Takes the judgement of a greeting, or of the answer to one.
  void judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now);
  /// An operator has forgotten the peer.
  void forget(const NodeName& peer) { reports_.end_alarm({}, peer); }

 private:
  void show(const NodeName& peer, const AuditEntry& evidence);

  OperatorDesk& desk_;
  Reports& reports_;
};

}  // namespace troth
