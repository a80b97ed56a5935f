#pragma once
// What this node durably knows of its peers: whom configuration names, and the most that was ever
// seen of each log. The greeting itself is engine/peer_handshake.h. Pure; owned by the engine
// thread.

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
  /// Configuration names this peer; its address wins over what is learnt.
  void configure(const NodeName& peer, const std::string& address, Role role);
  /// From the log, at start.
  void adopt(const protocol::PeerRecord& record);

  /// Nothing is known of it any more, as if it had never been met or configured.
  void forget(const NodeName& peer);

  /// What a peer says of itself, and what changed with it.
  struct News {
    bool durable = false;    ///< the record must outlive a crash: another log, epoch or address
    bool restarted = false;  ///< the peer is in a newer epoch than before
  };
  News learn(const NodeName& peer, Role role, const protocol::PeerRecord& said);
  /// The same without an address, of a peer that is known.
  News learn_position(protocol::PeerRecord& known, const NodePosition& position);
  static constexpr std::size_t kMaxNamed = 4096;
  /// Whom an accepted coordinator names as its participant. False: known already, or the table is
  /// full.
  bool add_named(const NodeName& peer, const std::string& address);

  /// What is known of a peer; nullptr if nothing is. Valid until anything is learnt.
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
  /// Peers that were met and that configuration does not name.
  std::size_t met_unconfigured() const;
  bool met(const NodeName& peer) const { return !position_of(peer).log_id.is_nil(); }
  /// Everything known, for a checkpoint.
  std::vector<protocol::PeerRecord> records() const;

  /// Peers whose durable LSN rose since it was last written down. Empties the list.
  std::vector<std::pair<NodeName, Lsn>> take_risen();
  bool any_risen() const { return !risen_.empty(); }

 private:
  std::map<NodeName, protocol::PeerRecord> peers_;
  std::map<NodeName, Role> configured_;
  std::vector<NodeName> risen_;  // without repetition
};

}  // namespace troth::recovery
