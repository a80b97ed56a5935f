#pragma once
// What coordinators ask of this participant: which branches begin, and what their messages mean to
// those that have begun.

#include <optional>

#include "participant/members.h"
#include "participant/wound_wait.h"

namespace troth::participant {

/// Invariant: a request that was refused once, or that ended everywhere, is never executed later.
/// Owned by the engine and touched by its thread alone.
class CoordinatorMessages {
 public:
  /// Outlive this.
  struct Parts {
    BranchTable& table;
    FlushSchedule& flush;
    Branches& branches;
    OnePhaseKeys& keys;
    Promises& promises;
    HandDecisions& by_hand;
    Members& members;
    WoundWait& wounds;
    const Horizon& horizon;
    const Presumption& presumption;
    PeerHandshake& peers;
    const Standing& standing;
  };
  CoordinatorMessages(const EngineOptions& options, protocol::RecordLog& log, Reports& reports,
                      Parts parts)
      : options_(options), log_(log), reports_(reports), parts_(parts) {}

  /// Takes the messages of members, too.
  void handle(const NodeName& from, protocol::Message&& message, Now now);
  /// A coordinator has restarted: its open branches are dropped.
  void drop_open_branches(const NodeName& coordinator, Now now);

  /// Why a branch cannot begin now. Nothing: it can. `from` and its epoch: who asks.
  std::optional<AbortReason> admission(const NodeName& from, Epoch of_coordinator,
                                       const Gtid& gtid) const;

 private:
  bool has_room(const NodeName& from, const Gtid& gtid);
  BranchEntry& admit(const NodeName& from, Epoch of_coordinator, const Gtid& gtid,
                     protocol::Branch::Kind kind, const Priority& priority, Now now);
  bool may_vote_on(const protocol::Prepare& message) const;
  void on_prepare(const NodeName& from, protocol::Prepare&& message, Now now);
  void on_execute(const NodeName& from, protocol::Execute&& message, Now now);
  void on_one_phase(const NodeName& from, protocol::CommitOnePhase&& message, Now now);
  bool may_decide(const NodeName& from, const BranchEntry* found,
                  const protocol::Decide& message) const;
  void on_decide(const NodeName& from, protocol::Decide&& message, Now now);
  void on_inquiry_reply(const NodeName& from, const protocol::InquiryReply& reply, Now now);
  void on_recall(const NodeName& from, const protocol::Recall& message);
  void on_inquire_one_phase(const NodeName& from, const protocol::InquireOnePhase& message,
                            Now now);
  void not_remembered(const NodeName& from, const Gtid& gtid);

  const EngineOptions& options_;
  protocol::RecordLog& log_;
  Reports& reports_;
  const Parts parts_;
  NeverArrived never_arrived_;
};

}  // namespace troth::participant
