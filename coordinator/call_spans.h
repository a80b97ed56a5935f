#pragma once
// Spans of transactions with a sampled traceparent, if the daemon writes spans. One span for each
// transaction, below it one for each call to a participant, and below that the participant's own.

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/trace.h"
#include "coordinator/engine_options.h"
#include "engine/durability_gate.h"
#include "engine/engine_loop.h"

namespace troth::coordinator {

/// Owns the calls under way of traced transactions; empty without tracing. Invariant: a call
/// becomes one span, however often its message is repeated. Owned by the engine and touched by its
/// thread alone.
class CallSpans {
 public:
  explicit CallSpans(const EngineOptions& options) : options_(options) {}

  /// False: no transaction is traced.
  bool wanted() const { return options_.spans != nullptr; }
  /// A transaction is traced. For others, the functions below do nothing.
  bool any() const { return !calls_.empty(); }

  /// The client's context; nothing unless a span is to be written. Afterwards `traceparent` names
  /// this transaction's span, so that those of participants hang below it.
  std::unique_ptr<TraceContext> join(const Gtid& gtid, std::string& traceparent) const;
  /// `above`: what join() gave. The message names the span that will be written when the answer is
  /// there.
  void begin(const Gtid& gtid, const TraceContext* above, protocol::OutgoingNow& out, Now now);
  /// Begins a span for each COMMIT among the messages that are due.
  void begin(const DurabilityGate::Due& due, Now now);
  void end(const Gtid& gtid, const NodeName& to, std::string_view method, const std::string& error,
           Now now);
  /// The transaction is aborted: ends the spans of participants that have not answered.
  void end_all(const Gtid& gtid, const std::string& error, Now now);
  void forget(const Gtid& gtid) {
    if (any()) calls_.erase(gtid);
  }

  void end_transaction(const TraceContext& above, const char* name,
                       const TransactionOutcome& outcome, Duration lasted, Now now) const;
  /// Of one found in the log: its own span ended with the answer, or was lost with the process.
  void end_recovered(const protocol::GlobalCommit& machine, std::optional<Outcome> outcome,
                     Duration lasted, Now now) const;

 private:
  struct Call {
    NodeName to;
    std::string_view method;  // a literal
    MonotonicTime since;
    bool ended = false;
  };
  struct Calls {
    TraceContext own;  // of the transaction's span
    std::vector<Call> all;
  };

  void begin(const Gtid& gtid, const TraceContext* above, const NodeName& to,
             std::string_view method, std::string* traceparent, Now now);

  const EngineOptions& options_;
  std::unordered_map<Gtid, Calls> calls_;
};

}  // namespace troth::coordinator
