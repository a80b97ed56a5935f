#pragma once
// The actions of operators on this node: decisions by hand, until an operator forgets them, and the
// audit trail. Kept in the node's own log. Owned by an engine and touched by its thread alone.

#include <deque>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "protocol/record_log.h"

namespace troth::recovery {

struct OperatorTables {
  std::map<Gtid, protocol::HeuristicRecord> heuristics;
  /// A coordinator's: COMMIT that a lost participant has not confirmed.
  std::map<std::pair<Gtid, NodeName>, protocol::HeuristicRecord> unconfirmed;
  std::set<Gtid> forgotten;      ///< their decisions are acknowledged without being carried out
  std::deque<AuditEntry> audit;  ///< oldest first, bounded
  std::map<std::string, AuditEntry> drained;  ///< by participant: what drained it
  /// By peer: its log was older than what this node had seen of it, or another.
  std::map<std::string, AuditEntry> witnessed;
  /// By peer: the entry that forgot it last. Outcomes that only that peer knew stay unknown.
  std::map<std::string, AuditEntry> forgotten_peers;
};

/// A coordinator's log keeps its HEURISTIC records here. A record with a known truth settles the
/// debt of this participant alone.
void replay_unconfirmed(OperatorTables& tables, const protocol::HeuristicRecord& record);
/// The peer that an operator forgot with this record; "" = none, or a copy of an earlier record.
/// Call it before replay().
NodeName forgotten_peer(const OperatorTables& tables, const protocol::Record& record);
/// True if it was a record of operators.
bool replay(OperatorTables& tables, const protocol::Record& record);

class OperatorBook {
 public:
  explicit OperatorBook(protocol::DurableLog& log) : log_(log) {}

  void adopt(OperatorTables tables) { tables_ = std::move(tables); }
  const std::map<Gtid, protocol::HeuristicRecord>& heuristics() const { return tables_.heuristics; }
  const protocol::HeuristicRecord* find(const Gtid& gtid) const;
  bool was_forgotten(const Gtid& gtid) const { return tables_.forgotten.count(gtid) != 0; }
  const std::set<Gtid>& forgotten() const { return tables_.forgotten; }
  bool is_drained(const NodeName& participant) const {
    return tables_.drained.count(participant.text()) != 0;
  }
  const std::map<std::string, AuditEntry>& witnessed() const { return tables_.witnessed; }
  const std::map<std::string, AuditEntry>& forgotten_peers() const {
    return tables_.forgotten_peers;
  }
  const std::map<std::pair<Gtid, NodeName>, protocol::HeuristicRecord>& unconfirmed() const {
    return tables_.unconfirmed;
  }
  bool is_unconfirmed(const Gtid& gtid) const;
  /// A coordinator's: it was decided COMMIT, though its record may be gone. Its participants were
  /// not all heard, so nothing may be presumed of it.
  bool was_committed(const Gtid& gtid) const { return is_unconfirmed(gtid) || was_forgotten(gtid); }
  /// Newest first.
  std::vector<AuditEntry> audit(std::size_t limit) const;

  /// Forced. Also replaces an earlier record of the same gtid, for example when the truth is known.
  Lsn write(protocol::HeuristicRecord record);
  /// Forced.
  Lsn forget(const Gtid& gtid);
  /// Forced; also replaces an earlier one of the same transaction and participant.
  Lsn write_unconfirmed(protocol::HeuristicRecord record);
  /// Forced, as a record of this participant alone: what other lost participants owe of the
  /// transaction stays shown, whatever a crash leaves of the log. It must be unconfirmed.
  Lsn forget_unconfirmed(const Gtid& gtid, const NodeName& participant);
  Lsn note(AuditEntry entry);
  /// For a checkpoint, before the PEER records: it forgets a peer that came back later once more.
  void copy_forward();

 private:
  Lsn append(const protocol::Record& record);

  protocol::DurableLog& log_;
  OperatorTables tables_;
};

}  // namespace troth::recovery
