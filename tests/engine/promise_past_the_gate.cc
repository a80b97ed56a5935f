// Compiled by ctest, never linked: every line marked "must not compile" is an error, and without
// them (PAST_THE_GATE not defined) the file is right.
#include "engine/durability_gate.h"

using namespace troth;
using namespace troth::protocol;

void questions_leave(Messenger& messenger, const NodeName& to) {
  messenger.send(to, Inquire{});
  messenger.send(OutgoingNow(to, InquireOnePhase{}));
}

void promises_wait(DurabilityGate& gate, const NodeName& to) {
  DurabilityGate::Held held;
  held.promises.emplace_back(to, Ack{});
  if (auto due = gate.hold(Lsn{1}, std::move(held))) gate.send(std::move(*due));
  while (auto due = gate.take_due(Lsn{1})) gate.send(std::move(*due));
  gate.repeat(to, Decide{});
}

#ifdef PAST_THE_GATE
void past_the_gate(DurabilityGate& gate, Messenger& messenger, const NodeName& to) {
  messenger.send(to, Ack{});                          // must not compile
  gate.send(to, VoteMessage{});                       // must not compile
  messenger.send(to, Message(Decide{}));              // must not compile
  messenger.send(OutgoingNow(to, OnePhaseResult{}));  // must not compile
  gate.pass(to, Ack{});                               // must not compile
  gate.send(DurabilityGate::Due({}, {}));             // must not compile
}
#endif
