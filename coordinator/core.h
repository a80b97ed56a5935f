#pragma once
// The base of every part of the coordinator's engine: this node's identity, its log, its outgoing
// messages, and the counters. No transaction is known here.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/call_spans.h"
#include "coordinator/links.h"
#include "coordinator/meters.h"
#include "coordinator/own_gtids.h"
#include "coordinator/vouchers.h"
#include "engine/durability_gate.h"
#include "engine/peer_handshake.h"
#include "engine/positions_log.h"
#include "engine/record_append.h"
#include "protocol/one_phase_commit.h"
#include "protocol/record_log.h"

namespace troth::coordinator {

/// Owned by the engine, outlives the parts and is touched by the engine's thread alone.
struct Core {
  Core(EngineOptions given, protocol::RecordLog& record_log, protocol::Transport& transport,
       Logger logger)
      : options(std::move(given)),
        peers({options.name, Role::kCoordinator, options.cluster, options.log_id, options.epoch,
               options.signer}),
        log(record_log, peers.table()),
        reports(std::move(logger)),
        position(options.log_id, options.epoch, options.signer),
        gate(log, transport, standing, reports),
        own(options, peers.lives()),
        vouchers(options),
        spans(options) {}
  Core(const Core&) = delete;  // parts and members refer to its members
  Core& operator=(const Core&) = delete;

  void append(const protocol::Record& record) { append_record(log, reports, record); }

  /// How far peers hear that this log reaches.
  Lsn reaches() const { return standing.quarantine().reaches(log.durable()); }
  /// A message to its participant would not arrive now.
  bool cut_off(const protocol::OnePhaseCommit& machine) const {
    return !links.is_connected(machine.setup().participant);
  }

  /// The configured participants, and those that this log has met under earlier settings.
  std::vector<NodeName> participants_ever_met() const {
    std::set<NodeName> out;
    for (const auto& [name, address] : options.participants) out.insert(name);
    for (const auto& peer : peers.records())
      if (peer.role == Role::kParticipant && !peer.position.log_id.is_nil()) out.insert(peer.name);
    for (const auto& name : forgotten) out.erase(name);
    return {out.begin(), out.end()};
  }

  /// A participant that has not vouched for this log yet, if a missing record of `gtid` proves
  /// nothing without its word. Nothing: it does. This start's own transactions need no voucher.
  std::optional<NodeName> voucher_missing_for(const Gtid& gtid) const {
    if (gtid.epoch() >= options.epoch) return std::nullopt;
    for (const auto& name : participants_ever_met())
      if (!vouchers.has(name)) return name;
    return std::nullopt;
  }

  EngineOptions options;
  std::string own_address;  ///< host:port under which peers reach this node
  PeerHandshake peers;
  PositionsLog log;
  Reports reports;
  Standing standing;
  const OwnPosition position;
  DurabilityGate gate;
  OwnGtids own;
  Vouchers vouchers;
  Meters meters;
  CallSpans spans;
  Links links;
  /// Participants that the settings no longer name, and those that an operator has forgotten. Their
  /// names stay in `options`.
  std::set<NodeName> unnamed, forgotten;
};

}  // namespace troth::coordinator
