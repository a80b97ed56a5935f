#pragma once
// The only class that sends promises: votes, decisions, acknowledgements, ballots, results.
// Whatever promises something about the log waits here until the record that proves it is durable.
// Only the gate can send one. The rest of an engine has a Messenger, which refuses promise types at
// compile time (tests/engine/promise_past_the_gate.cc must not compile).

#include <optional>
#include <utility>
#include <vector>

#include "base/boxed.h"
#include "engine/messenger.h"
#include "protocol/held_by_lsn.h"
#include "protocol/record_log.h"
#include "troth/requests.h"

namespace troth {

/// Owns the promises that wait. Invariant: a promise leaves only after every record at or below
/// the LSN that it is held for is durable. Owned by an engine and touched by its thread alone.
class DurabilityGate : public Messenger {
  struct Passed {
    explicit Passed() = default;
  };

 public:
  /// What one step of a machine promises.
  struct Held {
    Gtid gtid;
    std::vector<protocol::Outgoing> promises;
    Boxed<TransactionOutcome> answer;            ///< to the client
    std::optional<protocol::RecordType> record;  ///< the forced record this step appended
  };
  /// What may leave. Made by the gate alone.
  class Due {
   public:
    Due(Passed, Held&& held) : held_(std::move(held)) {}
    const Gtid& gtid() const { return held_.gtid; }
    const std::optional<protocol::RecordType>& record() const { return held_.record; }
    const std::vector<protocol::Outgoing>& promises() const { return held_.promises; }
    Boxed<TransactionOutcome> take_answer() { return std::move(held_.answer); }
    std::vector<protocol::Outgoing> take_promises(Passed) { return std::move(held_.promises); }

   private:
    Held held_;
  };

  DurabilityGate(protocol::DurableLog& log, protocol::Transport& transport,
                 const Standing& standing, Reports& reports)
      : Messenger(transport, standing, reports), log_(log) {}

  /// Returns what may leave at once. Promises with a record of their own always come out of
  /// take_due(), even if the disk was quicker than this call: their machine must hear of it too, or
  /// it would wait for ever.
  std::optional<Due> hold(Lsn until, Held&& held) {
    if (!held.record && log_.is_durable(until)) return Due(Passed(), std::move(held));
    held_.add(until, std::move(held));
    return std::nullopt;
  }
  /// A majority of logs holds the decision, so it need not wait for this log. Promises with a
  /// record of their own still wait.
  std::optional<Due> hold_decided_by_majority(Lsn until, Held&& held) {
    return hold(held.record ? until : Lsn{}, std::move(held));
  }
  /// The next one whose time has come, in the order of the log. Nothing: there is none.
  std::optional<Due> take_due(Lsn durable) {
    if (!held_.due(durable)) return std::nullopt;
    return Due(Passed(), held_.take());
  }

  using Messenger::send;
  /// `around(message, leave)` is called for each promise, and must call `leave()` once.
  template <class Around>
  void send(Due&& due, Around&& around) {
    for (auto& out : due.take_promises(Passed())) {
      const protocol::Message& message = out.message;
      around(message, [&] { pass(out.to, std::move(out.message)); });
    }
  }
  void send(Due&& due) {
    send(std::move(due), [](const protocol::Message&, const auto& leave) { leave(); });
  }

  /// Sends again a promise that was durable before, here or at a majority: the outcome of a
  /// transaction that has ended, or the COMMIT of one that does not wait for some participant. Its
  /// machine is gone, so there is no record to wait for.
  template <class M>
  void repeat(const NodeName& to, M&& promise) {
    static_assert(protocol::is_promise_v<std::remove_cvref_t<M>>, "use send()");
    pass(to, protocol::Message(std::forward<M>(promise)));
  }
  /// ABORT of a transaction of which this log holds no record and never will: presumed abort.
  /// Nothing has to become durable, because losing this log's end proves the same.
  void presume_abort(const NodeName& to, const Gtid& gtid, AbortReason reason) {
    pass(to, protocol::Decide{gtid, Decision::kAbort, AnswerAt::kDecided, std::move(reason)});
  }

 private:
  protocol::DurableLog& log_;
  protocol::HeldByLsn<Held> held_;
};

}  // namespace troth
