#pragma once
// Which peer may send which message about which transaction. A pure table: the engine says how the
// sender is related to the gtid, the table says whether the message counts. Without it any process
// that reaches the port could decide another coordinator's branch or take its next gtids.

#include "protocol/message.h"

namespace troth {

/// How the sender of a message is related to the gtid that it names; the strongest relation that
/// holds.
enum class PeerStanding : std::uint8_t {
  kCoordinator,  ///< the gtid carries the tag of the sender's log
  kMember,       ///< the branch's own record names the sender
  /// This node has no record of the branch, and the settings or the gtid's coordinator have named
  /// the sender. It may be a member that asks about a PREPARE that has not arrived here. Its
  /// message ends nothing (participant/members.h).
  kPeer,
  kStranger
};

/// At a participant. False: the engine drops the message, counts it and logs it.
bool participant_takes(const protocol::Message& message, PeerStanding standing);

/// At a coordinator, about a participant that its log has met and its settings no longer name.
/// True: the message can end earlier work.
bool coordinator_takes_from_former(const protocol::Message& message);

std::string_view to_string(PeerStanding standing);

}  // namespace troth
