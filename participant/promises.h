#pragma once
// Sends the messages of the agent's engine. A promise (vote, ack, answer) leaves when the log is
// durable through the LSN that it waits for.

#include <optional>
#include <utility>

#include "engine/durability_gate.h"
#include "engine/own_position.h"
#include "participant/engine_options.h"

namespace troth::participant {

/// Owns the gate. Invariant: a batch never claims a
/// shorter log than the promises in it need. Owned by the engine and touched by its thread alone.
class Promises {
 public:
  using Held = DurabilityGate::Held;
  /// What must follow after promises have left.
  struct Kept {
    Gtid gtid;
    Boxed<TransactionOutcome> answer;            ///< of an embedded transaction
    std::optional<protocol::RecordType> record;  ///< the forced record their step appended
  };

  Promises(const EngineOptions& options, protocol::DurableLog& log, protocol::Transport& transport,
           const Standing& standing, Reports& reports)
      : own_(options.log_id, options.epoch, options.signer),
        log_(log),
        gate_(log, transport, standing, reports) {}

  /// For messages that promise nothing; others do not compile.
  template <class M>
  void send(const NodeName& to, M&& message) {
    gate_.send(to, std::forward<M>(message));
  }
  void send(protocol::OutgoingNow&& out) { gate_.send(std::move(out)); }
  /// Sends again a promise that was durable before; its branch is gone.
  template <class M>
  void repeat(const NodeName& to, M&& promise) {
    gate_.repeat(to, std::forward<M>(promise));
  }
  /// Returns an answer that may leave now. Promises with a record of their own always come out of
  /// take_durable().
  Boxed<TransactionOutcome> hold(Lsn until, Held&& held);
  /// One message that depends on no record of its own.
  void hold(Lsn until, const Gtid& gtid, const NodeName& to, protocol::Message&& message);
  /// Sends the next promises that are durable. Nothing: there are none.
  std::optional<Kept> take_durable(Lsn durable);
  /// Sets the durable LSN in the headers of later batches. Call it before any promise leaves: the
  /// batch with the promise must also say that the log reaches that far. Otherwise a peer could not
  /// tell later that this log lost it.
  void publish();

 private:
  void release(DurabilityGate::Due&& due);

  const OwnPosition own_;
  protocol::DurableLog& log_;
  DurabilityGate gate_;
};

}  // namespace troth::participant
