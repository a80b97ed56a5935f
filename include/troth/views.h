#pragma once
// The state of a daemon, its links and its transactions, for screens and metrics. No decision rests
// on a view.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "troth/ids.h"
#include "troth/locks.h"
#include "troth/nodes.h"
#include "troth/time.h"

namespace troth {

/// One line of `troth txn list`.
struct TransactionSummary {
  Gtid gtid;
  std::string state;  ///< preparing, deciding, committing, aborting, one_phase, prepared, ...
  std::string protocol;
  Duration age{0};
  std::string decision;               ///< commit, abort, or "" while undecided
  std::vector<NodeName> waiting_for;  ///< who blocks it
  std::int32_t attempts = 0;
  std::optional<Duration> next_retry;  ///< nothing: none planned
  std::string comment;
  // Of one that ended, from the history:
  std::vector<NodeName> participants{};
  std::string idempotency_key{};
  std::int64_t ended_unix_ms = 0;
  std::string reason_code{};  ///< of an abort, for example TIMEOUT
};
struct BranchDetail {
  NodeName participant;
  std::string vote;   ///< yes, no, read_only, or "" while unknown
  std::string state;  ///< executing, prepared, committed, acked, ...
  std::int32_t attempts = 0;
  std::string last_error;
  std::vector<std::string> statements;  ///< SQL texts without parameters
};
struct TransactionDetail {
  TransactionSummary summary;
  std::vector<BranchDetail> branches;
  std::string explanation;  ///< what it waits for and whether data is at risk, one or two sentences
  std::vector<std::string> events;  ///< timeline, oldest first, bounded
  std::string revision;             ///< of the state shown, for resolve; "" = nothing to resolve
  // A participant's:
  std::vector<LockedResource> locks;  ///< that it holds or waits for; cut
  bool more_locks = false;
  std::vector<BlockedTransaction> blocked;  ///< who waits for it, longest first; cut
  std::uint64_t blocked_total = 0;
  std::uint64_t gave_up = 0;  ///< who waited for it and voted no, since the start
};

/// How long one phase took for the transactions since the start.
struct PhaseLatency {
  std::string phase;  ///< queue, prepare, log_decision, commit
  Duration sum{0};
  /// Largest value of a bucket (LatencyHistogram) -> how many.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets_ns;
};

/// How a node is protected on the network.
struct NodeSecurity {
  /// "tls", "loopback" (plain TCP that only this machine reaches) or "insecure"; "": an older node
  std::string transport;
  std::string certificate;  ///< its name, number and dates; "" = none
  std::optional<WallTime> certificate_until;
};

struct NodeStatus {
  NodeName name;
  Role role = Role::kCoordinator;
  std::string state;  ///< ready, recovering, draining
  NodePosition position;
  Lsn appended;
  Duration up{0};
  std::string version;
  std::vector<LinkStatus> links;
  std::vector<std::pair<std::string, std::uint64_t>>
      counters;  ///< stable names: forced_writes, messages_sent, committed, ...
  std::uint64_t in_doubt = 0;
  Duration oldest_in_doubt{0};
  std::vector<std::string> alarms;   ///< sentences; not empty = a human is needed
  std::vector<PhaseLatency> phases;  ///< a coordinator's
  NodeSecurity security;

  /// To all peers.
  std::uint64_t bytes_sent() const {
    std::uint64_t sum = 0;
    for (const auto& link : links) sum += link.bytes_sent;
    return sum;
  }
};

enum class TransactionFilter : std::uint8_t {
  kAll = 0,
  kInDoubt = 1,
  kActive = 2,
  kRecent = 3,
  kEnded = 4
};

struct ListRequest {
  TransactionFilter filter = TransactionFilter::kAll;
  std::size_t limit = 100;
  std::string after;  ///< `next` of the page before; "" = the first page
  // With kEnded:
  WallTime since{};           ///< ended then or later
  std::string key{};          ///< idempotency key; "" = any
  std::string participant{};  ///< one of its participants; "" = any
};

struct TransactionPage {
  std::vector<TransactionSummary> transactions;
  std::string next;  ///< cursor of the page that follows; "" = this is the last
};

}  // namespace troth
