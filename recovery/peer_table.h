#pragma once
// What this node durably knows of the others, and the continuity handshake (protocol.md section 2).
// A node whose own log ends before what a peer has seen of it has lost its memory and must stop:
// that is what makes presumed abort safe after a restored backup or an emptied disk. Pure; owned by
// the engine thread.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "protocol/message.h"
#include "protocol/record.h"

namespace troth::recovery {

class PeerTable {
 public:
  /// `known_only`: refuse names that are not allowed (a coordinator talks to configured
  /// participants only).
  PeerTable(NodeName self, Role role, LogId log_id, Epoch epoch, bool known_only);

  void allow(const NodeName& peer, const std::string& address);
  /// From the log, at start.
  void adopt(const protocol::PeerRecord& record);

  /// What the engine must do after looking at a greeting.
  struct Judgement {
    std::optional<Error> stop;  ///< this node has lost its memory: exit with its code
    std::string refusal;        ///< not empty: do not use this link or batch
    std::optional<protocol::PeerRecord> to_append;  ///< news that must outlive a crash
    bool restarted = false;                         ///< the peer is in a newer epoch than before
    bool repeated = false;  ///< refused for the same reason as the last time: logged already
  };

  protocol::Hello make_hello(const NodeName& peer, const std::string& own_address,
                             Lsn own_durable) const;
  Judgement on_hello(const protocol::Hello& hello, Lsn own_durable, protocol::HelloReply& reply);
  Judgement on_reply(const NodeName& peer, const protocol::HelloReply& reply, Lsn own_durable);
  Judgement on_batch(const protocol::BatchHeader& header);

  /// What is known of a peer; nullptr if it was never met. Valid until anything is learnt.
  const protocol::PeerRecord* find(const NodeName& peer) const;
  /// Position as last seen; nil log_id if never met.
  NodePosition position_of(const NodeName& peer) const;
  std::string address_of(const NodeName& peer) const;
  /// As a transaction that begins now would name it; `known` is what find() said.
  static protocol::Member member(const NodeName& peer, const protocol::PeerRecord* known);
  /// A participant, as long as it is not known.
  Role role_of(const NodeName& peer) const;
  bool knows(const NodeName& peer) const { return peers_.count(peer) != 0; }
  bool allowed(const NodeName& peer) const;
  /// Why its last greeting was refused; "" = it was welcome, or never came.
  std::string refusal_of(const NodeName& peer) const;
  /// Everything known, for a checkpoint.
  std::vector<protocol::PeerRecord> records() const;

 private:
  std::optional<Error> check_own_memory(const NodeName& peer, const NodePosition& seen_of_us,
                                        Lsn own_durable) const;
  enum class Greeting : std::uint8_t { kTheirs, kOurs };
  void note_refusal(Judgement& judgement, const NodeName& peer, Greeting greeting);
  void learn(Judgement& judgement, const NodeName& peer, Role role, const NodePosition& position,
             const std::string& address);
  static void learn_position(Judgement& judgement, protocol::PeerRecord& known,
                             const NodePosition& position);

  NodeName self_;
  Role role_;
  NodePosition own_;
  bool known_only_;
  std::map<NodeName, protocol::PeerRecord> peers_;
  std::set<NodeName> allowed_;
  std::map<std::pair<NodeName, Greeting>, std::string> refusals_;  // the last of each, bounded
};

}  // namespace troth::recovery
