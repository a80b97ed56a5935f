#pragma once
// This node's durable knowledge of its peers: the names from the settings, and the furthest
// position that it has seen of each log. engine/peer_handshake.h judges greetings. Pure; owned by
// the engine thread.

#include <map>
#include <string>
#include <vector>

#include "protocol/message.h"
#include "protocol/record.h"

namespace troth::recovery {

/// While a log is read: the last record of a peer, with the highest LSN of that log.
void see(std::map<NodeName, protocol::PeerRecord>& peers, const protocol::PeerRecord& record);
void see(std::map<NodeName, protocol::PeerRecord>& peers, const protocol::SeenRecord& record);

class PeerTable {
 public:
  /// The settings name this peer; the address there wins over a learnt one.
  void configure(const NodeName& peer, const std::string& address, Role role);
  /// From the log, at start.
  void adopt(const protocol::PeerRecord& record);

  /// Forgets the peer, as if this node had never met it.
  void forget(const NodeName& peer);

  /// Takes a peer's word about itself. Returns what changed.
  struct News {
    bool durable = false;    ///< the record must outlive a crash: another log, epoch or address
    bool restarted = false;  ///< the peer is in a newer epoch than before
  };
  News learn(const NodeName& peer, Role role, const protocol::PeerRecord& said);
  /// The same without an address, of a peer that is known.
  News learn_position(protocol::PeerRecord& known, const NodePosition& position);
  static constexpr std::size_t kMaxNamed = 4096;
  /// A participant that an accepted coordinator names. False: known already, or the table is full.
  bool add_named(const NodeName& peer, const std::string& address);

  /// The entry of a peer; nullptr if it is unknown. Valid until the table changes.
  const protocol::PeerRecord* find(const NodeName& peer) const;
  protocol::PeerRecord* find(const NodeName& peer);
  /// Position as last seen; nil log_id if never met.
  NodePosition position_of(const NodeName& peer) const;
  std::string address_of(const NodeName& peer) const;
  /// A participant, as long as it is not known.
  Role role_of(const NodeName& peer) const;
  bool knows(const NodeName& peer) const { return peers_.count(peer) != 0; }
  bool configured(const NodeName& peer) const { return configured_.count(peer) != 0; }
  const std::map<NodeName, Role>& all_configured() const { return configured_; }
  bool any_configured(Role role) const;
  /// Peers that were met and that the settings do not name.
  std::size_t met_unconfigured() const;
  bool met(const NodeName& peer) const { return !position_of(peer).log_id.is_nil(); }
  /// Met, and configuration does not name it.
  bool is_accepted(const NodeName& peer) const { return met(peer) && !configured(peer); }
  /// Everything known, for a checkpoint.
  std::vector<protocol::PeerRecord> records() const;

  /// Peers whose durable LSN rose since it was last written down. Empties the list.
  std::vector<protocol::SeenRecord::Reached> take_risen();
  bool any_risen() const { return !risen_.empty(); }

 private:
  std::map<NodeName, protocol::PeerRecord> peers_;
  std::map<NodeName, Role> configured_;
  std::vector<NodeName> risen_;  // without repetition
};

}  // namespace troth::recovery
