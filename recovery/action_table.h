#pragma once
// Recovery as data (protocol.md section 7): (the coordinator's knowledge of a gtid) x (a
// participant's report of its branch) -> what to do. Total: a test enumerates every pair.

#include <cstdint>
#include <string_view>

namespace troth::recovery {

enum class CoordinatorKnows : std::uint8_t {
  kCommitUnended,    ///< COMMIT without END
  kEnded,            ///< END, or below ended_below
  kNothing,          ///< ABORT or no record, and its log is proven continuous
  kNothingUnproven,  ///< no record, and continuity is not proven (adopted copy)
};
enum class ParticipantSays : std::uint8_t { kPrepared, kNothing, kCommitted, kAborted };
enum class Action : std::uint8_t {
  kSendCommit,  ///< COMMIT, repeated until acked
  kSendAbort,   ///< presumed abort
  kCountAck,    ///< it is done there
  kIgnore,
  kLeaveAlone,    ///< tell it that continuity is not proven; an operator decides
  kAmnesiaAlarm,  ///< it must have been prepared and has no trace
  kMixedAlarm,    ///< the outcomes contradict each other
};

inline constexpr int kCoordinatorKnowsCount = 4;
inline constexpr int kParticipantSaysCount = 4;

Action action_for(CoordinatorKnows coordinator, ParticipantSays participant);
std::string_view to_string(Action action);

}  // namespace troth::recovery
