#pragma once
// The settings of a coordinator's engine.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/ids.h"
#include "base/log_key.h"
#include "base/trace.h"
#include "history/key_store.h"
#include "history/outcome_store.h"
#include "protocol/global_commit.h"
#include "protocol/retry.h"
#include "troth/requests.h"

namespace troth::coordinator {

struct EngineOptions {
  NodeName name;
  LogId log_id;
  Epoch epoch;
  const LogSigner* signer = nullptr;  ///< outlives the engine; null: the log was made by 0.1
  std::string cluster;                ///< "" = default
  std::map<NodeName, std::string> participants;       ///< name -> host:port
  Duration prepare_timeout{std::chrono::seconds(2)};  ///< of a transaction that names no deadline
  Duration interactive_deadline{std::chrono::seconds(60)};  ///< likewise, from begin to decision
  Duration idle_timeout{std::chrono::seconds(10)};  ///< an interactive one without a call is ended
  protocol::RetryPolicy resend;
  /// Of a transaction that names none.
  CommitProtocol protocol = CommitProtocol::kTwoPhase;
  protocol::SuspicionPolicy suspicion;  ///< three-phase
  Duration key_retention{std::chrono::hours(24)};
  /// After a start: how long participants in doubt wait for the others to greet (Vouchers).
  Duration voucher_grace{std::chrono::seconds(3)};
  WallTime log_born;  ///< when the log was made or adopted; 0 = not known
  std::size_t max_in_flight = 10000;
  std::size_t max_recent = 200000;  ///< outcomes of ended transactions kept in memory
  std::uint64_t checkpoint_bytes = std::uint64_t{128} << 20;
  std::uint64_t slow_after = 4096;         ///< newer gtids; see UnfinishedList
  history::KeyStore* key_store = nullptr;  ///< outlives the engine; nullptr: keys stay in memory
  /// Outlives the engine; nullptr: only the newest outcomes are kept, in memory.
  history::OutcomeStore* outcome_store = nullptr;
  std::size_t max_retained_keys = 10'000'000;
  SpanSink* spans = nullptr;  ///< where spans of sampled transactions go; outlives the engine

  /// The name as it is kept here, for callers that avoid a copy. nullptr: no participant has this
  /// name. Names are never taken out.
  const NodeName* find(const NodeName& participant) const {
    const auto found = participants.find(participant);
    return found == participants.end() ? nullptr : &found->first;
  }
};

}  // namespace troth::coordinator
