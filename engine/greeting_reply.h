#pragma once
// The answer to a greeting, after it has been judged and before the parts of an engine hear of it.

#include "engine/peer_handshake.h"
#include "engine/reports.h"
#include "engine/standing.h"

namespace troth {

/// False: the peer is not welcome, or this node serves nobody now. `reply` says why.
bool goes_on(const PeerHandshake::Judgement& judgement, const NodeName& peer,
             const Standing& standing, Reports& reports, MonotonicTime now,
             protocol::HelloReply& reply);

}  // namespace troth
