#pragma once
// Who may send which message about which transaction. A pure table: the engine says how the sender
// stands to the gtid, the table says whether the message counts. Without it any process that
// reaches the port could decide another coordinator's branch or take its next gtids.

#include "protocol/message.h"

namespace troth {

/// How the sender of a message stands to the gtid that it names; the strongest that holds.
enum class PeerStanding : std::uint8_t {
  kCoordinator,  ///< the gtid carries the tag of the sender's log
  kMember,       ///< the branch's own record names the sender
  /// No record of the branch is here, and the sender is a peer that configuration or the gtid's
  /// coordinator has named: it may be a member that asks for what has not arrived here. It ends
  /// nothing by that (participant/members.h).
  kPeer,
  kStranger
};

/// At a participant. False: the message is dropped, counted and told to the log.
bool participant_takes(const protocol::Message& message, PeerStanding standing);

/// At a coordinator, of a participant that its log has met and its settings do not name any more.
/// True: what was begun before can be ended with it.
bool coordinator_takes_from_former(const protocol::Message& message);

std::string_view to_string(PeerStanding standing);

}  // namespace troth
