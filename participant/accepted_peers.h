#pragma once
// Peers that configuration does not name and that were accepted (engine/peer_handshake.h): only so
// many are. Without this, as many coordinators that anybody made up would keep out every later one.

#include <map>
#include <optional>
#include <set>

#include "participant/horizon.h"
#include "participant/peer_links.h"

namespace troth::participant {

/// Invariant: who makes room owes nothing here and is owed nothing. Owned by the engine and touched
/// by its thread alone.
class AcceptedPeers {
 public:
  /// How long a peer must have been silent before it makes room.
  static constexpr Duration kConnected{std::chrono::minutes(1)};
  static constexpr Duration kWithOutcomes{std::chrono::hours(1)};  ///< some of its are remembered

  /// Outlive this.
  struct Parts {
    PeerHandshake& peers;
    const BranchTable& table;
    PeerLinks& links;
    Horizon& horizon;
    const recovery::OperatorBook& book;
    Reports& reports;
  };
  explicit AcceptedPeers(Parts parts) : parts_(parts) {}

  /// A batch of it came.
  void heard(const NodeName& peer, MonotonicTime now);
  /// `guest` is about to be accepted: forgets the peer that has been silent for longest, if there is
  /// no room. Nothing happens if none can go.
  void make_room_for(const NodeName& guest, MonotonicTime now);

 private:
  struct Held {
    std::set<CoordinatorTag> live;      ///< with branches that are not over
    std::set<CoordinatorTag> outcomes;  ///< with outcomes that it may ask for
    std::set<NodeName> named;           ///< by branches that are not over, or by an operator
  };
  Held look() const;
  bool may_go(const protocol::PeerRecord& peer, const Held& held, MonotonicTime now) const;
  MonotonicTime last_heard(const NodeName& peer) const;
  void forget(const protocol::PeerRecord& peer);

  const Parts parts_;
  std::map<NodeName, MonotonicTime> heard_;  // in this life, of those that are accepted
};

}  // namespace troth::participant
