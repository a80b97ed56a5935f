#pragma once
// The way out of the agent's engine. A promise (vote, ack, answer) leaves when the log is durable
// through the LSN it is held for.

#include <optional>
#include <utility>

#include "engine/durability_gate.h"
#include "participant/engine_options.h"

namespace troth::participant {

/// Owns the gate. Invariant: a batch never claims a
/// shorter log than the promises in it need. Owned by the engine and touched by its thread alone.
class Promises {
 public:
  using Held = DurabilityGate::Held;
  /// What hangs on promises that have left.
  struct Kept {
    Gtid gtid;
    Boxed<TransactionOutcome> answer;            ///< of an embedded transaction
    std::optional<protocol::RecordType> record;  ///< the forced record their step appended
  };

  Promises(const EngineOptions& options, protocol::DurableLog& log, protocol::Transport& transport,
           const Standing& standing, Reports& reports)
      : options_(options), log_(log), gate_(log, transport, standing, reports) {}

  /// For messages that promise nothing; no other compiles.
  template <class M>
  void send(const NodeName& to, M&& message) {
    gate_.send(to, std::forward<M>(message));
  }
  void send(protocol::OutgoingNow&& out) { gate_.send(std::move(out)); }
  /// Says once more what was durable before; its branch is gone.
  template <class M>
  void repeat(const NodeName& to, M&& promise) {
    gate_.repeat(to, std::forward<M>(promise));
  }
  /// Returns an answer whose time has come already. What waits for a record of its own always comes
  /// out of take_durable().
  Boxed<TransactionOutcome> hold(Lsn until, Held&& held);
  /// One message that depends on no record of its own.
  void hold(Lsn until, const Gtid& gtid, const NodeName& to, protocol::Message&& message);
  /// Sends the next promises whose time has come. Nothing: there are none.
  std::optional<Kept> take_durable(Lsn durable);
  /// Says in the headers of later batches how far the log is durable. Before any promise leaves:
  /// the batch that carries it must also say that the log reaches at least that far, or a peer
  /// could not tell later that this log lost it.
  void publish();

 private:
  void release(DurabilityGate::Due&& due);

  const EngineOptions& options_;
  protocol::DurableLog& log_;
  DurabilityGate gate_;
};

}  // namespace troth::participant
