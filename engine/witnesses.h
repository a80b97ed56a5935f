#pragma once
// Peers whose log was older than this node had seen it, or was another log under an old name: a
// disk was restored, or a node was made anew. The alarm survives restarts. It ends when the peer
// comes back with a log that agrees (disproved), or when an operator forgets the peer.

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
