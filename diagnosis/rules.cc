#include "diagnosis/rules.h"

#include <array>

namespace troth::diagnosis {

namespace {

constexpr auto ok = Level::kOk;
constexpr auto warn = Level::kWarn;
constexpr auto fail = Level::kFail;
constexpr auto no = DataAtRisk::kNo;
constexpr auto possible = DataAtRisk::kPossible;
constexpr auto yes = DataAtRisk::kYes;
constexpr bool works = false;
constexpr bool refuses = true;

using enum RuleId;

constexpr std::array<Rule, kRules> kTable{{
    {kSound, "sound", ok, no, works, "", ""},

    {kLogMissing, "log-missing", fail, possible, refuses,
     "if there was a log, what only it knew is gone; the other nodes are whole",
     "lost-participant"},
    {kLogDamaged, "log-damaged", fail, yes, refuses,
     "what this log promised may be lost; nothing more is lost while the node is down",
     "log-corrupt"},
    {kLogUnreadable, "log-unreadable", fail, possible, refuses, "unknown until it can be read",
     "log-corrupt"},
    {kPairBroken, "pair-broken", fail, yes, refuses,
     "one of the two is older than what it promised, or another; nothing more is lost while the "
     "node is down",
     "restored-participant"},
    {kNoRoomToStart, "no-room-to-start", fail, no, refuses,
     "while the node is down, what it promised is in its log", "disk-full"},
    {kCopied, "copied", fail, possible, refuses,
     "nothing is lost while the node is down; a copy beside its original would lose data",
     "restored-participant"},
    {kStartRefused, "start-refused", fail, no, refuses,
     "while the node is down, what it promised is in its log", "agent-down"},
    {kDatabaseUnknown, "database-unknown", warn, no, works, "", "agent-down"},

    {kNodeUnreachable, "node-unreachable", fail, no, refuses,
     "while it is down, what it promised is in its log; prepared branches keep their rows locked",
     "coordinator-down"},
    {kQuarantine, "quarantine", fail, possible, refuses,
     "its log may have lost its end; nothing more is lost while it waits", "quarantine"},
    {kNodeFailed, "node-failed", fail, no, refuses,
     "it promises nothing more; its next start reads again what the disk holds", "disk-full"},
    {kFilesChanged, "files-changed", fail, yes, refuses,
     "what it wrote last may be in no directory: that lives only as long as its process",
     "files-changed"},
    {kHeld, "held", fail, no, refuses,
     "the log holds the transaction; nothing is served until it is settled", "held"},
    {kNotReady, "not-ready", warn, no, refuses, "new work is refused meanwhile",
     "coordinator-down"},
    {kLogFull, "log-full", fail, no, refuses, "decisions still fit into a reserve", "disk-full"},
    {kKeysFull, "keys-full", fail, no, works,
     "only requests with a new idempotency key are refused", "flood-of-aborts"},
    {kStatementStuck, "statement-stuck", fail, no, refuses,
     "its transaction aborts, or a restart recovers it", "agent-slow"},
    {kDescriptorsShort, "descriptors-short", warn, no, works,
     "new connections wait; what is connected works on", "descriptors"},
    {kDefaultCluster, "default-cluster", warn, no, works, "", "README"},
    {kInsecure, "insecure", warn, no, works, "who reaches its ports may read and change everything",
     "certificates"},
    {kCertificateUrgent, "certificate-urgent", fail, no, works,
     "links and clients are refused from then on; what is prepared keeps its rows locked",
     "certificates"},
    {kCertificateEnds, "certificate-ends", warn, no, works, "", "certificates"},
    {kClockOff, "clock-off", warn, no, works,
     "nothing is decided by clocks; only idempotency keys may be kept too short or long",
     "clock-jump"},
    {kVersionsDiffer, "versions-differ", warn, no, works, "one version apart is supported",
     "README"},

    {kMixed, "mixed", fail, yes, works, "the databases differ", "mixed-outcome"},
    {kByHand, "by-hand", fail, possible, works, "a decision by hand may differ from the true one",
     "mixed-outcome"},
    {kUnprovable, "unprovable", fail, yes, works,
     "decided otherwise than the other databases were, it is half a transaction",
     "lost-coordinator"},
    {kNewerLogExists, "newer-log-exists", fail, yes, works,
     "what was decided in its newer log is known to nobody else", "lost-coordinator"},
    {kUnconfirmed, "unconfirmed", fail, yes, works,
     "what they were to write there may be in no database", "lost-participant"},
    {kPrecommittedBefore, "precommitted-before-adoption", fail, no, works,
     "as long as nobody decides by hand: a majority of its members ends it", "lost-coordinator"},
    {kToldWithoutTrace, "told-without-trace", fail, yes, works,
     "a node forgot what it had promised: a committed transaction may be missing there", "alarm"},
    {kContradiction, "contradiction", fail, yes, works,
     "two nodes contradict each other about a transaction: one of them may have forgotten",
     "alarm"},
    {kOtherAlarm, "other-alarm", fail, yes, works, "a node forgot what it had promised", "alarm"},
    {kInDoubtBlocked, "in-doubt-blocked", fail, no, works,
     "the decision is logged or will be; rows stay locked until it arrives", "in-doubt-blocked"},
    {kWaitsForOthers, "waits-for-others", warn, no, works,
     "it waits for other votes until its deadline; rows stay locked so long", "agent-slow"},
    {kWaitsForVote, "waits-for-vote", warn, no, works,
     "without the vote they abort at their deadline", "agent-slow"},
    {kWaitsForLocks, "waits-for-locks", warn, no, works, "they vote no after lock-timeout",
     "agent-slow"},
    {kFloodOfAborts, "flood-of-aborts", warn, no, works, "an aborted transaction changed nothing",
     "flood-of-aborts"},

    {kPeerLostMemory, "peer-lost-memory", fail, yes, works,
     "what only its newest log held is known to nobody else", "restored-participant"},
    {kPeerQuarantined, "peer-quarantined", fail, possible, works,
     "its log may have lost its end; nothing more is lost while it waits", "quarantine"},
    {kPeerDisputes, "peer-disputes", fail, possible, works,
     "one of the two logs belongs to other nodes, or has lost its end", "quarantine"},
    {kPeerStopped, "peer-stopped", fail, possible, works,
     "it promises nothing more until an operator has acted there", "files-changed"},
    {kAddressWrong, "address-wrong", fail, no, works,
     "transactions that touch it abort; what committed is delivered later", "wrong-address"},
    {kAddressMoved, "address-moved", warn, no, works,
     "it is reached where it is; after its next start it must say so again", "wrong-address"},
    {kPeerNotNamed, "peer-not-named", fail, no, works,
     "transactions that touch it abort; what committed is delivered later", "wrong-address"},
    {kPeerNotProven, "peer-not-proven", fail, possible, works,
     "another program calls itself so, or a node has lost the key of its log", "wrong-address"},
    {kVersionsApart, "versions-apart", fail, no, works,
     "transactions that touch it abort; what committed is delivered later", "agent-down"},
    {kPeerSilent, "peer-silent", fail, no, works,
     "transactions that touch it abort; what committed is delivered later", "agent-down"},
    {kParticipantDown, "participant-down", fail, no, works,
     "transactions that touch it abort; what committed is delivered later", "agent-down"},
    {kCoordinatorDown, "coordinator-down", fail, no, works,
     "its log holds every decision; prepared rows stay locked", "coordinator-down"},
    {kMemberDown, "member-down", fail, no, works,
     "only three-phase transactions with it may have to wait for a majority", "agent-down"},
    {kPeerSlow, "peer-slow", warn, no, works, "locks are held longer, deadlines pass",
     "agent-slow"},
    {kPeerDrained, "peer-drained", warn, no, works, "", "README"},
    {kPeerRetired, "peer-retired", ok, no, works, "", ""},
    {kNotReachedFromHere, "not-reached-from-here", warn, no, works, "", "agent-down"},
    {kAnswersNot, "answers-not", warn, no, works,
     "transactions that touch it abort at their deadline", "agent-slow"},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRules; ++i)
    if (static_cast<std::size_t>(kTable[i].id) != i) return false;
  return true;
}
static_assert(in_order(), "a row for each RuleId, in its order");

}  // namespace

const Rule& rule(RuleId id) {
  return kTable[static_cast<std::size_t>(id)];
}

std::span<const Rule> all_rules() {
  return kTable;
}

std::string_view to_string(Level level) {
  return level == Level::kOk ? "OK" : level == Level::kWarn ? "WARN" : "FAIL";
}

std::string_view to_string(DataAtRisk at_risk) {
  return at_risk == DataAtRisk::kYes ? "yes" : at_risk == DataAtRisk::kPossible ? "possible" : "no";
}

int urgency(const Rule& rule) {
  return static_cast<int>(rule.at_risk) * 10 + static_cast<int>(rule.level);
}

}  // namespace troth::diagnosis
