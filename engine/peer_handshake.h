#pragma once
// Judges at every greeting which node a peer is and how far its log reaches (protocol.md section
// 2). One instance per engine, on the engine's thread.
//
// Three kinds of peers:
//   configured  named by this node's settings. It can bring evidence about this node's log: the
//               receipt of a position (engine/own_position.h). Its word alone counts for itself.
//   accepted    met before. Its positions are written down and it has a link.
//   guest       greeted, where no coordinator is configured. A greeting leaves nothing behind: no
//               record, no link, no thread. A guest is accepted with the first message that it may
//               send (engine/authority.h), and only so many are.
// A refused greeting changes nothing that this node knows.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/authority.h"
#include "engine/late_greetings.h"
#include "engine/own_position.h"
#include "protocol/message.h"
#include "protocol/record.h"
#include "recovery/lives.h"
#include "recovery/peer_table.h"

namespace troth {

struct PeerSelf {
  NodeName name;
  Role role = Role::kParticipant;
  std::string cluster;  ///< "" = "default"
  LogId log_id;
  Epoch epoch;
  const LogSigner* signer = nullptr;  ///< outlives the handshake; null: a log of 0.1
};

class PeerHandshake {
 public:
  static constexpr std::size_t kMaxGuests = 1024;
  static constexpr std::size_t kMaxAccepted = 256;  ///< peers that the settings do not name

  explicit PeerHandshake(PeerSelf self);

  void configure(const NodeName& peer, const std::string& address, Role role);
  /// From the log, at start.
  void adopt(const protocol::PeerRecord& record) { table_.adopt(record); }
  /// `now`: where the log ends, which holds the EPOCH record of this start.
  void adopt(recovery::Lives lives, const protocol::AdoptedRecord& adopted, Lsn now);
  /// A claim that an operator has dismissed no longer counts.
  void adopt(const std::map<NodeName, protocol::ClaimRecord>& claims);

  /// What the engine must do after a greeting or a batch header.
  struct Judgement {
    std::string refusal;  ///< not empty: do not use this link or batch
    /// A configured peer has seen of this log what it does not hold, and shows the receipt that
    /// this log gave for it. This log has met that peer's log, or reached it at its configured
    /// address.
    std::optional<protocol::ClaimRecord> lost_memory;
    std::string alarm;                            ///< for people; "" = nothing
    std::vector<protocol::PeerRecord> to_append;  ///< news that must outlive a crash
    std::string reach_at;                         ///< link to it there; "" = nothing to do
    bool restarted = false;                       ///< the peer is in a newer epoch than before
    bool repeated = false;  ///< refused for the same reason as the last time: logged already
    /// Evidence that the peer's log is older than what this log has seen of it, or is another log.
    /// The peer answered so at its own address twice in a row. Any process can greet under its
    /// name, and a delayed answer says it only once.
    std::string peer_lost_memory;
    bool agrees = false;  ///< welcome: its position contradicts nothing that this log has seen
    /// This log has met the peer with the log that it has proved now (access/log_proofs.h), so its
    /// word about its address counts.
    bool proved = false;
  };

  protocol::Hello make_hello(const NodeName& peer, const std::string& own_address,
                             Lsn own_durable) const;
  Judgement on_hello(const protocol::Hello& hello, Lsn own_durable, protocol::HelloReply& reply);
  Judgement on_reply(const NodeName& peer, const protocol::HelloReply& reply, Lsn own_durable);
  Judgement on_batch(const protocol::BatchHeader& header);

  /// How `from` is related to the gtid, as far as settings and greetings tell; the branch's own
  /// record may say more (kMember).
  PeerStanding standing(const NodeName& from, const Gtid& gtid) const;
  /// The log of `from` makes gtids with that tag.
  bool owns(const NodeName& from, const Gtid& gtid) const;
  /// The coordinator of that tag says, without being configured or without this log's receipt,
  /// that this log lost its end: no promise is made about its transactions.
  bool disputed(const CoordinatorTag& tag) const { return disputed_.count(tag) != 0; }
  /// `from` has sent a message that it may send. A guest becomes an accepted peer, or is refused
  /// because there are too many. Other peers do not change.
  Judgement accept(const NodeName& from);
  /// accept() would refuse it because there are too many.
  bool lacks_room_for(const NodeName& guest) const;
  /// The members of a branch that is in the log, or will be: they may ask about it.
  void hear_members(const std::vector<protocol::Member>& members);
  /// A link may be made to `peer`, which a branch names as its member.
  bool may_link(const NodeName& peer) const;

  // what is known
  const protocol::PeerRecord* find(const NodeName& peer) const;
  NodePosition position_of(const NodeName& peer) const;
  std::string address_of(const NodeName& peer) const { return table_.address_of(peer); }
  Role role_of(const NodeName& peer) const { return table_.role_of(peer); }
  std::vector<protocol::PeerRecord> records() const { return table_.records(); }
  recovery::PeerTable& table() { return table_; }
  const recovery::Lives& lives() const { return lives_; }
  const std::string& cluster() const { return self_.cluster; }
  /// Why its last greeting was refused; "" = it was welcome, or never came.
  std::string refusal_of(const NodeName& peer) const;
  /// Why this node does not use a link to it although the peer answers; "" = no reason.
  std::string objection_to(const NodeName& peer) const;
  /// Forgets the peer, as if this log had never met it.
  void forget(const NodeName& peer);
  /// As a transaction that begins now would name it; `known` is what find() said.
  static protocol::Member member(const NodeName& peer, const protocol::PeerRecord* known);

 private:
  enum class Greeting : std::uint8_t { kTheirs, kOurs };
  struct Guest {
    protocol::PeerRecord record;
    std::vector<protocol::Member> participants;
  };
  bool closed() const;
  bool may_greet(const NodeName& peer) const;
  bool named_by_any(const NodeName& peer) const;
  std::string misgreeted(const protocol::Hello& hello, protocol::HelloReply& reply) const;
  std::string compare(const NodeName& peer, const NodePosition& said,
                      protocol::HelloVerdict& verdict) const;
  std::string dispute(Judgement& judgement, const NodeName& peer, const NodePosition& said,
                      const NodePosition& seen_of_us, Lsn own_durable, Greeting greeting);
  bool agrees(const NodeName& peer, const NodePosition& seen_of_us, Lsn own_durable) const;
  void welcome(Judgement& judgement, const protocol::Hello& hello);
  void host(const protocol::Hello& hello);
  void hear_members(Judgement& judgement, const std::vector<protocol::Member>& members);
  void note_refusal(Judgement& judgement, const NodeName& peer, Greeting greeting);
  void note_memory(Judgement& judgement, const NodeName& peer, const std::string& contradiction);

  PeerSelf self_;
  const OwnPosition own_;
  recovery::PeerTable table_;
  recovery::Lives lives_;
  std::map<NodeName, NodePosition> dismissed_;  ///< wrong claims about this log
  std::map<NodeName, Guest> guests_;
  std::deque<NodeName> guests_in_order_;
  std::map<CoordinatorTag, std::set<NodeName>> named_;  // by guests
  std::set<CoordinatorTag> disputed_;
  std::map<std::pair<NodeName, Greeting>, std::string> refusals_;  // the last of each, bounded
  std::map<NodeName, std::string> objections_;                     // of peers that have a link
  LateGreetings late_;
  std::set<NodeName> doubted_;  // met peers whose last answer contradicts what was seen
};

}  // namespace troth
