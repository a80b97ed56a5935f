#pragma once
// Steps the machines of running transactions and carries out the effects of a step: records,
// messages, answers to clients. Two files more: how a transaction starts (transaction_starts.cc),
// what arrives for one (transaction_messages.cc).

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/core.h"
#include "coordinator/tables.h"
#include "engine/peer_handshake.h"
#include "recovery/coordinator_replay.h"

namespace troth::coordinator {

/// Invariants: a client hears an outcome, and a participant a decision, only when the machine's
/// last forced record is durable; an outcome is known before any client hears of it. Owned by the
/// engine and touched by its thread alone.
class Transactions {
 public:
  /// The parts outlive this.
  Transactions(Core& core, Tables& tables, const PeerHandshake& peers)
      : core_(core), tables_(tables), peers_(peers) {}

  // starts
  /// `rows`: of its answer.
  void adopt(const protocol::CommitRecord& unended, const std::string& rows, Now now);
  void adopt(const recovery::UndecidedQuorum& undecided, const std::string& rows, Now now);
  /// An attempt of a request to several participants.
  void start(Attempt&& attempt, std::vector<protocol::SubmitDone>&& clients, Now now);
  void start_one_phase(SubmitRequest&& request, std::string&& digest, protocol::SubmitDone&& done,
                       Now now);
  /// What its client did before it asked for the commit of an interactive transaction.
  struct Begun {
    Priority age;
    MonotonicTime since;
    std::unique_ptr<TraceContext> trace;
  };
  /// `setup`: the protocol and the repetitions are chosen here.
  void start_executed(protocol::GlobalCommit::Setup&& setup, std::optional<CommitProtocol> asked,
                      Begun&& before, protocol::SubmitDone&& done, Now now);
  /// As a transaction that begins now names it.
  protocol::Member member(const NodeName& name) const;

  // what arrives
  /// False: no global commit of that gtid is running, and the message is as it was.
  bool take(const NodeName& from, protocol::Message& message, Now now);
  /// False: no one-phase commit of that gtid is running.
  bool take(const NodeName& from, const protocol::OnePhaseResult& result, Now now);
  /// Wound-wait across participants. False: no global commit of that gtid is running.
  bool take(const NodeName& from, const protocol::Wound& wound, Now now);
  void on_durable(Lsn durable, Now now);
  void on_restarted(const NodeName& peer, Epoch epoch, Now now);
  /// Whatever waits for it is sent at once instead of after its back-off.
  void on_reachable(const NodeName& peer, Now now);
  /// While its link was down, one-phase requests to it were not sent.
  void on_link_up(const NodeName& peer, Now now);
  void retry(const Gtid& gtid, Now now);
  /// An operator said that the participant is lost: its acknowledgement is not waited for.
  void give_up(const Gtid& gtid, const NodeName& participant, Now now);
  void tick(Now now);
  /// Aborts whatever is not decided yet (end of a drain's grace time).
  void cancel_undecided(Now now);

  /// Transactions whose client still waits for an answer.
  std::size_t unanswered() const;
  /// What lives, for a checkpoint.
  void copy_forward();

 private:
  void step(Transaction& txn, protocol::GlobalCommit::Event&& event, Now now);
  void step(Transaction& txn, const protocol::OnePhaseCommit::Event& event, Now now);
  void carry_out(Transaction& txn, protocol::EffectsOf<TransactionOutcome>&& effects, Now now);
  void keep_rows(Transaction& txn, const protocol::CommitEffects& effects);
  std::optional<protocol::RecordType> append(Transaction& txn, const protocol::Record& record,
                                             Now now);
  void release(DurabilityGate::Due&& due, Now now);
  void answer(const Gtid& gtid, TransactionOutcome&& outcome, Now now);
  std::vector<protocol::SubmitDone> take_clients(Transaction& txn, TransactionOutcome& outcome,
                                                 Now now);
  void note_one_phase(const Gtid& gtid, const TransactionOutcome& outcome, Now now);
  bool goes_on(const Gtid& gtid) const;
  void finish(const Gtid& gtid, Now now);
  void erase(const Gtid& gtid);
  void send_prepares(const Transaction& txn, const std::vector<protocol::PrepareTo>& prepares,
                     Now now);
  void measure_decided(Transaction& txn, Now now);
  void measure_answer(const Transaction& txn, const TransactionOutcome& outcome, Now now);
  bool lost_a_conflict(Transaction& txn, const TransactionOutcome& outcome, Now now);
  void start_again(Now now);
  void choose_protocol(protocol::GlobalCommit::Setup& setup,
                       std::optional<CommitProtocol> asked) const;
  void refuse_key(Transaction& txn, const NodeName& participant, Now now);
  void append_live(const Transaction& txn);

  Core& core_;
  Tables& tables_;
  const PeerHandshake& peers_;
  /// Lost a conflict in this step.
  std::vector<std::pair<Attempt, std::vector<protocol::SubmitDone>>> again_;
};

}  // namespace troth::coordinator
