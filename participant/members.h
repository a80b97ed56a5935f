#pragma once
// The other members of a transaction: they ask when its coordinator is silent, and in three-phase
// commit they are a quorum.

#include <optional>
#include <string_view>

#include "engine/peer_handshake.h"
#include "participant/branches.h"
#include "participant/coordinator_silence.h"
#include "participant/hand_decisions.h"
#include "participant/horizon.h"
#include "participant/presumption.h"

namespace troth::participant {

/// Invariant: a member that has not voted and is asked promises never to vote yes, and the promise
/// leaves once it is durable. The ballots live in the entries, from PREPARED on. Owned by the
/// engine and touched by its thread alone.
class Members {
 public:
  /// Outlive this.
  struct Parts {
    BranchTable& table;
    Branches& branches;
    PeerLinks& links;
    Promises& promises;
    const Horizon& horizon;
    const Presumption& presumption;
    const recovery::OperatorBook& by_hand;
    const PeerHandshake& peers;
  };
  Members(const EngineOptions& options, protocol::DurableLog& log, Reports& reports, Parts parts)
      : options_(options),
        log_(log),
        reports_(reports),
        parts_(parts),
        silence_(options.suspicion.timeout) {}

  /// A greeting or a batch of `from` came. At the start: the log knows `from`.
  void heard(const NodeName& from, MonotonicTime now);

  /// False: it is not a message between members.
  bool on_message(const NodeName& from, const protocol::Message& message, Now now);
  /// A node that took a member's name, or that lost the log with which it voted, does not count.
  bool genuine(const BranchEntry& entry, const NodeName& from);
  /// A peer asks for something that this node must have promised, and this node has no trace of it.
  void amnesia(const NodeName& from, const Gtid& gtid, std::string_view told);

  /// Starts the ballot of a branch that has just become PREPARED, if it is a three-phase one.
  void join(BranchEntry& entry, std::optional<protocol::QuorumPosition> position, Now now);
  /// Nothing happens if the branch has no ballot.
  void step(BranchEntry& entry, const protocol::QuorumBallot::Event& event, Now now);
  /// The forced record that this step of a branch or its ballot appended is durable.
  void on_durable(const Gtid& gtid, protocol::RecordType record, Now now);
  void tick(BranchEntry& entry, Now now);
  /// Repeats open questions to members now, and asks the peer if it is a coordinator that owes a
  /// decision.
  void on_reachable(const NodeName& peer, Now now);

 private:
  bool on_message_by_hand(const NodeName& from, const protocol::Message& message);
  struct Question {
    Gtid gtid;
    Epoch named;
    Lsn coordinator_seen;
    bool ballot;
  };
  void on_asked(const NodeName& from, const Question& asked, Now now);
  bool may_speak_for(const NodeName& from, const Gtid& gtid, Now now);
  void withhold(const NodeName& from, const Question& asked);
  bool may_say_ended(const Question& asked) const;
  void on_answer(BranchEntry& entry, const NodeName& from, protocol::MemberAnswer::Knows knows,
                 Now now);
  void decided(BranchEntry& entry, Decision decision, Now now);

  const EngineOptions& options_;
  protocol::DurableLog& log_;
  Reports& reports_;
  const Parts parts_;
  CoordinatorSilence silence_;
};

}  // namespace troth::participant
