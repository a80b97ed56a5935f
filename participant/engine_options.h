#pragma once
// The settings of the agent's engine and its parts.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/log_key.h"
#include "base/trace.h"
#include "protocol/branch.h"
#include "protocol/quorum_ballot.h"

namespace troth::participant {

struct EngineOptions {
  NodeName name;
  LogId log_id;
  Epoch epoch;
  const LogSigner* signer = nullptr;  ///< outlives the engine; null: the log was made by 0.1
  std::string cluster;                ///< "" = default
  /// The peers that may connect, and their addresses (engine/peer_handshake.h).
  std::map<NodeName, std::string> coordinators, peers;
  protocol::RetryPolicy inquiry;                   ///< how an in-doubt branch asks
  protocol::SuspicionPolicy suspicion;             ///< how three-phase commit replaces a leader
  Duration lock_timeout{std::chrono::seconds(2)};  ///< longest wait for locks, else LOCK_TIMEOUT
  /// How long an older transaction waits for a younger one's locks before it wounds it: most
  /// conflicts end by themselves.
  Duration wound_after{std::chrono::milliseconds(3)};
  Duration wound_again{std::chrono::milliseconds(50)};  ///< a lost wound is repeated
  /// The file is committed at the latest this long after an apply: the longer, the more changes of
  /// one page are written once.
  Duration flush_interval{std::chrono::milliseconds(50)};
  /// Earlier, when for so long nothing has been executing or undecided: nothing more is to be
  /// expected.
  Duration quiet_interval{0};
  std::size_t flush_applies = 2000;  ///< or after so many
  std::size_t quiet_applies = 16;    ///< or after so many, when nothing is executing or undecided
  Duration durable_interval{
      std::chrono::seconds(1)};  ///< fsync of the file's own -wal, which frees log segments
  std::size_t most_aborted =
      65536;  ///< aborted ones that are remembered (participant/abort_memory.h)
  std::size_t max_branches = 20000;           ///< live ones; more are refused with BUSY
  std::size_t max_retained_keys = 1'000'000;  ///< of one-phase requests; then BUSY
  std::uint64_t checkpoint_bytes = std::uint64_t{128}
                                   << 20;  ///< of log, after which what lives is copied forward
  SpanSink* spans = nullptr;  ///< where spans of sampled branches go; outlives the engine
};

}  // namespace troth::participant
