#include "recovery/action_table.h"

#include <array>

namespace troth::recovery {

namespace {

using Row = std::array<Action, kParticipantSaysCount>;

// Columns: PREPARED, nothing, COMMITTED, ABORTED.
constexpr std::array<Row, kCoordinatorKnowsCount> kTable = {
    Row{Action::kSendCommit, Action::kAmnesiaAlarm, Action::kCountAck,
        Action::kMixedAlarm},  // COMMIT, no END
    Row{Action::kMixedAlarm, Action::kIgnore, Action::kIgnore,
        Action::kMixedAlarm},  // END: every ack was in
    Row{Action::kSendAbort, Action::kIgnore, Action::kMixedAlarm,
        Action::kIgnore},  // presumed abort
    Row{Action::kLeaveAlone, Action::kLeaveAlone, Action::kLeaveAlone,
        Action::kLeaveAlone},  // nothing may be presumed
};

}  // namespace

Action action_for(CoordinatorKnows coordinator, ParticipantSays participant) {
  return kTable[static_cast<std::size_t>(coordinator)][static_cast<std::size_t>(participant)];
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::kSendCommit:
      return "send COMMIT";
    case Action::kSendAbort:
      return "send ABORT";
    case Action::kCountAck:
      return "count the ack";
    case Action::kIgnore:
      return "ignore";
    case Action::kLeaveAlone:
      return "leave alone";
    case Action::kAmnesiaAlarm:
      return "amnesia alarm";
    case Action::kMixedAlarm:
      return "mixed-outcome alarm";
  }
  return "?";
}

}  // namespace troth::recovery
