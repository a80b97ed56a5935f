#pragma once
// The one table of everything that can be wrong with a node: one row for each rule. A rule's risk
// for the data is in the table only, so doctor, status, the HTTP port and the alerts agree.

#include <cstdint>
#include <span>
#include <string_view>

namespace troth::diagnosis {

enum class Level : std::uint8_t { kOk, kWarn, kFail };
enum class DataAtRisk : std::uint8_t { kNo, kPossible, kYes };

enum class RuleId : std::uint8_t {
  kSound,
  // the files of a node that does not run
  kLogMissing,
  kLogDamaged,
  kLogUnreadable,
  kPairBroken,
  kNoRoomToStart,
  kCopied,
  kStartRefused,
  kDatabaseUnknown,
  // a node
  kNodeUnreachable,
  kQuarantine,
  kNodeFailed,
  kFilesChanged,
  kHeld,
  kNotReady,
  kLogFull,
  kKeysFull,
  kStatementStuck,
  kDescriptorsShort,
  kDefaultCluster,
  kInsecure,
  kCertificateUrgent,
  kCertificateEnds,
  kClockOff,
  kVersionsDiffer,
  // its transactions
  kMixed,
  kByHand,
  kUnprovable,
  kNewerLogExists,
  kUnconfirmed,
  kPrecommittedBefore,
  kToldWithoutTrace,
  kContradiction,
  kOtherAlarm,
  kInDoubtBlocked,
  kWaitsForOthers,
  kWaitsForVote,
  kWaitsForLocks,
  kFloodOfAborts,
  // its peers
  kPeerLostMemory,
  kPeerQuarantined,
  kPeerDisputes,
  kPeerStopped,
  kAddressWrong,
  kAddressMoved,
  kPeerNotNamed,
  kPeerNotProven,
  kVersionsApart,
  kPeerSilent,
  kParticipantDown,
  kCoordinatorDown,
  kMemberDown,
  kPeerSlow,
  kPeerDrained,
  kPeerRetired,
  kNotReachedFromHere,
  kAnswersNot,
};
inline constexpr std::size_t kRules = static_cast<std::size_t>(RuleId::kAnswersNot) + 1;

struct Rule {
  RuleId id = RuleId::kSound;
  const char* name = "";  ///< stable: the label of metrics, the key in JSON
  Level level = Level::kOk;
  DataAtRisk at_risk = DataAtRisk::kNo;
  bool refuses_work = false;  ///< the node itself takes no new work: it is not ready
  const char* risk = "";      ///< the reason and the consequence; "" = nothing to add
  const char* page = "";      ///< docs/runbooks/<page>.md; "" = none
};

const Rule& rule(RuleId id);
/// All rows, in the order of RuleId.
std::span<const Rule> all_rules();

std::string_view to_string(Level level);         ///< OK, WARN, FAIL
std::string_view to_string(DataAtRisk at_risk);  ///< no, possible, yes
/// Among findings, the first is shown first.
int urgency(const Rule& rule);

}  // namespace troth::diagnosis
