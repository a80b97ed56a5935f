#pragma once
// The way out of the agent's engine. A promise (vote, ack, answer) leaves when the log is durable
// through the LSN it is held for.

#include <optional>
#include <vector>

#include "base/boxed.h"
#include "engine/reports.h"
#include "participant/engine_options.h"
#include "participant/standing.h"
#include "protocol/branch.h"
#include "protocol/held_by_lsn.h"
#include "protocol/record_log.h"
#include "protocol/transport.h"

namespace troth::participant {

/// Invariants: nobody outside ever sees work that a power cut could still take back, and a batch
/// never claims a shorter log than the promises in it need. Owned by the engine and touched by its
/// thread alone.
class Promises {
 public:
  struct Held {
    Gtid gtid;
    std::vector<protocol::Outgoing> messages;
    Boxed<TransactionOutcome> answer;            ///< of an embedded transaction
    std::optional<protocol::RecordType> record;  ///< the forced record this step appended
  };

  Promises(const EngineOptions& options, protocol::RecordLog& log, protocol::Transport& transport,
           const Standing& standing, Reports& reports)
      : options_(options),
        log_(log),
        transport_(transport),
        standing_(standing),
        reports_(reports) {}

  /// For messages that promise nothing.
  void send(const NodeName& to, protocol::Message&& message);
  /// Returns an answer whose time has come already. What waits for a record of its own always comes
  /// out of take_durable(), because its branch must hear of that: the log may have become durable
  /// between the append and this call.
  Boxed<TransactionOutcome> hold(Lsn until, Held&& held);
  /// One message that depends on no record of its own.
  void hold(Lsn until, const Gtid& gtid, const NodeName& to, protocol::Message&& message);
  /// Sends the next messages whose time has come and returns what else hangs on them. Nothing:
  /// there is none.
  std::optional<Held> take_durable(Lsn durable);
  /// Says in the headers of later batches how far the log is durable. Before any promise leaves:
  /// the batch that carries it must also say that the log reaches at least that far, or a peer
  /// could not tell later that this log lost it.
  void publish();

 private:
  void release(std::vector<protocol::Outgoing>& messages,
               const std::optional<protocol::RecordType>& record);

  const EngineOptions& options_;
  protocol::RecordLog& log_;
  protocol::Transport& transport_;
  const Standing& standing_;
  Reports& reports_;
  protocol::HeldByLsn<Held> held_;
  Lsn published_;
};

}  // namespace troth::participant
