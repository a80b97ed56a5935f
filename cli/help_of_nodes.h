#pragma once
// Topics of `troth help` about other nodes: what operators do with participants and peers.

namespace troth::cli {

inline constexpr const char* kHelpOfParticipant =
    R"help(troth participant list
troth participant show NAME          its own status
troth participant locks NAME [--all] [--txn ID] [--limit 100] [--after CURSOR]
                                     transactions that hold rows and that
                                     wait for them; --all: also rows that no
                                     transaction waits for
troth participant drain NAME [--reason TEXT]
                                     nothing new touches it; what runs goes on.
                                     Until resumed
troth participant resume NAME
troth participant orphans            branches in doubt that the coordinator does
                                     not work on; exits 6 if there are any

At the coordinator, of a participant that will never come back:
troth participant lost NAME --dry-run
                           the committed transactions that wait for it, and
                           the consequences; changes nothing
troth participant lost NAME --reason TEXT --confirm NAME
                           they wait no longer, stay committed, and are shown as
                           heuristic_hazard. While it is connected: only the
                           transactions that it holds no trace of
troth participant lost NAME --forget --reason TEXT --confirm NAME
                           its missing writes were repaired: stop showing them
)help";

inline constexpr const char* kHelpOfPeer =
    R"help(troth peer forget NAME --dry-run     whether anything is owed by it or to it;
                                     changes nothing
troth peer forget NAME --reason TEXT --confirm NAME
                                     it is neither shown nor expected any more

  Of a node that the settings no longer name and that never comes back: a
  coordinator that was replaced (ask its participants), a participant that was
  declared lost (ask its coordinator). Refused while it is connected or
  configured, and while anything is owed. What was known of its log is
  forgotten with it: a node that comes under its name later is a new one.
)help";

}  // namespace troth::cli
