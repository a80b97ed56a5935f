#pragma once
// An interactive transaction at its coordinator, until its commit is asked for. Pure: no clock, no
// network. No log holds any of it: every failure before the commit is an abort.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/effects.h"
#include "protocol/retry.h"

namespace troth::protocol {

/// Invariant: one EXECUTE is under way at a time, and it is repeated until it is answered or the
/// transaction ends. After an effect `aborted` the machine must not be used any more.
class Conversation {
 public:
  struct Setup {
    Gtid gtid;
    Priority priority;
    MonotonicTime deadline;  ///< of the whole transaction
    Duration idle_timeout{0};
    std::string traceparent;
    RetryPolicy resend;
  };
  struct Touched {
    NodeName participant;
    std::uint32_t executed = 0;  ///< EXECUTEs that were answered
    Epoch epoch;                 ///< of the participant, which must not change
  };
  enum class Cause : std::uint8_t { kBranch, kDeadline, kIdle };
  struct Aborted {
    Cause cause = Cause::kBranch;
    AbortReason reason;
  };
  struct Effects {
    std::optional<OutgoingNow> send;
    std::optional<std::vector<StatementResult>> results;  ///< of the EXECUTE under way
    std::optional<Aborted> aborted;
  };

  Conversation(Setup setup, MonotonicTime now) : setup_(std::move(setup)), last_use_(now) {}

  /// Nothing may be under way.
  Effects execute(const NodeName& participant, std::vector<Statement>&& statements,
                  MonotonicTime now);
  Effects on_result(const NodeName& from, const ExecuteResult& result, MonotonicTime now);
  /// The participant has lost its executions of an earlier epoch.
  Effects on_restarted(const NodeName& participant, Epoch epoch) const;
  Effects tick(MonotonicTime now);

  const Setup& setup() const { return setup_; }
  /// In the order in which they were touched first.
  const std::vector<Touched>& branches() const { return branches_; }
  const Touched* find(const NodeName& participant) const;
  /// Where an EXECUTE is under way; nullptr: it is the client's turn.
  const NodeName* runs_at() const { return running_ ? &running_->participant : nullptr; }
  MonotonicTime last_use() const { return last_use_; }
  MonotonicTime next_wake() const;

 private:
  struct Running {
    Execute message;
    NodeName participant;
    MonotonicTime next_resend;
    std::uint32_t attempts = 0;
  };

  OutgoingNow send(MonotonicTime now);

  const Setup setup_;
  MonotonicTime last_use_;
  std::vector<Touched> branches_;
  std::optional<Running> running_;
};

}  // namespace troth::protocol
