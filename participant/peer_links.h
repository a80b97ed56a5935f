#pragma once
// The peers that this node connects to, or may have to connect to. It links to another member only
// when a branch has to ask that member.

#include <map>
#include <set>
#include <string>

#include "engine/engine_loop.h"
#include "engine/peer_handshake.h"
#include "engine/reports.h"
#include "participant/branch_table.h"
#include "participant/coordinator_silence.h"
#include "participant/named_links.h"
#include "protocol/effects.h"
#include "protocol/transport.h"
#include "recovery/operator_book.h"

namespace troth::participant {

/// Owns the last known status of each link. Owned by the engine and touched by its thread alone.
class PeerLinks {
 public:
  PeerLinks(const PeerHandshake& peers, protocol::Transport& transport, Reports& reports)
      : peers_(peers), transport_(transport), reports_(reports) {}

  void changed(const LinkStatus& status) {
    if (status.connected) forgotten_.erase(status.peer);
    if (forgotten_.count(status.peer) == 0) links_[status.peer] = status;
  }
  /// An operator has forgotten the peer: it is shown again when it connects.
  void forget(const NodeName& peer) {
    links_.erase(peer);
    named_.leave(peer);
    forgotten_.insert(peer);
  }
  /// Nobody needs its link any more; it may be made again.
  void end(const NodeName& peer) {
    links_.erase(peer);
    named_.leave(peer);
    transport_.end_link(peer);
  }
  bool is_connected(const NodeName& peer) const;
  /// Keeps its link while it is connected, because answers to its questions use it.
  void greeted(const NodeName& peer) { named_.keep(peer); }
  /// Opens a link to a coordinator that has greeted, where it says that it is.
  void reach(const NodeName& coordinator, MonotonicTime now);
  /// State of the link. A peer of the settings, or one that was met, always has a link.
  CoordinatorSilence::Link to_peer(const NodeName& name) const;
  /// For people: since when the link has been in this state.
  std::string since_when(const NodeName& peer, Now now) const;
  const std::map<NodeName, LinkStatus>& all() const { return links_; }

  /// Opens a link to a member of the branch's transaction, unless there is one: its PREPARED record
  /// says where it is.
  void find_member(const BranchEntry& entry, const NodeName& name, MonotonicTime now);
  /// Before a message about the branch leaves: makes sure that its receiver has a link. If this
  /// node has been up since it voted, an inquiry also says how far it has seen the coordinator's
  /// log.
  void address(const BranchEntry& entry, protocol::Outgoing& out, MonotonicTime now);

 private:
  void open(const NodeName& peer, const std::string& address, MonotonicTime now);

  const PeerHandshake& peers_;
  protocol::Transport& transport_;
  Reports& reports_;
  std::map<NodeName, LinkStatus> links_;
  std::set<NodeName> forgotten_;
  NamedLinks named_;
  bool warned_ = false;  // that there are too many
};

/// The branches here that wait for the peer, for people; "" = none.
std::string what_is_owed(const NodeName& peer, const BranchTable& table,
                         const recovery::OperatorBook& by_hand);

}  // namespace troth::participant
