#pragma once
// Interactive transactions until their commit is requested. The commit itself is that of any other
// transaction, with PREPAREs that name the executed pieces of the branches.

#include <map>
#include <memory>
#include <optional>

#include "coordinator/admission.h"
#include "coordinator/ended_book.h"
#include "coordinator/transactions.h"
#include "protocol/conversation.h"

namespace troth::coordinator {

/// Owns every open transaction with its client's pending call. Invariant: a pending call is
/// answered when its statement was executed or the transaction ends, once. Owned by the engine and
/// touched by its thread alone.
class Conversations {
 public:
  struct Open {
    protocol::Conversation machine;
    BeginRequest request;
    std::unique_ptr<TraceContext> trace;
    MonotonicTime since;
    protocol::InteractivePort::ExecuteDone done;  ///< of the statement under way
  };
  using Table = std::map<Gtid, Open>;
  struct Parts {
    const Admission& admission;
    const TransactionTable& table;
    Transactions& transactions;
    KnownOutcomes& outcomes;
    EndedBook& history;
    Ages& ages;
  };
  Conversations(Core& core, Parts parts) : core_(core), parts_(parts) {}

  // clients
  void begin(BeginRequest request, protocol::InteractivePort::BeginDone done, Now now);
  void execute(const Gtid& gtid, BranchRequest request, protocol::InteractivePort::ExecuteDone done,
               Now now);
  void commit(const Gtid& gtid, protocol::SubmitDone done, Now now);
  void rollback(const Gtid& gtid, protocol::SubmitDone done, Now now);

  // peers and time
  void on_result(const NodeName& from, const protocol::ExecuteResult& result, Now now);
  void on_restarted(const NodeName& peer, Epoch epoch, Now now);
  std::optional<MonotonicTime> next_wake() const;
  void tick(Now now);
  void abort_all(const AbortReason& reason, Now now);

  bool has(const Gtid& gtid) const { return open_.count(gtid) != 0; }
  const Table& all() const { return open_; }

 private:
  std::optional<Refusal> not_open(const Gtid& gtid, bool may_run,
                                  std::optional<TransactionOutcome>& ended) const;
  void carry_out(const Gtid& gtid, protocol::Conversation::Effects&& effects, Now now);
  TransactionOutcome abort(Gtid gtid, AbortReason reason, Now now);

  Core& core_;
  const Parts parts_;
  Table open_;
  std::multimap<MonotonicTime, Gtid> timers_;  // never taken back
};

}  // namespace troth::coordinator
