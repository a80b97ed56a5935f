#include "recovery/operator_book.h"

#include <iterator>

#include "base/assert.h"

namespace troth::recovery {

using namespace protocol;

namespace {

constexpr std::size_t kKeptEntries = 500;

// A checkpoint writes what still holds behind the trail, however old it is.
void keep(std::deque<AuditEntry>& audit, AuditEntry entry) {
  auto at = audit.end();
  while (at != audit.begin() && std::prev(at)->when.unix_ms > entry.when.unix_ms) --at;
  audit.insert(at, std::move(entry));
  if (audit.size() > kKeptEntries) audit.pop_front();
}

// The trail also remembers which participants are drained, and which peers have lost memory.
void take(OperatorTables& tables, const AuditEntry& entry) {
  if (entry.action == "amnesia" && entry.result == "witnessed")
    tables.witnessed[entry.subject] = entry;
  if (entry.action == "amnesia" && entry.result == "disproved")
    tables.witnessed.erase(entry.subject);
  if (entry.result != "ok") return;
  if (entry.action == "drain") tables.drained[entry.subject] = entry;
  if (entry.action == "resume") tables.drained.erase(entry.subject);
  if (entry.action == "peer_forget") {
    tables.drained.erase(entry.subject);
    tables.witnessed.erase(entry.subject);
    tables.forgotten_peers[entry.subject] = entry;
  }
}

// A checkpoint copies the remaining entries; the copy must not double it.
bool is_copy(const std::deque<AuditEntry>& audit, const AuditEntry& entry) {
  for (const auto& known : audit)
    if (known.when.unix_ms == entry.when.unix_ms && known.action == entry.action &&
        known.subject == entry.subject && known.result == entry.result)
      return true;
  return false;
}

}  // namespace

void replay_unconfirmed(OperatorTables& tables, const HeuristicRecord& record) {
  const std::pair key(record.gtid, record.coordinator);
  if (record.truth == Outcome::kInDoubt) {
    tables.unconfirmed[key] = record;
  } else {
    tables.unconfirmed.erase(key);
    tables.forgotten.insert(record.gtid);
  }
}

NodeName forgotten_peer(const OperatorTables& tables, const Record& record) {
  const auto* audit = std::get_if<AuditRecord>(&record);
  if (audit == nullptr || audit->entry.action != "peer_forget" || audit->entry.result != "ok" ||
      is_copy(tables.audit, audit->entry))
    return {};
  const auto name = NodeName::parse(audit->entry.subject);
  return name ? *name : NodeName();
}

bool replay(OperatorTables& tables, const Record& record) {
  if (const auto* heuristic = std::get_if<HeuristicRecord>(&record)) {
    tables.heuristics[heuristic->gtid] = *heuristic;
  } else if (const auto* forget = std::get_if<ForgetRecord>(&record)) {
    tables.heuristics.erase(forget->gtid);
    tables.forgotten.insert(forget->gtid);
  } else if (const auto* audit = std::get_if<AuditRecord>(&record)) {
    // The entries after the first one count, even if a crash has cut off a checkpoint.
    if (is_copy(tables.audit, audit->entry)) return true;
    take(tables, audit->entry);
    keep(tables.audit, audit->entry);
  } else {
    return false;
  }
  return true;
}

const HeuristicRecord* OperatorBook::find(const Gtid& gtid) const {
  const auto found = tables_.heuristics.find(gtid);
  return found == tables_.heuristics.end() ? nullptr : &found->second;
}

std::vector<AuditEntry> OperatorBook::audit(std::size_t limit) const {
  std::vector<AuditEntry> out;
  for (auto at = tables_.audit.rbegin(); at != tables_.audit.rend() && out.size() < limit; ++at)
    out.push_back(*at);
  return out;
}

Lsn OperatorBook::append(const Record& record) {
  return log_.append(type_of(record), encode(record), force_of(record));
}

Lsn OperatorBook::write(HeuristicRecord record) {
  const Lsn lsn = append(record);
  const Gtid gtid = record.gtid;
  tables_.heuristics[gtid] = std::move(record);
  return lsn;
}

Lsn OperatorBook::forget(const Gtid& gtid) {
  tables_.heuristics.erase(gtid);
  tables_.forgotten.insert(gtid);
  return append(ForgetRecord{gtid});
}

bool OperatorBook::is_unconfirmed(const Gtid& gtid) const {
  const auto at = tables_.unconfirmed.lower_bound({gtid, NodeName()});
  return at != tables_.unconfirmed.end() && at->first.first == gtid;
}

Lsn OperatorBook::write_unconfirmed(HeuristicRecord record) {
  const Lsn lsn = append(record);
  replay_unconfirmed(tables_, record);
  return lsn;
}

Lsn OperatorBook::forget_unconfirmed(const Gtid& gtid, const NodeName& participant) {
  const auto found = tables_.unconfirmed.find({gtid, participant});
  TROTH_ASSERT(found != tables_.unconfirmed.end(), "gtid {}: {} owes nothing", gtid, participant);
  auto settled = found->second;
  settled.truth = Outcome::kCommitted;
  return write_unconfirmed(std::move(settled));
}

Lsn OperatorBook::note(AuditEntry entry) {
  const Lsn lsn = append(AuditRecord{entry});
  take(tables_, entry);
  keep(tables_.audit, std::move(entry));
  return lsn;
}

void OperatorBook::copy_forward() {
  for (const auto& entry : tables_.audit) append(AuditRecord{entry});
  // Behind the trail, which may have forgotten them: they still hold.
  for (const auto& [participant, entry] : tables_.drained) append(AuditRecord{entry});
  for (const auto& [peer, entry] : tables_.witnessed) append(AuditRecord{entry});
  for (const auto& [peer, entry] : tables_.forgotten_peers) append(AuditRecord{entry});
  for (const auto& gtid : tables_.forgotten) append(ForgetRecord{gtid});
  for (const auto& [gtid, record] : tables_.heuristics) append(record);
  for (const auto& [key, record] : tables_.unconfirmed) append(record);
}

}  // namespace troth::recovery
