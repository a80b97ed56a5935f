#pragma once
// What peers bring: greetings, batches of messages, and links that come and go. Each is judged
// first (engine/peer_handshake.h); then each message goes to the part that it concerns.

#include <string>

#include "coordinator/applied_questions.h"
#include "coordinator/inquiries.h"
#include "coordinator/lost_participants.h"
#include "coordinator/tables.h"

namespace troth::coordinator {

/// Owns nothing: Core holds the facts about peers. Invariant: nothing of a refused peer reaches
/// another part, and nothing at all once this node has stopped. Owned by the engine and touched by
/// its thread alone.
class PeerTraffic {
 public:
  struct Parts {
    Tables& tables;
    Transactions& transactions;
    Conversations& conversations;
    AppliedQuestions& applied;
    Searches& searches;
    Recalls& recalls;
    Inquiries& inquiries;
    LostParticipants& lost;
    OperatorDesk& desk;
  };
  PeerTraffic(Core& core, Parts parts) : core_(core), parts_(parts) {}

  /// Before serving: takes the peers, and the claims against this log, from the log.
  void adopt(const recovery::CoordinatorTables& tables, Now now);
  /// host:port under which peers reach this node; before the links are started.
  void set_own_address(std::string address) { core_.own_address = std::move(address); }

  protocol::HelloReply on_hello(const protocol::Hello& hello, Now now);
  protocol::Hello make_hello(const NodeName& peer) const;
  bool on_hello_reply(const NodeName& peer, const protocol::HelloReply& reply, Now now);
  void on_batch(protocol::Batch batch, Now now);
  void on_link(const LinkStatus& status, Now now);
  /// From now on nothing is decided and nothing is said: the files of this node changed.
  void stop_for(const Error& error, Now now);

 private:
  void judge(const PeerHandshake::Judgement& judgement, const NodeName& peer, Now now);
  void stop_deciding(Now now);
  void handle(const NodeName& from, protocol::Message&& message, Now now);

  Core& core_;
  const Parts parts_;
};

}  // namespace troth::coordinator
