#pragma once
// The base of the agent's engine: this node's identity, its peers, its log, its worker, and the
// counters. It knows no branch.

#include <string>
#include <utility>

#include "engine/peer_handshake.h"
#include "engine/positions_log.h"
#include "engine/record_append.h"
#include "engine/reports.h"
#include "engine/standing.h"
#include "participant/engine_options.h"
#include "participant/worker_port.h"
#include "protocol/record_log.h"
#include "protocol/transport.h"

namespace troth::participant {

/// Owned by the engine, outlives the parts and is touched by the engine's thread alone.
struct Core {
  Core(EngineOptions given, protocol::RecordLog& record_log, protocol::Transport& out,
       WorkerPort& worker_port, Logger logger)
      : options(std::move(given)),
        peers({options.name, Role::kParticipant, options.cluster, options.log_id, options.epoch,
               options.signer}),
        log(record_log, peers.table()),
        transport(out),
        worker(worker_port),
        reports(std::move(logger)) {}
  Core(const Core&) = delete;  // parts and members refer to its members
  Core& operator=(const Core&) = delete;

  void append(const protocol::Record& record) { append_record(log, reports, record); }

  /// How far peers hear that this log reaches.
  Lsn reaches() const { return standing.quarantine().reaches(log.durable()); }

  const EngineOptions options;
  std::string own_address;  ///< host:port under which peers reach this node
  PeerHandshake peers;
  PositionsLog log;
  protocol::Transport& transport;
  WorkerPort& worker;
  Reports reports;
  Standing standing;
};

}  // namespace troth::participant
